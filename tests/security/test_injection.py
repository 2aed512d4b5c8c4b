"""Text of a customer stays text in every vendor's query language: nobody else's records are found by it (I3)."""

from __future__ import annotations

from uuid import uuid4

import pytest

from core.records import Entity
from sandbox.kit.testing import running_sandbox
from tests.connectors.support import Control
from tests.crash.systems import PROVIDERS, System

HOSTILE = [
    "O'Brien",
    "x' OR Name != 'x",
    "x' OR 'a' = 'a",
    'x" || Name != "x',
    'x") OR Name!=null OR Name==("x',
    "x\\' OR Id != '' --",
    "x%' OR DisplayName LIKE '%",
    "x'; DELETE FROM customer; --",
    "x' UNION SELECT id FROM customer --",
    "100% _sure_ \\",
    "a&where=1#?x=y+z",
    "line one\nWHERE Id != null",
    "${jndi:ldap://x}",
    "{{7*7}}",
]


@pytest.mark.parametrize("system", PROVIDERS, ids=lambda system: system.provider)
async def test_i3_a_hostile_name_finds_itself_alone(system: System) -> None:
    async with running_sandbox(system.provider) as url:
        control = Control(url, uuid4().hex[:12])
        try:
            await control.create(Entity.ACCOUNTS, system.making("Somebody Else Ltd"))
            made = {}
            taken = [name for name in HOSTILE if not set(name) & set(system.refused)]
            for name in taken:
                made[name] = system.id_of(await control.create(Entity.ACCOUNTS, system.making(name)))
            connector = (await control.services()).connect(system.provider)
            field = system.name[-1]
            for name, record_id in made.items():
                found = await connector.look_up(Entity.ACCOUNTS, field, [name], [field])
                assert {record.id for record in found} <= {record_id}, name
            found = await connector.look_up(Entity.ACCOUNTS, field, taken, [field])
            assert {record.id for record in found} <= set(made.values())
            await connector.close()
        finally:
            await control.aclose()

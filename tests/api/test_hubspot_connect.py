"""Connecting HubSpot: its own limits and settings are taken, its credentials checked by a call, mistakes named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.kit.testing import SandboxThread
from starter.services.probing import check, take_apart
from starter.services.refusals import Invalid


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    sandbox = SandboxThread("hubspot")
    sandbox.start()
    yield sandbox.url
    sandbox.stop()


@pytest.fixture
def credentials(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/_sandbox/credentials", trust_env=False).json()
    return found


@pytest.fixture
def portal_id(url: str) -> str:
    portal: dict[str, Any] = httpx.get(f"{url}/_sandbox/records/setup/portal", trust_env=False).json()
    return str(portal["portalId"])


async def test_what_the_sandbox_gives_is_what_connecting_takes(credentials: dict[str, Any], portal_id: str) -> None:
    checked = await check("hubspot", "int_hubspot", take_apart("hubspot", credentials))
    assert checked.account_id == portal_id
    assert checked.limits == {"requestsPerSecond": 91.67, "searchesPerSecond": 50.0}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"apiVersion": "v2"}, "credentials.apiVersion"),
        ({"portalId": "7"}, "credentials.portalId"),
        ({"limits": {"searchesPerSecond": 0}}, "credentials.limits.searchesPerSecond"),
        ({"limits": {"searchPerSecond": 5}}, "credentials.limits.searchPerSecond"),
        ({"baseUrl": "api.hubapi.com"}, "credentials.baseUrl"),
        ({"accessToken": "CK-1.none", "refreshToken": "na1-1.none"}, "credentials"),
    ],
)
async def test_i9_a_mistake_names_its_field(credentials: dict[str, Any], changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await check("hubspot", "int_hubspot", take_apart("hubspot", {**credentials, **changes}))
    assert [problem.field for problem in refused.value.problems] == [field]

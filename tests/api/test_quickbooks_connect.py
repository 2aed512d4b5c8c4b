"""Connecting QuickBooks: what its sandbox gives is taken, its company checked by a call, mistakes are named."""

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
    sandbox = SandboxThread("quickbooks")
    sandbox.start()
    yield sandbox.url
    sandbox.stop()


@pytest.fixture
def credentials(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/_sandbox/credentials", trust_env=False).json()
    return found


async def test_what_the_sandbox_gives_is_what_connecting_takes(credentials: dict[str, Any]) -> None:
    checked = await check("quickbooks", "int_quickbooks", take_apart("quickbooks", credentials))
    assert checked.account_id == credentials["realmId"]
    assert checked.limits == {"requestsPerSecond": 83.33, "batchesPerMinute": 400, "concurrent": 100}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"realmId": "acme"}, "credentials.realmId"),
        ({"realmId": "9130000000000001"}, "credentials"),
        ({"tenantId": "7"}, "credentials.tenantId"),
        ({"limits": {"batchesPerMinute": 0}}, "credentials.limits.batchesPerMinute"),
        ({"baseUrl": "quickbooks.api.intuit.com"}, "credentials.baseUrl"),
        ({"accessToken": "eyJ-1.none", "refreshToken": "AB11-1.none"}, "credentials"),
    ],
)
async def test_i9_a_mistake_names_its_field(credentials: dict[str, Any], changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await check("quickbooks", "int_quickbooks", take_apart("quickbooks", {**credentials, **changes}))
    assert [problem.field for problem in refused.value.problems] == [field]

"""Alguna's idempotency table, row by row (Alguna sheet 1.3)."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from tests.sandbox.alguna_client import Running, running_alguna

BODY = {"name": "Harbor Optics Ltd", "currency": "GBP"}


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


async def create(alguna: Running, key: str, body: object = BODY) -> httpx.Response:
    return await alguna.http.post("/customers", json=body, headers={"Idempotency-Key": key})


async def customers(alguna: Running) -> int:
    return int((await alguna.control("GET", "records/accounts"))["total"])


async def test_same_key_and_parameters_replay_the_answer(alguna: Running) -> None:
    first, second = await create(alguna, "k1"), await create(alguna, "k1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert [answer.headers["Idempotent-Replayed"] for answer in (first, second)] == ["false", "true"]
    assert second.headers["Idempotency-Key"] == "k1"
    assert await customers(alguna) == 1


async def test_other_parameters_are_refused(alguna: Running) -> None:
    await create(alguna, "k1")
    other = await create(alguna, "k1", {**BODY, "name": "Another"})
    assert other.status_code == 422
    assert other.json()["type"] == "about:blank"
    assert await customers(alguna) == 1


async def test_key_in_flight_is_a_409_that_says_when_to_retry(alguna: Running) -> None:
    await alguna.control("POST", "behaviour", {"latencyMs": 600})
    answers = await asyncio.gather(create(alguna, "k1"), create(alguna, "k1"))
    running, made = sorted(answers, key=lambda answer: answer.status_code, reverse=True)
    assert (made.status_code, running.status_code) == (200, 409)
    assert running.headers["Retry-After"] == "1"
    assert await customers(alguna) == 1


async def test_refusals_are_kept_too(alguna: Running) -> None:
    first, second = [await create(alguna, "k1", {"name": "A"}) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 422
    assert second.headers["Idempotent-Replayed"] == "true"


async def test_transient_error_releases_the_key(alguna: Running) -> None:
    await alguna.fault("error_503", times=1)
    failed, made = await create(alguna, "k1"), await create(alguna, "k1")
    assert (failed.status_code, failed.headers["Transient-Error"]) == (503, "true")
    assert failed.json()["status"] == 503
    assert (made.status_code, made.headers["Idempotent-Replayed"]) == (200, "false")


async def test_key_is_new_again_after_a_day(alguna: Running) -> None:
    await create(alguna, "k1")
    await alguna.control("POST", "behaviour", {"clockSkewSeconds": 24 * 3600 + 60})
    assert (await create(alguna, "k1")).headers["Idempotent-Replayed"] == "false"
    assert await customers(alguna) == 2


async def test_key_may_have_255_characters(alguna: Running) -> None:
    assert (await create(alguna, "k" * 255)).status_code == 200
    assert (await create(alguna, "k" * 256)).status_code == 400

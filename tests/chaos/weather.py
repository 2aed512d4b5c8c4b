"""Bad weather between the service and a vendor, brought about by the sandboxes' faults, and what must come of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import select
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from core import failpoints
from core.records import Side
from store import links, writes
from store.tables.runs import RecordError, Run
from store.tables.sync import Link
from tests.crash.systems import ALGUNA
from tests.crash.trial import SCOPE, Trial
from tests.engine.test_waiting import until

KINDS = (
    "rate_limit",
    "error_500",
    "error_503",
    "html_error",
    "redirect",
    "malformed_body",
    "empty_body",
    "truncated_body",
    "wrong_type",
    "drop_before_commit",
    "drop_after_commit",
    "slow",
)
ODD_NAMES = (
    "\N{GRINNING FACE} \N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN} GmbH",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\N{RIGHT-TO-LEFT OVERRIDE}dtL live\N{POP DIRECTIONAL FORMATTING}",
    "Nul\x00Byte Ltd",
    "Line\nBreak\tTab Ltd",
    "  Spaces Ltd  ",
    "'; DROP TABLE links; --",
    'O\'Brien \\ "Sons" %_ & <b>Ltd</b>',
    "=cmd|' /C calc'!A0",
    "e\u0301 and \u00e9 Ltd",
    "0",
    "null",
    "X" * 10_000_000,
)
# Who does not tell how long a limit holds is waited for longer and longer, QuickBooks for a minute at once.
LIMITS = {"salesforce": 3, "hubspot": 3, "quickbooks": 1}
SECONDS = {"rate_limit": 0.2, "error_503": 0.2, "slow": 0.3}


async def storm(trial: Trial, system: str, kind: str, match: dict[str, str]) -> Run:
    """Carry out a sync while matching calls go wrong; return its run."""
    times = LIMITS.get(system, 5) if kind == "rate_limit" else 2
    fault: dict[str, Any] = {"fault": kind, "times": times, "match": match}
    if kind in SECONDS:
        fault["retryAfter"] = SECONDS[kind]
    await trial.world.boxes.control(system, "POST", "faults", fault)
    run = await trial.world.sync(within=200)
    told = await trial.world.boxes.control(system, "GET", "faults")
    assert told["data"][0]["fired"], f"{kind} never struck"
    await trial.world.boxes.control(system, "DELETE", "faults")
    return run


async def tokens_die(trial: Trial, run: WorkflowHandle[Any, Any], most: int = 40) -> int:
    """End the provider's tokens after every few calls of a run; return how often."""
    provider = trial.system.provider

    async def over() -> bool:
        return (await run.describe()).status is not WorkflowExecutionStatus.RUNNING

    for deaths in range(most):
        await trial.world.boxes.control(provider, "POST", "auth", {"action": "expire_access_token"})
        before = len(await trial.world.boxes.calls(provider))

        async def worked(before: int = before) -> bool:
            # A call that is refused, its new token, the call again, and one more.
            return await over() or len(await trial.world.boxes.calls(provider)) > before + 3

        await until(worked, 60)
        if await over():
            return deaths
    return most


async def more_work(trial: Trial, count: int = 3) -> None:
    """Let people make a few records on each side, and rename some."""
    await trial.grow(count)
    await trial.edit(3)


async def all_errors(trial: Trial) -> list[RecordError]:
    """All errors of records that ever were, ended or not."""
    async with trial.world.services.db.session() as session:
        return list((await session.execute(select(RecordError))).scalars())


async def linked_ids(trial: Trial, side: Side) -> set[str]:
    """The ids of a side's linked records."""
    async with trial.world.services.db.session() as session:
        rows = (await session.execute(select(Link).where(Link.status == "active"))).scalars()  # type: ignore[arg-type]
        return {row.alguna_id if side is Side.ALGUNA else row.external_id for row in rows}


async def settle(trial: Trial) -> None:
    """Two syncs in good weather."""
    for _ in range(2):
        run = await trial.world.sync()
        assert run.status == "completed", run.problem


async def quiet(trial: Trial) -> None:
    """A further sync writes nothing, and nothing is open."""
    await trial.world.boxes.clear_calls()
    async with trial.world.worker():
        await trial.world.sync()
    assert await trial.world.boxes.writes() == []
    async with trial.world.services.db.session() as session:
        assert await writes.count_open(session, SCOPE) == 0


Act = Callable[[httpx.Client], None]


@contextmanager
def at(point: str, acts: Iterable[Act]) -> Iterator[None]:
    """Let people do one thing after the other, each time that the worker of this process reaches a fail point."""
    left = deque(acts)

    def do(name: str) -> None:
        if name == point and left:
            left.popleft()(person)

    # The worker waits meanwhile: so the act happens in exactly this instant.
    with httpx.Client(timeout=30, trust_env=False) as person:
        failpoints.arm(do)
        try:
            yield
        finally:
            failpoints.arm(None)


async def renaming(trial: Trial, count: int = 6) -> list[Act]:
    """Acts of people who rename records, each pair on one side only."""
    return [_renames(trial, side, record_id) for side, record_id in (await trial.desks())[:count]]


def _renames(trial: Trial, side: Side, record_id: str) -> Act:
    def act(person: httpx.Client) -> None:
        trial.edits += 1
        name = f"Renamed {trial.edits} Ltd"
        system = ALGUNA if side is Side.ALGUNA else trial.system
        reply = person.patch(f"{_place(trial, side)}/{record_id}", json=system.renaming(name))
        reply.raise_for_status()
        trial.names[side, record_id] = name

    return act


async def deleting(trial: Trial, side: Side, count: int = 3) -> list[Act]:
    """Rename records on one side, and return the acts of people who delete their partners on the other, `side`."""
    async with trial.world.services.db.session() as session:
        pairs = await links.active(session, SCOPE, side.other, trial.born[side.other])
    gone: list[str] = []
    for number, link in enumerate(list(pairs.values())[:count]):
        system = ALGUNA if side is Side.EXTERNAL else trial.system
        changes = system.renaming(f"Renamed in vain {number}")
        await trial.world.boxes.edit(system.provider, "accounts", link.id_on(side.other), **changes)
        gone.append(f"{_place(trial, side)}/{link.id_on(side)}")

    def act(person: httpx.Client) -> None:
        for url in gone:
            person.delete(url).raise_for_status()

    return [act]


async def odd_records(trial: Trial, side: Side) -> list[str]:
    """Let people make records with names as nobody expects them; return the ids of those that the vendor takes."""
    system = ALGUNA if side is Side.ALGUNA else trial.system
    made = []
    for name in ODD_NAMES:
        reply = await trial.world.boxes.http.post(_place(trial, side), json=system.making(name))
        if reply.is_success:
            made.append(str(reply.json()[system.id]))
    assert len(made) > len(ODD_NAMES) / 2
    return made


def _place(trial: Trial, side: Side) -> str:
    box = trial.world.boxes.alguna if side is Side.ALGUNA else trial.world.boxes.external
    return f"{box.url}/_sandbox/records/accounts"

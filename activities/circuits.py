"""Circuits: after many equal failures in a row, writes that would fail alike are not sent until one has been tried.

Other causes go on. A person sees one error that says what to do; the records that wait are listed as skipped. The next
pass sends a single one of them first: if it succeeds, all follow in the same pass; if not, they go on waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from activities.effects import Effects, store_effects
from activities.engine import PassContext
from activities.outcomes import pair_of, remember_ahead
from connectors.protocols import WriteResult, WriteStatus
from core.causes import cause_of, texts_of
from core.circuits import SUBJECT_PREFIX, Pattern, pattern_from, pattern_of
from core.errors import HINTS, RecordFailure
from store import circuits, errors, links, staging
from store.endings import Ending
from store.errors import FailedRecord
from store.tables.circuits import Circuit
from store.types import utc_now
from store.writes import OpenOperation

_TELLING = frozenset({WriteStatus.DONE, WriteStatus.REJECTED})


async def count_results(
    session: AsyncSession,
    context: PassContext,
    sent: Mapping[int, OpenOperation],
    results: Sequence[WriteResult],
    limit: int,
) -> None:
    """Count failures in a row by cause, open a circuit at `limit`, and close those of which a write has succeeded."""
    told = [item for item in results if item.status in _TELLING]
    done = [sent[item.operation_id] for item in told if item.status is WriteStatus.DONE]
    failed: Counter[tuple[Pattern, str]] = Counter()
    examples: dict[tuple[Pattern, str], RecordFailure] = {}
    for item in told:
        operation = sent[item.operation_id].operation
        pattern = pattern_of(operation, item.failure) if item.failure and item.status is WriteStatus.REJECTED else None
        if pattern is None or item.failure is None or any(pattern.covers(one.operation) for one in done):
            continue
        key = (pattern, cause_of(item.failure, texts_of(operation.values)))
        failed[key] += 1
        examples.setdefault(key, item.failure)
    if not failed and not done:
        return
    for known in await circuits.of(session, context.scope):
        pattern = pattern_from(known.pattern)
        other_cause = known.probe in sent and not any(cause == known.cause for _, cause in failed)
        if other_cause or any(pattern.covers(item.operation) for item in done):
            await _close(session, context, known)
    for (pattern, cause), number in failed.items():
        await _count(session, context, pattern, cause, number, examples[pattern, cause], limit)


async def _count(
    session: AsyncSession,
    context: PassContext,
    pattern: Pattern,
    cause: str,
    number: int,
    failure: RecordFailure,
    limit: int,
) -> None:
    pass_id, at = context.ref.pass_id, utc_now()
    known = await circuits.count(session, context.scope, pattern.text(), cause, pass_id, number, at)
    if known.state == "counting" and known.failures < limit:
        return
    await circuits.set_state(session, known, "open", pass_id, None)
    message = (
        f"circuit open: {known.failures} equal failures in a row ({failure.message}). Writes of this kind wait; the"
        " next sync tries a single one, and sends the others when that succeeds"
    )
    told = RecordFailure(failure.type, message, failure.field, failure.vendor_code)
    hint = f"{HINTS[failure.type]} The records that wait follow by themselves at the next sync."
    run_id = context.ref.run_id
    one = FailedRecord(pattern.target, SUBJECT_PREFIX + pattern.text(), None, None, told, hint=hint, cause=cause)
    await errors.open_errors(session, context.scope, run_id, [one], at)


async def _close(session: AsyncSession, context: PassContext, known: Circuit) -> None:
    """A write succeeded: let all that wait, and those that had failed, be read and sent."""
    if known.state in circuits.OPEN:
        target = pattern_from(known.pattern).target
        waiting = set(await circuits.held(session, known))
        waiting |= await errors.sources_of(session, context.scope, target, known.cause)
        wanted = [(target.other, one) for one in sorted(waiting) if not one.startswith(SUBJECT_PREFIX)]
        await staging.ask(session, context.scope, wanted, "circuit", utc_now())
        run_id = context.ref.run_id
        await errors.close_errors(session, context.scope, target, [SUBJECT_PREFIX + known.pattern], run_id)
    await circuits.close(session, known)


async def ask_probes(session: AsyncSession, context: PassContext) -> None:
    """At the begin of a pass: let one record be looked at for each circuit that an earlier pass left open."""
    for known in await circuits.of(session, context.scope):
        if known.state not in circuits.OPEN or known.pass_id == context.ref.pass_id:
            continue
        target = pattern_from(known.pattern).target
        probe = list(await circuits.held(session, known, 1))
        failed = await errors.sources_of(session, context.scope, target, known.cause) if not probe else set[str]()
        probe = probe or sorted(one for one in failed if not one.startswith(SUBJECT_PREFIX))[:1]
        if probe:
            await staging.ask(session, context.scope, [(target.other, probe[0])], "probe", utc_now())
        else:
            await _close(session, context, known)


async def hold_back(
    session: AsyncSession, context: PassContext, batch: Sequence[OpenOperation], chunk: int
) -> set[int]:
    """End the operations of a batch that an open circuit stops, as skipped; return their ids."""
    side = batch[0].operation.target
    stopping = [
        known
        for known in await circuits.of(session, context.scope)
        if known.state in circuits.OPEN and pattern_from(known.pattern).target is side
    ]
    stopped: dict[int, Circuit] = {}
    for known in stopping:
        pattern = pattern_from(known.pattern)
        covered = [item for item in batch if item.operation.id not in stopped and pattern.covers(item.operation)]
        passing = known.probe
        if covered and known.pass_id != context.ref.pass_id:
            first = covered[0].operation.id
            if await circuits.set_state(session, known, "probing", context.ref.pass_id, first):
                passing = first
        stopped |= {item.operation.id: known for item in covered if item.operation.id != passing}
    if stopped:
        await _skip(session, context, [item for item in batch if item.operation.id in stopped], stopped, chunk)
    return set(stopped)


async def _skip(
    session: AsyncSession,
    context: PassContext,
    items: Collection[OpenOperation],
    stopped: Mapping[int, Circuit],
    chunk: int,
) -> None:
    effects = Effects()
    known = await links.by_ids(session, sorted({item.link_id for item in items if item.link_id is not None}))
    waiting: dict[int, list[str]] = {}
    for item in items:
        operation, circuit = item.operation, stopped[item.operation.id]
        waiting.setdefault(circuit.id or 0, []).append(operation.source_id)
        reason = f"circuit open: {circuit.failures} equal failures"
        alguna_id, external_id = pair_of(operation, operation.target_id)
        effects.end("failed", operation.id)
        effects.endings.append(
            Ending(
                operation.target, "skipped", alguna_id or None, external_id or None, reason, sorted(operation.values)
            )
        )
        link = known.get(item.link_id) if item.link_id is not None else None
        if link is None:
            effects.unlinked[operation.target.other, operation.source_id] = ("", "skipped", reason)
        else:
            remember_ahead(context, effects.moved.setdefault(link.id, link), operation.target.other, item.pending)
    for circuit in {circuit.id: circuit for circuit in stopped.values()}.values():
        await circuits.hold(session, circuit, waiting.get(circuit.id or 0, []))
    await store_effects(session, context, items, effects, chunk)

"""Rows of the store as the JSON of the API: camelCase, times in UTC, ids as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from core.records import Side
from store import found
from store.links import decode_base
from store.rehearsal import PLANNED
from store.tables.runs import Audit, ConflictRow, Outcome, Pass, RecordError, Run
from store.tables.sync import Link

JsonObject = dict[str, Any]
UrlOf = Callable[[str], str]

TO = {Side.EXTERNAL: "toExternal", Side.ALGUNA: "toAlguna"}
OUTCOMES = ("created", "updated", "unchanged", "skipped", "failed")
_NOTES = ("linked", "conflicts", "parked")


def time(at: datetime | None) -> str | None:
    """Return an instant as `2026-01-31T12:00:00.123Z`."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(row: Run, passes: Sequence[Pass], url_of: UrlOf) -> JsonObject:
    """Return one run with the counts and calls of its passes."""
    return {
        "syncId": row.id,
        "trigger": row.trigger,
        "mode": row.mode,
        "direction": row.direction,
        "status": row.status,
        "entities": row.entities,
        "dryRun": row.dry_run,
        "requestedAt": time(row.created_at),
        "startedAt": time(row.started_at),
        "completedAt": time(row.completed_at),
        "workflowId": row.workflow_id,
        "temporalUrl": url_of(row.workflow_id),
        "problem": row.problem,
        "stats": {entity: _stats([one for one in passes if one.entity == entity]) for entity in row.entities},
        "apiCalls": {side.value: sum(one.calls.get(side.value, 0) for one in passes) for side in Side},
        "plannedCalls": _planned_calls(passes) if row.dry_run else None,
    }


def _planned_calls(passes: Sequence[Pass]) -> JsonObject:
    """Return the calls by which the writes of a dry run would be carried out and confirmed."""
    return {side.value: sum(one.calls.get(f"planned_{side.value}", 0) for one in passes) for side in Side}


def _stats(passes: Iterable[Pass]) -> JsonObject:
    stats: JsonObject = {TO[side]: dict.fromkeys(OUTCOMES, 0) for side in (Side.EXTERNAL, Side.ALGUNA)}
    stats.update(dict.fromkeys(_NOTES, 0))
    for one in passes:
        for side in Side:
            target = stats[TO[side]]
            for outcome, number in one.counts.get(side.value, {}).items():
                target[outcome] = target.get(outcome, 0) + number
        for note, number in one.counts.items():
            if note not in TO and not note.startswith(found.PREFIX):
                stats[note] = stats.get(note, 0) + number
        stats["found"] = found.report(one.counts) or stats.get("found")
    return stats


def outcome(row: Outcome) -> JsonObject:
    """Return how one record of a run ended."""
    return {
        "entity": row.entity,
        "direction": TO[Side(row.target)],
        "algunaId": _existing(row.alguna_id),
        "externalId": _existing(row.external_id),
        "outcome": row.outcome,
        "reason": row.reason,
        "fields": [name for name in row.fields if name],
        "changes": row.changes,
        "at": time(row.at),
    }


def _existing(record_id: str | None) -> str | None:
    """Return an id without those that only a dry run knows."""
    return None if record_id is None or record_id.startswith(PLANNED) else record_id


def error(row: RecordError) -> JsonObject:
    """Return one record error."""
    return {
        "id": str(row.id),
        "syncId": row.run_id,
        "entity": row.entity,
        "direction": TO[Side(row.target)],
        "algunaId": row.alguna_id,
        "externalId": row.external_id,
        "type": row.type,
        "field": row.field,
        "message": row.message,
        "hint": row.hint,
        "vendorCode": row.vendor_code,
        "attempts": row.attempts,
        "nextRetryAt": time(row.next_retry_at),
        "status": row.status,
        "reason": row.reason,
        "resolvedBy": row.resolved_by,
        "group": row.group,
        "firstSeenAt": time(row.created_at),
        "lastSeenAt": time(row.seen_at),
    }


def conflict(row: ConflictRow) -> JsonObject:
    """Return one conflict; `base` is the last agreed value, in Alguna's form."""
    return {
        "id": str(row.id),
        "version": row.version,
        "kind": row.kind,
        "entity": row.entity,
        "algunaId": row.alguna_id,
        "externalId": row.external_id,
        "status": row.status,
        "fields": row.fields,
        "candidates": row.candidates,
        "decision": row.decision,
        "syncId": row.run_id,
        "createdAt": time(row.created_at),
        "changedAt": time(row.changed_at),
    }


def link(row: Link) -> JsonObject:
    """Return one link; `rule` says what made it, `reason` why it ended."""
    return {
        "entity": row.entity,
        "algunaId": row.alguna_id,
        "externalId": row.external_id,
        "status": row.status,
        "rule": row.rule,
        "reason": row.reason,
        "deletedOn": row.gone,
        "deletion": row.verdict,
        "createdAt": time(row.created_at),
        "lastSyncAt": time(row.synced_at),
    }


def base(row: Link) -> JsonObject:
    """Return what each side of a link is known to hold, by Alguna field."""
    return {
        field: {
            "alguna": value.alguna,
            "external": value.external,
            "editedAt": time(value.edited_at),
            "drift": value.drift,
        }
        for field, value in decode_base(row.base).items()
    }


def audit(row: Audit) -> JsonObject:
    """Return what was decided of a record at one moment, and in which run (None: by a person, outside of any)."""
    return {"at": time(row.at), "syncId": row.run_id, "passId": row.pass_id, "decisions": row.decisions}

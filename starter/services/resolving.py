"""A person's decision about a conflict: checked, stored, and handed to the conflict's workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from temporalio.service import RPCError

from core.config import plan
from core.errors import FieldValidation
from core.mapping import value_to_write
from core.problems import Problem, did_you_mean
from core.records import Entity, Side
from core.values import Value, is_blank
from starter.services.backend import Backend
from starter.services.configuring import stored
from starter.services.refusals import Clash, Invalid, Missing, Unavailable, invalid
from starter.services.steering import tell_decision
from starter.services.systems import connected
from store import conflicts, links, views
from store.scope import Scope
from store.tables.connections import Integration
from store.tables.runs import ConflictRow

JsonObject = dict[str, Any]

_ANSWERS = {
    "fields": ("alguna", "external", "fields"),
    "match": ("link", "create", "skip"),
    "deletions": ("approve", "reject"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says to one version of a conflict."""

    version: int
    resolution: str
    fields: Mapping[str, Any] | None = None
    alguna_id: str | None = None
    external_id: str | None = None


async def find(backend: Backend, integration: Integration, conflict_id: str) -> ConflictRow:
    """Return a conflict. Raises Missing."""
    is_number = conflict_id.isascii() and conflict_id.isdigit() and len(conflict_id) < 19
    async with backend.db.session() as session:
        row = await session.get(ConflictRow, int(conflict_id)) if is_number else None
    if row is None or row.integration_id != integration.id:
        raise Missing(f"there is no conflict `{conflict_id}` of {integration.id}")
    return row


async def resolve(backend: Backend, integration: Integration, conflict_id: str, answer: Answer, by: str) -> JsonObject:
    """Store the decision, and `by` whom, and tell the conflict's workflow; return the conflict, now `resolving`.

    Raises Clash for an old version or a conflict that is not open, Invalid for an answer that does not fit, Unavailable
    when Temporal cannot be reached (the conflict is open again then).
    """
    row = await find(backend, integration, conflict_id)
    _check_open(row, answer)
    if answer.resolution not in _ANSWERS[row.kind]:
        known = ", ".join(_ANSWERS[row.kind])
        raise invalid("resolution", f"`{answer.resolution}` does not answer a conflict of kind {row.kind}; use {known}")
    if row.kind == "fields":
        decision = await _choices(backend, integration, row, answer)
    elif row.kind == "deletions":
        decision = {"resolution": answer.resolution}
    else:
        decision = await _partner(backend, integration, row, answer)
    assert row.id is not None
    backend.require_temporal()
    async with backend.db.transaction() as session:
        decided = await conflicts.decide(session, row.id, answer.version, {**decision, "by": by})
    if not decided:
        _check_open(await find(backend, integration, conflict_id), answer)
        raise Clash(f"the conflict {conflict_id} has just changed; read it again")
    try:
        await tell_decision(backend, integration, row)
    except RPCError as error:
        async with backend.db.transaction() as session:
            await conflicts.take_back(session, row.id, answer.version)
        raise Unavailable("Temporal could not be reached; the conflict is open as before") from error
    return views.conflict(await find(backend, integration, conflict_id))


def _check_open(row: ConflictRow, answer: Answer) -> None:
    if row.status != "open":
        raise Clash(f"the conflict {row.id} is {row.status} already")
    if row.version != answer.version:
        raise Clash(
            f"the conflict {row.id} has version {row.version} by now, not {answer.version}; read it again, because its"
            " values changed"
        )


async def _choices(backend: Backend, integration: Integration, row: ConflictRow, answer: Answer) -> JsonObject:
    asked = [str(item["algunaField"]) for item in row.fields]
    if answer.resolution != "fields":
        if answer.fields:
            raise invalid("fields", f"is only for the resolution `fields`, not `{answer.resolution}`")
        return {"choices": dict.fromkeys(asked, answer.resolution)}
    given = answer.fields or {}
    problems = [
        Problem(f"fields.{name}", f"`{name}` is not in conflict" + did_you_mean(name, asked))
        for name in given
        if name not in asked
    ]
    problems += [
        Problem(f"fields.{name}", "is required: the field is in conflict") for name in asked if name not in given
    ]
    choices: JsonObject = {}
    for name in asked:
        if name not in given:
            continue
        choice = given[name]
        if choice in ("alguna", "external"):
            choices[name] = choice
        elif isinstance(choice, Mapping) and set(choice) == {"value"}:
            choices[name] = {"value": _exact(choice["value"])}
        else:
            problems.append(Problem(f"fields.{name}", 'must be "alguna", "external" or {"value": …}'))
    if not problems:
        problems = await _check_values(backend, integration, row, choices)
    if problems:
        raise Invalid(*problems)
    return {"choices": choices}


async def _check_values(
    backend: Backend, integration: Integration, row: ConflictRow, choices: JsonObject
) -> list[Problem]:
    """Whether the person's own values can be written to the external side."""
    own = {name: choice["value"] for name, choice in choices.items() if isinstance(choice, dict)}
    if not own:
        return []
    _, config = await stored(backend, integration)
    problems = []
    for field in plan(config, Entity(row.entity), marker=None, parent=None).fields:
        # A function that reads its record is tried when the record is at hand.
        if field.alguna_field in own and not field.derives(Side.EXTERNAL):
            try:
                value_to_write(field, Side.EXTERNAL, own[field.alguna_field])
            except FieldValidation as error:
                problems.append(Problem(f"fields.{field.alguna_field}.value", error.message))
    return problems


def _exact(value: Any) -> Value:
    exact: Value = Decimal(str(value)) if isinstance(value, float) else value
    return exact


async def _partner(backend: Backend, integration: Integration, row: ConflictRow, answer: Answer) -> JsonObject:
    """The decision about a match; a link names the partner, on the side that the conflict's record is not on."""
    side = Side.ALGUNA if row.alguna_id else Side.EXTERNAL
    key = "externalId" if side is Side.ALGUNA else "algunaId"
    partner = answer.external_id if side is Side.ALGUNA else answer.alguna_id
    if answer.fields:
        raise invalid("fields", "there are no fields to decide in a match")
    if answer.resolution != "link":
        return {"resolution": answer.resolution}
    if is_blank(partner):
        raise invalid(key, "is required: which record to link with")
    scope = Scope(integration.id, Entity(row.entity))
    async with backend.db.session() as session:
        taken = await links.active(session, scope, side.other, [str(partner)])
    if taken and taken[str(partner)].gone is not side:
        raise invalid(key, f"`{partner}` is linked with `{taken[str(partner)].id_on(side)}` already")
    if partner not in [item.get(key) for item in row.candidates]:
        await _check_there(backend, integration, scope.entity, side.other, key, str(partner))
    return {"resolution": "link", key: partner}


async def _check_there(
    backend: Backend, integration: Integration, entity: Entity, side: Side, key: str, record_id: str
) -> None:
    """Refuse a partner that nobody proposed and that is not there: the answer could never be carried out."""
    async with connected(backend, integration) as sides:
        found = await sides[side].read(entity, [record_id], [])
    if record_id not in found or found[record_id].deleted:
        owner = "Alguna" if side is Side.ALGUNA else integration.provider
        raise invalid(key, f"{owner} has no record `{record_id}` of {entity.value}")

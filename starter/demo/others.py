"""The demo's steps about all the other systems at once: a first sync of each, and every pair each way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from starter.demo.systems import SYSTEMS, Kind, System, VendorSide, document_of
from starter.demo.world import COMPANIES, SEED, World, check, check_same
from starter.sandboxes import JsonObject
from starter.shapes import Run

# Companies that a system shares with Alguna, and those that it alone has: none that another system has, too.
_SHARED = range(COMPANIES - 20, COMPANIES)
_OWN = 3
_CONTACTS_OF_A_COMPANY = 2
# The company whose invoice and payment begin in Alguna.
_BILLED = 1


@dataclass(frozen=True, slots=True)
class _Edited:
    """Two records of one pair: `ours` was edited in Alguna, `theirs` at the vendor."""

    side: VendorSide
    kind: Kind
    ours: JsonObject
    theirs: JsonObject


def own_companies() -> int:
    """How many companies the other systems bring that neither Alguna nor Salesforce has."""
    return len(SYSTEMS) * _OWN


def first_syncs(world: World) -> str:
    """Each other system is filled, then all are synced at once; every pair is shown both ways by a record each."""
    for entity in sorted({kind.entity for system in SYSTEMS for kind in system.kinds if kind.money}):
        world.alguna.seed(entity, 1, seed=SEED, offset=_BILLED)
    for place, system in enumerate(SYSTEMS):
        _fill(world, system, COMPANIES + place * _OWN)
    runs = _sync_all(world)
    told = []
    for system in SYSTEMS:
        side, run = world.sides[system.provider], runs[system.provider]
        made = list(world.client.records(system.integration, run["syncId"]))
        for kind in system.kinds:
            _check_made(world, side, kind, _made(made, kind, "toExternal"))
            world.brought[system.provider, kind.entity] = _made(made, kind, "toAlguna")
            _check_made(world, side, kind, world.brought[system.provider, kind.entity])
        told.append(f"{system.title}: {', '.join(kind.entity for kind in system.kinds)}")
    return f"records of each kind went both ways, and agree ({'; '.join(told)})"


def edits_each_way(world: World) -> str:
    """Of each pair whose records can be edited, one is edited in Alguna and another one at the vendor."""
    edits = [_edit(world, system, kind) for system in SYSTEMS for kind in system.kinds if kind.edit is not None]
    _sync_all(world)
    for one in edits:
        for link in (one.ours, one.theirs):
            _check_both(world, one.side, one.kind, link)
    return f"{2 * len(edits)} edits, one each way of {len(edits)} pairs, are in both systems"


def quiet(world: World) -> list[str]:
    """Sync all until nothing moves any more; returns what the last syncs of all wrote to the other systems."""
    _sync_all(world)
    _sync_all(world)
    for side in world.sides.values():
        side.sandbox.clear_calls()
    _sync_all(world)
    return [call for side in world.sides.values() for call in side.writes()]


def _fill(world: World, system: System, own: int) -> None:
    sandbox = world.sides[system.provider].sandbox
    sandbox.seed("accounts", len(_SHARED), seed=SEED, offset=_SHARED.start)
    for kind in system.kinds:
        each = _CONTACTS_OF_A_COMPANY if kind.entity == "contacts" else 1
        if kind.money and system.bills is not None:
            sandbox.seed(kind.entity, 1, seed=SEED, offset=system.bills)
        else:
            sandbox.seed(kind.entity, _OWN * each, seed=SEED, offset=own * each)


def _sync_all(world: World) -> dict[str, Run]:
    """Start a sync of each other system, and wait for all of them."""
    started = {one.provider: world.client.start_sync(one.integration) for one in SYSTEMS}
    return {one.provider: world.ended(started[one.provider]["syncId"], integration=one.integration) for one in SYSTEMS}


def _made(outcomes: list[JsonObject], kind: Kind, direction: str) -> list[JsonObject]:
    """The records of a kind that a run made on one side."""
    wanted = (kind.entity, direction, "created")
    return [one for one in outcomes if (one["entity"], one["direction"], one["outcome"]) == wanted]


def _check_made(world: World, side: VendorSide, kind: Kind, made: list[JsonObject]) -> None:
    """Check the first of some new records: it must show the same on the wire of both systems."""
    title = side.system.title
    check(bool(made), f"{title}'s first sync should have made {kind.entity} both ways")
    ours = _shown(kind, world.billing.value(kind.entity, document_of(made[0]["algunaId"]), kind.ours))
    found = {title: _shown(kind, side.value(kind, made[0]["externalId"]))}
    check_same(f"{kind.ours} of {kind.entity} {made[0]['algunaId']}", ours, **found)


def _shown(kind: Kind, value: object) -> object:
    return Decimal(str(value)) if kind.money else value


def _edit(world: World, system: System, kind: Kind) -> _Edited:
    side, (ours, theirs) = world.sides[system.provider], world.brought[system.provider, kind.entity][:2]
    world.alguna.edit(kind.entity, ours["algunaId"], {kind.ours: _edited(ours, system)})
    if kind.edit is not None:
        side.sandbox.edit(kind.entity, theirs["externalId"], kind.edit(_edited(theirs, system)))
    return _Edited(side, kind, ours, theirs)


def _edited(link: JsonObject, system: System) -> str:
    return f"Edited for {system.title} {link['algunaId'][-4:]}"


def _check_both(world: World, side: VendorSide, kind: Kind, link: JsonObject) -> None:
    check_same(
        f"{kind.ours} of {kind.entity} {link['algunaId']}",
        _edited(link, side.system),
        Alguna=world.billing.value(kind.entity, link["algunaId"], kind.ours),
        **{side.system.title: side.value(kind, link["externalId"])},
    )

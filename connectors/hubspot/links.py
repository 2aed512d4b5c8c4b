"""Which company a contact or deal belongs to, and the ones that belong to none yet (HubSpot sheet 2; P25).

An association is no property: searches and batch reads do not show it, and a new one does not move the record's
modification time. So records that were read without a company are remembered, the newest `MOST_ORPHANS` of them, and
asked for again in every incremental read, all in one call.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.spec import ASSOCIATION_ROWS, COMPANIES, PRIMARY_COMPANY, facts_of
from connectors.values import json_text
from core.errors import Transient
from core.ports import Notebook
from core.records import Entity

MOST_ORPHANS = ASSOCIATION_ROWS
_TOPIC = "hubspot.orphans"


class Parents:
    """Finds companies of records."""

    def __init__(self, client: HubSpotClient) -> None:
        """Take the client."""
        self._client = client

    async def of(self, entity: Entity, ids: Collection[str]) -> dict[str, str]:
        """Return record id -> company id, 1,000 records a call; those without a company are left out."""
        if entity not in PRIMARY_COMPANY or not ids:
            return {}
        found: dict[str, str] = {}
        ordered = sorted(ids)
        path = f"/crm/associations/{facts_of(entity).object_name}/{COMPANIES}/batch/read"
        for start in range(0, len(ordered), ASSOCIATION_ROWS):
            inputs = [{"id": record_id} for record_id in ordered[start : start + ASSOCIATION_ROWS]]
            answer = await self._client.read_by_post(path, json_text({"inputs": inputs}))
            found |= _companies(entity, answer.body)
        return found

    async def listed(self, entity: Entity, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """The same for rows of a list that was asked for associations; only several companies need another call."""
        found: dict[str, str] = {}
        unclear: list[str] = []
        for row in rows:
            held = ((row.get("associations") or {}).get(COMPANIES)) or {}
            companies = {str(one["id"]) for one in held.get("results") or []}
            if len(companies) == 1 and not held.get("paging"):
                found[str(row["id"])] = companies.pop()
            elif companies:
                unclear.append(str(row["id"]))
        return found | await self.of(entity, unclear)


def _companies(entity: Entity, body: Mapping[str, Any]) -> dict[str, str]:
    """The primary company of each record, else the one with the lowest id. Ids come as numbers or as text."""
    found: dict[str, str] = {}
    try:
        for row in body["results"]:
            held = {int(one["toObjectId"]): one["associationTypes"] for one in row["to"]}
            wanted = PRIMARY_COMPANY[entity]
            primary = [company for company, types in held.items() if any(one["typeId"] == wanted for one in types)]
            if held:
                found[str(row["from"]["id"])] = str(min(primary or held))
    except (KeyError, TypeError, ValueError) as error:
        raise Transient("HubSpot's answer about associations cannot be read") from error
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """`waiting` have no company. `found` got one in the read from `since` on, which may have to be made again."""

    waiting: list[str]
    found: list[str]
    since: str


class Orphans:
    """Remembers records without a company, for all processes."""

    def __init__(self, notebook: Notebook) -> None:
        """Take the notebook of the connection."""
        self._notebook = notebook

    async def add(self, entity: Entity, ids: Collection[str]) -> None:
        """Remember records that have just been read without a company."""
        known = await self._load(entity)
        fresh = [one for one in ids if one not in set(known.waiting)]
        if fresh:
            await self._save(entity, _Known([*known.waiting, *fresh][-MOST_ORPHANS:], known.found, known.since))

    async def to_ask(self, entity: Entity, since: str) -> list[str]:
        """Return whom to ask for in the read from `since` on; what an earlier read found is settled by now."""
        known = await self._load(entity)
        return [*known.waiting, *(known.found if known.since == since else [])][-MOST_ORPHANS:]

    async def settle(self, entity: Entity, since: str, asked: Collection[str], found: Collection[str]) -> None:
        """Store what became of those asked for."""
        known = await self._load(entity)
        waiting = [one for one in known.waiting if one not in found]
        if known.since != since or waiting != known.waiting:
            kept = [one for one in asked if one in found]
            await self._save(entity, _Known(waiting, kept, since))

    async def _load(self, entity: Entity) -> _Known:
        stored = (await self._notebook.get(_TOPIC, [entity.value])).get(entity.value)
        if not isinstance(stored, dict):
            return _Known([], [], "")
        lists = {key: [str(one) for one in _list(stored.get(key))] for key in ("waiting", "found")}
        return _Known(lists["waiting"], lists["found"], str(stored.get("since") or ""))

    async def _save(self, entity: Entity, known: _Known) -> None:
        fact = {"waiting": list(known.waiting), "found": list(known.found), "since": known.since}
        await self._notebook.put(_TOPIC, {entity.value: fact})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []

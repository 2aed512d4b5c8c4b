"""Asynchronous calls: a job at once, its result later, and idempotency keys, which work nowhere else (sheet 4)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.netsuite.calls import Call, Reply
from sandbox.netsuite.errors import NetSuiteError, bad_request, no_such_record

_MOST_ITEMS = 100
_BASE = "/services/rest/async/v1/job"
_METHODS = ("POST", "PATCH", "PUT", "DELETE")
Handle = Callable[[Call], Reply]


@dataclass(frozen=True)
class _Job:
    """The outcome of each of its tasks, in order."""

    id: str
    tasks: list[Reply]


class Jobs:
    """The jobs of one account. They run at once, but are told of only when asked for."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._by_key: dict[str, str] = {}

    def clear(self) -> None:
        self._jobs.clear()
        self._by_key.clear()

    def accept(self, call: Call, handle: Handle) -> Reply:
        """Take a call that asks to be answered later. Raises NetSuiteError for a key that was used before."""
        if call.path[:1] == ("query",):
            raise bad_request("SuiteQL cannot be run asynchronously.")
        key = call.headers.get("x-netsuite-idempotency-key")
        if key is not None and key in self._by_key:
            detail = "A request with the same idempotency key has been accepted already."
            error = NetSuiteError(400, detail, "IDEMPOTENCY_ERROR", title="Conflict")
            error.headers["Location"] = f"{call.host}{_BASE}/{self._by_key[key]}"
            raise error
        job = _Job(str(len(self._jobs) + 1), [_outcome(one, handle) for one in _parts(call)])
        self._jobs[job.id] = job
        if key is not None:
            self._by_key[key] = job.id
        headers = {"Preference-Applied": "respond-async", "Location": f"{call.host}{_BASE}/{job.id}"}
        return Reply(202, headers=headers)

    def handle(self, call: Call) -> Reply:
        """`GET /async/v1/job/{n}`, `…/task`, `…/task/{t}`, `…/task/{t}/result`. Raises NetSuiteError."""
        job = self._jobs.get(call.path[0]) if call.path else None
        if job is None:
            raise no_such_record()
        rest = call.path[1:]
        here = f"{call.host}{_BASE}/{job.id}"
        if not rest:
            task = {"href": f"{here}/task"}
            return Reply(200, {"completed": True, "id": job.id, "progress": "succeeded", "task": task})
        if rest == ("task",):
            items = [{"links": [{"rel": "self", "href": f"{here}/task/{n}"}]} for n in range(1, len(job.tasks) + 1)]
            return Reply(200, {"count": len(items), "hasMore": False, "items": items}, kind="collection")
        if len(rest) < 2 or rest[0] != "task" or not rest[1].isdecimal() or not 1 <= int(rest[1]) <= len(job.tasks):
            raise no_such_record()
        outcome = job.tasks[int(rest[1]) - 1]
        if rest[2:] == ("result",):
            return outcome
        progress = "succeeded" if outcome.status < 300 else "failed"
        return Reply(200, {"completed": True, "progress": progress, "id": rest[1]})


def _parts(call: Call) -> list[Call]:
    """The single calls of a batch on a collection, else the call itself."""
    collection = len(call.path) == 3 and "type=collection" in call.headers.get("content-type", "")
    if call.method not in _METHODS or not collection:
        return [call]
    items = call.object().get("items")
    if not isinstance(items, list) or not 0 < len(items) <= _MOST_ITEMS:
        raise bad_request(f"A batch takes from 1 to {_MOST_ITEMS} records.")
    return [_single(call, item) for item in items]


def _single(call: Call, item: Any) -> Call:
    if not isinstance(item, dict):
        raise bad_request("The items of a batch have to be objects.")
    if call.method == "POST":
        return replace(call, body=json.dumps(item).encode())
    key = str(item.get("id") or f"eid:{item.get('externalId')}")
    rest = {name: value for name, value in item.items() if name != "id"}
    return replace(call, path=(*call.path, key), body=json.dumps(rest).encode())


def _outcome(call: Call, handle: Handle) -> Reply:
    try:
        return handle(call)
    except NetSuiteError as error:
        return Reply(error.status, error.body(), kind="error")

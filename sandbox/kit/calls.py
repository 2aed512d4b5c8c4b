"""The complete log of the vendor calls of one account."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.kit.clock import iso


@dataclass(slots=True)
class Call:
    """One call. `status` is None while it runs and 0 when its reply was lost; `body` is kept as it came."""

    seq: int
    at: datetime
    method: str
    path: str
    query: str
    body: bytes
    status: int | None = None

    def row(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": iso(self.at),
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "body": _readable(self.body),
            "status": self.status,
        }


class Calls:
    """Keeps every call until it is cleared. Sequence numbers go on rising over a clear."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._seq = 0

    def begin(self, method: str, path: str, query: str, body: bytes) -> Call:
        self._seq += 1
        call = Call(self._seq, datetime.now(UTC), method, path, query, body)
        self._calls.append(call)
        return call

    def clear(self) -> None:
        self._calls.clear()

    def listing(self, since: str | None, *, rows: bool = True) -> dict[str, Any]:
        """`{"data","counts","total"}` of the calls after `since`.

        `since` is a sequence number (calls with a higher one) or an ISO 8601 time in the real clock (calls at
        or after it; UTC when it names no zone). `counts` is keyed by method and path as called, without query.
        Without `rows`, `data` is empty. Raises ValueError when `since` is neither.
        """
        calls = self._calls
        if since and since.isdecimal():
            calls = [call for call in calls if call.seq > int(since)]
        elif since:
            start = datetime.fromisoformat(since.replace(" ", "+"))
            start = start if start.tzinfo else start.replace(tzinfo=UTC)
            calls = [call for call in calls if call.at >= start]
        counts = Counter(f"{call.method} {call.path}" for call in calls)
        return {"data": [call.row() for call in calls] if rows else [], "counts": dict(counts), "total": len(calls)}


def _readable(body: bytes) -> Any:
    """The body parsed where it is JSON, else as text; null when there is none."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")

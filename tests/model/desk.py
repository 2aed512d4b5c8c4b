"""A system's pages as people reach them from another process: the control API of its sandbox."""

from __future__ import annotations

from typing import Any

import httpx

from sandbox.kit.vendor import Record, RecordError


class Desk:
    """Implements `tests.model.people.Pages`."""

    def __init__(self, url: str) -> None:
        """Take the sandbox's address."""
        self._http = httpx.Client(base_url=f"{url}/_sandbox/records", timeout=60, trust_env=False)

    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        """The first thousand records at most."""
        asked = {"limit": str(limit or 1000), "offset": str(offset), "deleted": "true" if deleted else "false"}
        shown = self._ask("GET", entity, params=asked)
        return shown["data"], shown["total"]

    def create_record(self, entity: str, values: Record) -> Record:
        return self._ask("POST", entity, json=values)

    def patch_record(self, entity: str, record_id: str, values: Record) -> Record:
        return self._ask("PATCH", f"{entity}/{record_id}", json=values)

    def delete_record(self, entity: str, record_id: str) -> None:
        self._ask("DELETE", f"{entity}/{record_id}")

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, **more: Any) -> Record:
        reply = self._http.request(method, f"/{path}", **more)
        if reply.is_client_error:
            raise RecordError(reply.status_code, reply.text)
        reply.raise_for_status()
        return dict(reply.json()) if reply.content else {}

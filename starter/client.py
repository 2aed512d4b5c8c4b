"""A client of our own HTTP API, for the command line and the demo: they see what any other program would see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote, urlsplit

import httpx

from starter.shapes import Conflict, Integration, Link, Run, Started, SyncError, SyncState

JsonObject = dict[str, Any]

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_PAGE = 100
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ApiError(Exception):
    """The API refused a call. `errors` names what to put right: `{"field","message"}`."""

    def __init__(self, status: int, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """Keep the answer's parts."""
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.errors = list(errors)


class UnreachableError(Exception):
    """Nothing answers at the API's address."""


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine; such calls never go through a proxy."""
    return urlsplit(url).hostname in _LOOPBACK


class Client:
    """Calls of the HTTP API. Every method raises `ApiError` when refused and `UnreachableError` when nobody answers."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """Take the API's address and a key; `transport` replaces the network."""
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT,
            trust_env=not is_loopback(url),
            transport=transport,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, body: object = None, params: Mapping[str, object] | None = None) -> Any:
        """Make one call; returns the parsed body, or None where there is none."""
        given = {name: str(value) for name, value in (params or {}).items() if value is not None}
        try:
            response = self._http.request(method, path, json=body, params=given)
        except httpx.TransportError as error:
            raise UnreachableError(f"no answer from {self.url}: {str(error) or type(error).__name__}") from error
        if response.is_success:
            return response.json() if response.content else None
        raise _refusal(response)

    def pages(self, path: str, params: Mapping[str, object] | None = None) -> Iterator[Any]:
        """Yield every row of a list."""
        offset = 0
        while True:
            body = self.call("GET", path, params={**(params or {}), "limit": _PAGE, "offset": offset})
            yield from body["data"]
            offset += body["pagination"]["perPage"]
            if not body["data"] or offset >= body["pagination"]["perPage"] * body["pagination"]["totalPages"]:
                return

    def rows(self, path: str, limit: int, params: Mapping[str, object] | None = None) -> list[Any]:
        """Return the first `limit` rows of a list."""
        found: list[Any] = []
        for row in self.pages(path, params):
            if len(found) == limit:
                break
            found.append(row)
        return found

    def is_ready(self) -> bool:
        """Say whether the API answers and has all it needs."""
        try:
            self.call("GET", "/readyz")
        except (ApiError, UnreachableError):
            return False
        return True

    # Integrations

    def integrations(self) -> list[Integration]:
        """Return all integrations."""
        return list(self.pages("/integrations"))

    def integration(self, name: str) -> Integration:
        """Return one integration by id, or by provider where it has only one."""
        return cast(Integration, self.call("GET", _of(name)))

    def create_integration(
        self, integration_id: str | None, provider: str, credentials: JsonObject, webhook_secret: str | None = None
    ) -> Integration:
        """Store a connection; the credentials are checked by a call first."""
        body: JsonObject = {"provider": provider, "credentials": credentials}
        if integration_id is not None:
            body["id"] = integration_id
        if webhook_secret is not None:
            body["webhookSecret"] = webhook_secret
        return cast(Integration, self.call("POST", "/integrations", body))

    def reconnect(self, name: str, credentials: JsonObject) -> JsonObject:
        """Replace a connection's credentials (`alguna` names Alguna's own); what waits for it goes on."""
        return cast(JsonObject, self.call("POST", f"{_of(name)}/reconnect", {"credentials": credentials}))

    def pause(self, name: str) -> Any:
        """Hold an integration's schedule and passes."""
        return self.call("POST", f"{_of(name)}/pause")

    def resume(self, name: str) -> Any:
        """Let a paused integration go on."""
        return self.call("POST", f"{_of(name)}/resume")

    def doctor(self) -> JsonObject:
        """Return what is wrong with the installation, and how to mend it."""
        return cast(JsonObject, self.call("GET", "/doctor"))

    # Keys

    def create_key(self, name: str, scope: str) -> JsonObject:
        """Make a key of the API; its secret is in the answer and nowhere else."""
        return cast(JsonObject, self.call("POST", "/keys", {"name": name, "scope": scope}))

    def keys(self) -> list[JsonObject]:
        """Return all keys, without secrets."""
        return list(self.pages("/keys"))

    def revoke_key(self, name: str) -> JsonObject:
        """End a key, by id or name."""
        return cast(JsonObject, self.call("DELETE", f"/keys/{quote(name, safe='')}"))

    # Configuration

    def sync_config(self, name: str) -> JsonObject | None:
        """Return the stored configuration, or None where there is none."""
        try:
            return cast(JsonObject, self.call("GET", f"{_of(name)}/sync-config"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def config_version(self, name: str) -> int | None:
        """Return the version of the stored configuration, or None where there is none."""
        response = self._http.request("GET", f"{_of(name)}/sync-config")
        if response.status_code == 404:
            return None
        if not response.is_success:
            raise _refusal(response)
        return int(response.headers["etag"].strip('"'))

    def put_sync_config(self, name: str, body: JsonObject, *, preview: bool = False) -> JsonObject:
        """Create or replace the configuration; a preview only checks it and tells whom it would touch."""
        query = {"preview": "true" if preview else None}
        return cast(JsonObject, self.call("POST", f"{_of(name)}/sync-config", body, query))

    # Schedules

    def schedule(self, name: str) -> JsonObject:
        """Return an integration's schedule. Raises ApiError 404 where it has none."""
        return cast(JsonObject, self.call("GET", f"{_of(name)}/schedule"))

    def steer_schedule(self, name: str, verb: str, body: JsonObject | None = None) -> JsonObject:
        """Pause, resume, trigger or backfill an integration's schedule."""
        return cast(JsonObject, self.call("POST", f"{_of(name)}/schedule/{verb}", body))

    # Runs and records

    def start_sync(
        self,
        name: str,
        entities: Sequence[str] | None = None,
        *,
        full: bool = False,
        dry_run: bool = False,
        changed_since: int | None = None,
    ) -> Started:
        """Start a run, or one that only plans; it queues while another one works.

        `changed_since` is a version of the configuration: what its changes since then touch is synced.
        """
        body: JsonObject = {"mode": "full" if full else "incremental"}
        if changed_since is not None:
            body["changedSince"] = changed_since
        if dry_run:
            body["dryRun"] = True
        if entities:
            body["entities"] = list(entities)
        return cast(Started, self.call("POST", f"{_of(name)}/sync", body))

    def sync_state(self, name: str) -> SyncState:
        """Return where an integration stands."""
        return cast(SyncState, self.call("GET", f"{_of(name)}/sync-state"))

    def record_state(self, name: str, entity: str, alguna_id: str) -> JsonObject:
        """Return where one record stands, with its audit trail."""
        return cast(JsonObject, self.call("GET", f"{_of(name)}/sync-state/{entity}/{quote(alguna_id, safe='')}"))

    def history(self, name: str, limit: int, *, status: str | None = None, trigger: str | None = None) -> list[Run]:
        """Return the latest runs, newest first."""
        return self.rows(f"{_of(name)}/sync-history", limit, {"status": status, "trigger": trigger})

    def run(self, name: str, sync_id: str) -> Run:
        """Return one run."""
        return cast(Run, self.call("GET", f"{_of(name)}/sync-history/{quote(sync_id, safe='')}"))

    def records(self, name: str, sync_id: str) -> Iterator[JsonObject]:
        """Yield how the records of a run ended; of a dry run with what would be written."""
        return self.pages(f"{_of(name)}/sync-history/{quote(sync_id, safe='')}/records")

    def errors(
        self, name: str, *, status: str | None = "open", kind: str | None = None, entity: str | None = None
    ) -> list[SyncError]:
        """Return the record errors."""
        found = self.pages(f"{_of(name)}/sync-errors", {"status": status, "type": kind, "entity": entity})
        return list(found)

    def error_groups(self, name: str, *, status: str | None = "open", entity: str | None = None) -> list[JsonObject]:
        """Return the root causes of errors, those of most records first."""
        return list(self.pages(f"{_of(name)}/sync-errors/groups", {"status": status, "entity": entity}))

    def retry_errors(self, name: str, **chosen: object) -> Started:
        """Try records with errors again: `errorIds`, `types`, `groups`, of a `syncId`, or all open ones."""
        return cast(Started, self.call("POST", f"{_of(name)}/sync-errors/retry", chosen))

    def ignore_errors(self, name: str, reason: str, **chosen: object) -> JsonObject:
        """Close errors without syncing their records, chosen as in `retry_errors`."""
        return cast(JsonObject, self.call("POST", f"{_of(name)}/sync-errors/ignore", {**chosen, "reason": reason}))

    def conflicts(self, name: str, *, status: str | None = "open", entity: str | None = None) -> list[Conflict]:
        """Return the conflicts."""
        return list(self.pages(f"{_of(name)}/conflicts", {"status": status, "entity": entity}))

    def conflict(self, name: str, conflict_id: str) -> Conflict:
        """Return one conflict."""
        return cast(Conflict, self.call("GET", f"{_of(name)}/conflicts/{quote(conflict_id, safe='')}"))

    def resolve_conflict(self, name: str, conflict_id: str, decision: JsonObject) -> Any:
        """Hand in a person's decision; `decision` holds the version it answers."""
        return self.call("POST", f"{_of(name)}/conflicts/{quote(conflict_id, safe='')}/resolve", decision)

    def resolve_conflicts(self, name: str, wish: JsonObject) -> JsonObject:
        """Decide all open conflicts that fit a filter."""
        return cast(JsonObject, self.call("POST", f"{_of(name)}/conflicts/resolve", wish))

    def conflict_summary(self, name: str, days: int) -> JsonObject:
        """Return what waits, and what rules and people decided in the last days."""
        return cast(JsonObject, self.call("GET", f"{_of(name)}/conflicts/summary", params={"days": days}))

    def match_preview(self, name: str, entity: str) -> JsonObject:
        """Try the stored matching on the records as they are; lists are cut at 200 rows."""
        path = f"{_of(name)}/sync-config/matching/preview"
        return cast(JsonObject, self.call("POST", path, params={"entity": entity, "limit": 200}))

    def links(self, name: str, entity: str) -> list[Link]:
        """Return all links of an entity."""
        return list(self.pages(f"{_of(name)}/links/{entity}"))

    def link(
        self, name: str, entity: str, *, alguna_id: str | None = None, external_id: str | None = None
    ) -> Link | None:
        """Return the link of a record, or None where there is none."""
        try:
            found = self.call(
                "GET", f"{_of(name)}/links/{entity}", params={"algunaId": alguna_id, "externalId": external_id}
            )
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return cast(Link, found)


def _of(name: str) -> str:
    return f"/integrations/{quote(name, safe='')}"


def _refusal(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ApiError(response.status_code, response.reason_phrase or "no reason given")
    detail = str(body.get("detail") or response.reason_phrase)
    found = body.get("errors")
    return ApiError(response.status_code, detail, found if isinstance(found, list) else ())

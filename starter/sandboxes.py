"""A client of the sandboxes' control API: for `--sandbox`, `dev` and the demo. Connectors never use it."""

from __future__ import annotations

from typing import Any, cast

import httpx

JsonObject = dict[str, Any]

PORTS = {"alguna": 0, "salesforce": 1, "hubspot": 2, "quickbooks": 3, "netsuite": 4, "xero": 5}
"""Each sandbox's port, counted from the port base."""

HOST = "127.0.0.1"


class SandboxError(Exception):
    """A sandbox does not answer or refuses a call. The message says what to do."""


def url_of(system: str, port_base: int) -> str:
    """Return the address of a sandbox: `alguna` or a provider's name. Raises SandboxError for an unknown name."""
    if system not in PORTS:
        raise SandboxError(f"there is no sandbox of {system!r}, only of {', '.join(PORTS)}")
    return f"http://{HOST}:{port_base + PORTS[system]}"


class Sandbox:
    """The control API of one sandbox."""

    def __init__(self, url: str) -> None:
        """Take the sandbox's address."""
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_sandbox", timeout=30.0, trust_env=False)

    def credentials(self) -> JsonObject:
        """Return a new grant, as `POST /integrations` takes it."""
        return cast(JsonObject, self._call("GET", "/credentials"))

    def seed(self, entity: str, count: int, *, seed: int, offset: int = 0) -> list[str]:
        """Make sample records; returns their ids."""
        body = {"entity": entity, "count": count, "seed": seed, "offset": offset}
        return list(self._call("POST", "/seed", body)["ids"])

    def records(self, entity: str) -> list[JsonObject]:
        """Return all records of an entity as the vendor keeps them."""
        return list(self._call("GET", f"/records/{entity}")["data"])

    def record(self, entity: str, record_id: str) -> JsonObject:
        """Return one record as the vendor keeps it."""
        return cast(JsonObject, self._call("GET", f"/records/{entity}/{record_id}"))

    def edit(self, entity: str, record_id: str, values: JsonObject) -> JsonObject:
        """Change a record as a person does in the vendor's own pages; returns it."""
        return cast(JsonObject, self._call("PATCH", f"/records/{entity}/{record_id}", values))

    def fault(self, method: str | None, path: str, fault: str, *, times: int, retry_after: float | None = None) -> None:
        """Make the next matching calls go wrong."""
        body = {"match": {"method": method, "path": path}, "fault": fault, "times": times, "retryAfter": retry_after}
        self._call("POST", "/faults", body)

    def clear_faults(self) -> None:
        """Let all calls go right again."""
        self._call("DELETE", "/faults")

    def auth(self, action: str) -> None:
        """Do `expire_access_token`, `revoke_grant` or `restore`."""
        self._call("POST", "/auth", {"action": action})

    def send_webhooks(self, url: str | None, secret: str) -> None:
        """Send the vendor's webhooks there (None: nowhere), signed with the secret where the vendor signs."""
        self._call("POST", "/webhooks", {"url": url, "secret": secret or None})

    def behaviour(self, **values: float) -> None:
        """Set a behaviour, such as `latencyMs`."""
        self._call("POST", "/behaviour", values)

    def calls(self) -> list[JsonObject]:
        """Return all calls since the log was cleared, oldest first."""
        return list(self._call("GET", "/calls")["data"])

    def clear_calls(self) -> None:
        """Empty the call log."""
        self._call("DELETE", "/calls")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise SandboxError(
                f"no sandbox answers at {self.url}; start one with `external-sync sandbox` or `external-sync dev`"
            ) from error
        if response.is_error:
            raise SandboxError(f"the sandbox at {self.url} refused {method} {path}: {response.text}")
        return response.json() if response.content else None

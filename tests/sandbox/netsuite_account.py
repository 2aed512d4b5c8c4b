"""A running NetSuite sandbox for tests, with two ways to talk to it: httpx, and the PyPI client `netsuite` unchanged.

The client needs an httpx older than ours, so it runs in `.venv-netsuite` (`make install`), and is told what to call.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx

from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from tests.sandbox.controlled import Controlled

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = _ROOT / ".venv-netsuite" / "bin" / "python"
_BRIDGE = Path(__file__).with_name("netsuite_bridge.py")
RECORDS = "/services/rest/record/v1"
SUITEQL = "/services/rest/query/v1/suiteql"


class RequestError(Exception):
    """The client's `NetsuiteAPIRequestError`: what the sandbox refused."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.details: list[dict[str, str]] = json.loads(text).get("o:errorDetails", []) if text else []

    @property
    def code(self) -> str:
        return self.details[0]["o:errorCode"]

    @property
    def detail(self) -> str:
        return self.details[0]["detail"]


class Client:
    """The client of one token, in a process of its own; its methods by name (`get`, `post`, `suiteql`, …)."""

    def __init__(self, url: str, credentials: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [_PYTHON, _BRIDGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        auth = {
            "consumer_key": credentials["consumerKey"],
            "consumer_secret": credentials["consumerSecret"],
            "token_id": credentials["tokenId"],
            "token_secret": credentials["tokenSecret"],
        }
        self._write({"url": url, "account": credentials["account"], "auth": auth})

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """What the client's method returns. Raises RequestError."""
        self._write({"method": method, "args": args, "kwargs": kwargs})
        return _result(self._read())

    def at_once(self, count: int, method: str, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """The outcomes of one call made so many times at once: each `{"result"}` or `{"error"}`."""
        one = {"method": method, "args": args, "kwargs": kwargs}
        self._write({"method": "gather", "args": [one] * count})
        found: list[dict[str, Any]] = self._read()["result"]
        return found

    def create(self, kind: str, body: dict[str, Any]) -> str:
        """A new record's id, from the Location (the client's own `post` drops it). Raises RequestError."""
        answer = self.call("request", "POST", f"/record/v1/{kind}", json=body)
        if answer["status"] != 204:
            raise RequestError(answer["status"], answer["text"])
        return str(answer["headers"]["location"]).rpartition("/")[2]

    def get(self, kind: str, key: str, **params: str) -> dict[str, Any]:
        """One record with its sublists."""
        shown: dict[str, Any] = self.call(
            "get", f"/record/v1/{kind}/{key}", params={"expandSubResources": "true", **params}
        )
        return shown

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise RequestError(answer["error"]["status"], answer["error"]["text"])
    return answer["result"]


class Account(Controlled):
    """One sandbox account: `control` for the control API, `api` for wire calls with a live token."""

    setup_id: ClassVar[str] = "company"

    @contextmanager
    def client(self, **others: str) -> Iterator[Client]:
        """The `netsuite` client with a token of its own, unless told others."""
        client = Client(self.url, {**self.credentials, **others})
        try:
            yield client
        finally:
            client.close()

    def api(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.credentials['accessToken']}", **options.pop("headers", {})}
        return self.control.request(method, path, headers=headers, **options)

    def query(self, text: str, *params: Any, page: str = "") -> Any:
        """The body of a SuiteQL answer."""
        body = {"q": text, "params": list(params)}
        answer = self.api("POST", SUITEQL + page, headers={"Prefer": "transient"}, json=body)
        return {"status": answer.status_code, **answer.json()}

    def rows(self, text: str, *params: Any) -> list[dict[str, str]]:
        """The rows of one page, without their links."""
        body = self.query(text, *params)
        assert body["status"] == 200, body
        return [{name: value for name, value in row.items() if name != "links"} for row in body["items"]]

    def make(self, kind: str, **body: Any) -> str:
        """A record, made over the wire; its id."""
        answer = self.api("POST", f"{RECORDS}/{kind}", json=body)
        assert answer.status_code == 204, answer.text
        return answer.headers["location"].rpartition("/")[2]

    def begin(self) -> None:
        """Empty the account and take a new grant."""
        self.control.post("/_sandbox/reset").raise_for_status()
        self.control.delete("/_sandbox/faults")
        self.connect()


@contextmanager
def running_account(limits: Limits | None = None) -> Iterator[Account]:
    """A sandbox of its own; limits are on at scale 10 unless given."""
    sandbox = SandboxThread("netsuite", limits=limits)
    sandbox.start()
    try:
        with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as control:
            yield Account(sandbox.url, control)
    finally:
        sandbox.stop()

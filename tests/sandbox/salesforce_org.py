"""A running Salesforce sandbox for tests, with the two ways to talk to it: httpx, and simple-salesforce unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread

DATA = "/services/data/v66.0"
# simple-salesforce makes its objects up at run time (`sf.Account`), which its own types deny.
Client = Any


class ToLoopback(HTTPAdapter):
    """Sends to the sandbox, in plain HTTP, what the client addresses to https://…, the only scheme that it knows."""

    def __init__(self, netloc: str) -> None:
        super().__init__()
        self._netloc = netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = urlunsplit(("http", self._netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)


@dataclass
class Org:
    """One sandbox account: `control` for the control API, `api` for wire calls with a live token."""

    url: str
    control: httpx.Client
    session: requests.Session
    credentials: dict[str, Any] = field(default_factory=dict)

    def connect(self) -> None:
        self.credentials = self.control.get("/_sandbox/credentials").json()

    def client(self, **login: Any) -> Client:
        """simple-salesforce, logged in with the access token unless other login arguments are given."""
        if not login:
            login = {
                "session_id": self.credentials["accessToken"],
                "instance_url": self.url.replace("http", "https", 1),
            }
        return Salesforce(session=self.session, version="66.0", **login)

    def api(self, method: str, path: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        """A wire call below `/services/data/v66.0`, or at `path` when that is absolute."""
        headers = {"Authorization": f"Bearer {token or self.credentials['accessToken']}", **options.pop("headers", {})}
        url = path if path.startswith("/services/") else f"{DATA}/{path}"
        return self.control.request(method, url, headers=headers, **options)

    def make(self, name: str = "Plain", **values: Any) -> str:
        """An Account, made over the wire; its id."""
        response = self.api("POST", "sobjects/Account", json={"Name": name, **values})
        assert response.status_code == 201, response.text
        record_id: str = response.json()["id"]
        return record_id

    def query(self, soql: str, path: str = "query") -> dict[str, Any]:
        response = self.api("GET", path, params={"q": soql})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def token(self, **form: str) -> httpx.Response:
        """A call of the token endpoint with this org's client unless the form names another."""
        own = {"client_id": self.credentials["clientId"], "client_secret": self.credentials["clientSecret"]}
        return self.control.post("/services/oauth2/token", data={**own, **form})

    def seed(self, entity: str, count: int, offset: int = 0) -> list[str]:
        body = {"entity": entity, "count": count, "seed": 7, "offset": offset}
        ids: list[str] = self.control.post("/_sandbox/seed", json=body).json()["ids"]
        return ids

    def set_up(self, **values: Any) -> None:
        """Change what an administrator can switch."""
        self.control.patch("/_sandbox/records/setup/org", json=values).raise_for_status()

    def behave(self, **values: float) -> None:
        self.control.post("/_sandbox/behaviour", json=values).raise_for_status()


def content_of(caught: pytest.ExceptionInfo[SalesforceError]) -> Any:
    """The parsed body of the reply that the client turned into an exception."""
    return caught.value.content


@contextmanager
def running_org(limits: Limits | None = None) -> Iterator[Org]:
    """A sandbox of its own; limits are on at scale 10 unless given."""
    sandbox = SandboxThread("salesforce", limits=limits)
    sandbox.start()
    try:
        with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as control, requests.Session() as session:
            session.trust_env = False
            session.mount("https://", ToLoopback(urlsplit(sandbox.url).netloc))
            yield Org(sandbox.url, control, session)
    finally:
        sandbox.stop()

"""What the tests of the command line share: a small HTTP API on loopback, and commands run against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from starter.cli.app import run

KEY = "key-of-the-test"


@dataclass
class Call:
    """One call that the API got."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None


@dataclass
class FakeApi:
    """A real HTTP server that answers from `answers`: (method, path) -> (status, body), or a function of the call."""

    url: str
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def on(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """Answer a call with this body; a list becomes a page, and a function is asked each time."""
        self.answers[(method, path)] = (status, body)

    def answer(self, call: Call) -> tuple[int, Any]:
        self.calls.append(call)
        if call.authorization != f"Bearer {KEY}":
            return 401, {"status": 401, "detail": "no such key", "errors": []}
        status, body = self.answers.get(
            (call.method, call.path), (404, {"status": 404, "detail": f"nothing at {call.path}"})
        )
        body = body(call) if callable(body) else body
        if isinstance(body, list):
            body = {"data": body, "pagination": {"perPage": 100, "totalPages": 1}}
        return status, body

    def bodies(self, method: str, path: str) -> list[Any]:
        """The bodies of the calls that were made to a path."""
        return [call.body for call in self.calls if (call.method, call.path) == (method, path)]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """The fake API, as the one that the environment names."""
    found = FakeApi("")

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            target = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            given = json.loads(self.rfile.read(length)) if length else None
            query = dict(parse_qsl(target.query))
            call = Call(self.command, target.path, query, given, self.headers.get("Authorization"))
            status, body = found.answer(call)
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", '"3"')
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTERNAL_SYNC_URL", found.url)
    monkeypatch.setenv("EXTERNAL_SYNC_API_KEY", KEY)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command as its user does, its output in a pipe."""

    def ask(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return ask

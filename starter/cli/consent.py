"""Consent in the browser for the command line: the vendor's page, and a callback on this machine that waits."""

from __future__ import annotations

import socketserver
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from starter.cli.output import say
from starter.cli.session import CommandError

_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>External Sync</title><link rel="icon" href="data:,">'
    b'<body style="font:18px/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem">'
    b"<p>Thank you. Close this page and go back to the terminal: it says how it went.</p></body></html>"
)


class Callback:
    """An address on this machine that takes one answer of the vendor: its code and state, or its refusal."""

    def __init__(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one. Raises CommandError where the port is taken."""
        self._answered = threading.Event()
        self._answer: dict[str, str] = {}
        callback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/callback" and not callback._answered.is_set():
                    callback._answer = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                    callback._answered.set()
                self.send_response(200 if parts.path == "/callback" else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(_PAGE)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the address holds a code."""

        try:
            self._server = socketserver.TCPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise CommandError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; try --callback-port") from error
        # By this name, because some vendors (Xero) take no address of a machine in a redirect.
        self.url = f"http://localhost:{self._server.server_address[1]}/callback"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> dict[str, str]:
        """Return what came back: `state`, `code` and what else the vendor said.

        Raises CommandError when the person refused, or did nothing in time.
        """
        if not self._answered.wait(seconds):
            raise CommandError(f"nobody answered within {seconds:g} s; run the command again")
        if not self._answer.get("code") or not self._answer.get("state"):
            reason = self._answer.get("error_description") or self._answer.get("error") or "no code was given"
            raise CommandError(f"not allowed: {reason}")
        return self._answer


def show(url: str, *, browser: bool) -> None:
    """Open the vendor's page in a browser, and print it for where there is none."""
    opened = browser and webbrowser.open(url)
    say(
        "Allow the connection in the browser." if opened else "Open this address in a browser and allow the connection:"
    )
    say(url)

"""A real browser, driven over the W3C WebDriver protocol by its own chromedriver: enough of it for our few pages."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import free_port

# A first start in a container has no sandbox of its own, and nothing to ask the internet for.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_MISSING = "these tests drive a real browser: install Debian's packages `chromium` and `chromium-driver`"


class Browser:
    """One browser window."""

    def __init__(self, http: httpx.AsyncClient, session: str) -> None:
        self._http = http
        self._session = session

    async def open(self, url: str) -> None:
        await self._call("POST", "url", {"url": url})

    async def address(self) -> str:
        return str(await self._call("GET", "url"))

    async def run(self, script: str) -> Any:
        """Run a script in the page; return what it returns."""
        return await self._call("POST", "execute/sync", {"script": script, "args": []})

    async def text(self) -> str:
        """What a person reads."""
        return str(await self.run("return document.body.innerText"))

    async def click(self, xpath: str) -> None:
        """Click what is found, as soon as it is there."""
        async with asyncio.timeout(20):
            while True:
                found = await self._call("POST", "elements", {"using": "xpath", "value": xpath})
                if found:
                    break
                await asyncio.sleep(0.05)
        await self._call("POST", f"element/{found[0][_ELEMENT]}/click", {})

    async def until(self, words: str) -> None:
        """Wait until a person reads these words."""
        async with asyncio.timeout(30):
            while words not in await self.text():
                await asyncio.sleep(0.05)

    async def picture(self, path: Path) -> None:
        """Save what a person sees."""
        path.write_bytes(base64.b64decode(await self._call("GET", "screenshot")))

    async def complaints(self) -> list[str]:
        """What the browser itself complained about since it was asked last: failed loads, errors of scripts."""
        entries = await self._call("POST", "se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        reply = await self._http.request(method, f"/session/{self._session}/{path}", json=body)
        answer = reply.json()["value"]
        assert reply.is_success, answer
        return answer


@contextlib.asynccontextmanager
async def opened(profile: Path) -> AsyncIterator[Browser]:
    """A browser with an empty profile. Fails, and says what to install, where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.fail(_MISSING)
    port = free_port()
    process = await asyncio.to_thread(_start, [driver, f"--port={port}"], profile / "chromedriver.log")
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            await _ready(http)
            options = {"binary": chromium, "args": [*ARGUMENTS, f"--user-data-dir={profile / 'profile'}"]}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            reply = await http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
            assert reply.is_success, reply.text
            session = reply.json()["value"]["sessionId"]
            yield Browser(http, session)
            await http.delete(f"/session/{session}")
    finally:
        process.terminate()
        process.wait(20)


def _start(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def _ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get("/status")).json()["value"]["ready"]:
                    return
            await asyncio.sleep(0.05)

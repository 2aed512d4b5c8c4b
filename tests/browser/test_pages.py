"""What a person sees in a real browser: the vendor's consent page and the way back, the status page, the documentation.

`make test-browser`; with PICTURES=folder each page is saved as a picture, too.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import KEY, World
from tests.browser.conftest import WITH_CONSENT
from tests.browser.driver import Browser

pytestmark = pytest.mark.timeout(180)

ALLOW = "//button[@value='allow']"
DENY = "//button[@value='deny']"
OF_AN_APP = ("clientId", "clientSecret", "baseUrl", "instanceUrl", "tokenUrl")


async def begin(world: World, provider: str) -> Any:
    granted = await world.credentials(provider)
    app = {key: granted[key] for key in OF_AN_APP if key in granted}
    return await world.call("POST", f"/oauth/{provider}/authorize", {"id": world.id, "credentials": app})


async def keep(browser: Browser, name: str) -> None:
    """Save a picture of the page where PICTURES says."""
    folder = os.environ.get("PICTURES")
    if folder:
        await asyncio.to_thread(Path(folder).mkdir, parents=True, exist_ok=True)
        await browser.picture(Path(folder) / f"{name}.png")


@pytest.mark.parametrize("provider", WITH_CONSENT)
async def test_a_person_allows_a_connection(provider: str, served: tuple[World, str], browser: Browser) -> None:
    world, url = served
    begun = await begin(world, provider)
    await browser.open(begun["authorizationUrl"])
    await keep(browser, f"consent-{provider}")
    await browser.click(ALLOW)
    await browser.until("Connected")
    await keep(browser, f"connected-{provider}")
    assert (await browser.address()).startswith(f"{url}/oauth/{provider}/callback")
    assert world.id in await browser.text()
    shown = await world.call("GET", "/{id}")
    assert (shown["provider"], shown["connection"]) == (provider, "connected")
    assert [one for one in await browser.complaints() if url in one] == []


@pytest.mark.parametrize("provider", WITH_CONSENT)
async def test_a_person_says_no(provider: str, served: tuple[World, str], browser: Browser) -> None:
    world, _ = served
    begun = await begin(world, provider)
    await browser.open(begun["authorizationUrl"])
    await browser.click(DENY)
    await browser.until("Not connected")
    assert "access_denied" in await browser.text()
    await world.call("GET", "/{id}", status=404)


async def test_the_command_line_waits_for_a_person(served: tuple[World, str], browser: Browser, tmp_path: Path) -> None:
    world, url = served
    granted = await world.credentials("salesforce")
    app = {key: granted[key] for key in OF_AN_APP if key in granted}
    command = ["connect", "salesforce", "--browser", "--id", world.id, "--client-id", app["clientId"]]
    command += ["--client-secret", app["clientSecret"], "--credentials", str(tmp_path / "app.yaml")]
    (tmp_path / "app.yaml").write_text(f"instanceUrl: {app['instanceUrl']}\ntokenUrl: {app['tokenUrl']}\n")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("external-sync")),
        *command,
        env={**os.environ, "EXTERNAL_SYNC_URL": url, "EXTERNAL_SYNC_API_KEY": KEY, "BROWSER": "true"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    address = ""
    async with asyncio.timeout(60):
        while not address:
            line = (await process.stdout.readline()).decode()
            assert line, "the command ended"
            address = next(iter(re.findall(r"https?://\S+/authorize\S*", line)), "")
    await browser.open(address)
    await browser.click(ALLOW)
    await browser.until("go back to the terminal")
    assert f"as {world.id}" in (await process.communicate())[0].decode()
    assert process.returncode == 0


async def test_the_status_page_says_what_is_up(served: tuple[World, str], browser: Browser) -> None:
    _, url = served
    await browser.open(url)
    await keep(browser, "status")
    words = await browser.text()
    assert "The API is ready" in words
    assert all(name in words for name in ("database", "temporal", "API documentation", "Temporal Web"))
    assert await browser.complaints() == []


async def test_the_documentation_works_without_the_internet(served: tuple[World, str], browser: Browser) -> None:
    _, url = served
    await browser.open(f"{url}/docs")
    await browser.until("Show where the integration stands")
    await keep(browser, "docs")
    loaded = await browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
    assert len(loaded) >= 3
    assert [one for one in loaded if not one.startswith((url, "data:"))] == [], "everything comes from here"
    await browser.click("//span[@data-path='/integrations/{integration}/sync-config']")
    await browser.until("Idempotency-Key")
    await keep(browser, "docs-call")
    assert await browser.complaints() == []

"""Connecting by consent: the vendor's page, the way back, what is stored, and what does not get through."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import text

from starter.cli.consent import Callback
from starter.cli.session import CommandError
from store.connections import ConnectionState
from tests.api.world import World


@pytest.fixture
async def person() -> AsyncIterator[httpx.AsyncClient]:
    """A person's browser, as far as it fills in forms."""
    async with httpx.AsyncClient(follow_redirects=False) as client:
        yield client


async def app_of(world: World) -> dict[str, Any]:
    granted = await world.credentials("salesforce")
    return {key: granted[key] for key in ("clientId", "clientSecret", "instanceUrl", "tokenUrl")}


async def decide(person: httpx.AsyncClient, url: str, decision: str = "allow") -> str:
    """Press a button on the vendor's page; return where the browser is sent."""
    page = await person.get(url)
    assert page.status_code == 200, page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text))
    form = {html.unescape(name): html.unescape(value) for name, value in fields.items()}
    reply = await person.post(url, data={**form, "decision": decision})
    assert reply.status_code == 302
    return reply.headers["location"]


async def begin(world: World) -> Any:
    body = {"id": world.id, "credentials": await app_of(world)}
    return await world.call("POST", "/oauth/salesforce/authorize", body)


async def come_back(world: World, location: str) -> httpx.Response:
    return await world.api.get(urlsplit(location).path + "?" + urlsplit(location).query, headers={"Authorization": ""})


async def test_a_person_connects_an_account_by_consent(world: World, person: httpx.AsyncClient) -> None:
    begun = await begin(world)
    asked = parse_qs(urlsplit(begun["authorizationUrl"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert "refresh_token" in asked["scope"][0]
    location = await decide(person, begun["authorizationUrl"])
    assert location.startswith(begun["redirectUri"])
    page = await come_back(world, location)
    assert (page.status_code, world.id in page.text) == (200, True)
    assert (await world.call("GET", "/{id}"))["connection"] == "connected"
    values = await world.backend.connections.secrets(world.id)
    assert values["refreshToken"]
    assert (await come_back(world, location)).status_code == 404, "a state is good for once"


async def test_what_was_not_asked_for_is_not_stored(world: World, person: httpx.AsyncClient) -> None:
    begun = await begin(world)
    location = await decide(person, begun["authorizationUrl"])
    parts = urlsplit(location)
    forged = urlencode({**dict(parse_qsl(parts.query)), "state": "guessed"})
    assert (await come_back(world, f"{parts.path}?{forged}")).status_code == 404
    wrong = urlencode({**dict(parse_qsl(parts.query)), "code": "guessed"})
    page = await come_back(world, f"{parts.path}?{wrong}")
    assert (page.status_code, "<script" in page.text) == (422, False)
    await world.call("GET", "/{id}", status=404)
    again = await begin(world)
    denied = await come_back(world, await decide(person, again["authorizationUrl"], "deny"))
    assert (denied.status_code, "access_denied" in denied.text) == (400, True)
    page = await come_back(world, f"{parts.path}?error=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>" not in page.text
    async with world.backend.db.session() as session:
        stored = str((await session.execute(text("SELECT * FROM consents"))).all())
    assert begun["authorizationUrl"].split("state=")[1][:20] not in stored


async def test_a_consent_reconnects_an_expired_account(world: World, person: httpx.AsyncClient) -> None:
    await world.connect()
    generation = await world.backend.connections.generation(world.id)
    await world.backend.connections.mark_expired(world.id, generation, "a test")
    begun = await world.call("POST", "/{id}/reconnect", {"authorizationUrl": True})
    page = await come_back(world, await decide(person, begun["authorizationUrl"]))
    assert page.status_code == 200, page.text
    assert await world.backend.connections.state(world.id) is ConnectionState.CONNECTED
    assert await world.backend.connections.generation(world.id) == generation + 1


async def test_disconnecting_ends_the_grant_at_the_vendor(world: World) -> None:
    granted = await world.credentials("salesforce")
    await world.call("POST", "/integrations", {"id": world.id, "provider": "salesforce", "credentials": granted}, 201)
    await world.call("DELETE", "/{id}", status=204)
    reply = await world.http.post(
        granted["tokenUrl"],
        data={
            "grant_type": "refresh_token",
            "refresh_token": granted["refreshToken"],
            "client_id": granted["clientId"],
            "client_secret": granted["clientSecret"],
        },
    )
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


async def test_bad_wishes_name_their_field(world: World) -> None:
    app = await app_of(world)
    path = "/oauth/salesforce/authorize"
    assert await world.refused("POST", path, {"credentials": {"instanceUrl": app["instanceUrl"]}}) == [
        "credentials.clientId"
    ]
    elsewhere = {"credentials": app, "redirectUri": "https://elsewhere.example/callback"}
    assert await world.refused("POST", path, elsewhere) == ["redirectUri"]
    assert await world.refused("POST", "/oauth/alguna/authorize", {"credentials": {"x": "y"}}) == ["provider"]


async def test_the_command_lines_callback_takes_one_answer(world: World, person: httpx.AsyncClient) -> None:
    with Callback() as callback:
        body = {"id": world.id, "credentials": await app_of(world), "redirectUri": callback.url}
        begun = await world.call("POST", "/oauth/salesforce/authorize", body)
        location = await decide(person, begun["authorizationUrl"])
        assert (await person.get(location)).status_code == 200
        came = callback.wait(5)
    made = await world.call("POST", "/oauth/salesforce/redeem", {"state": came["state"], "code": came["code"]}, 201)
    assert made["id"] == world.id
    with Callback() as callback:
        answered = threading.Thread(target=httpx.get, args=(f"{callback.url}?error=access_denied",))
        answered.start()
        with pytest.raises(CommandError, match="access_denied"):
            callback.wait(5)
        answered.join()

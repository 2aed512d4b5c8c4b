"""The Salesforce sandbox's tokens: rotation, revocation, the browser's consent, what ends a session."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.sandbox.salesforce_org import Org, running_org

REDIRECT = "https://app.plain.example/callback"


def challenge_of(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def running() -> Iterator[Org]:
    with running_org() as org:
        yield org


@pytest.fixture
def org(running: Org) -> Org:
    running.control.post("/_sandbox/reset").raise_for_status()
    running.connect()
    return running


def test_rotation_ends_the_session_before_and_reuse_ends_the_grant(org: Org) -> None:
    first = org.credentials
    second = org.token(grant_type="refresh_token", refresh_token=first["refreshToken"]).json()
    assert second["refresh_token"] != first["refreshToken"]
    assert second["instance_url"] == org.url
    assert "expires_in" not in second
    assert org.api("GET", "limits").status_code == 401
    assert org.api("GET", "limits", token=second["access_token"]).status_code == 200

    reused = org.token(grant_type="refresh_token", refresh_token=first["refreshToken"])
    assert (reused.status_code, reused.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "expired access/refresh token"},
    )
    assert org.api("GET", "limits", token=second["access_token"]).status_code == 401
    assert org.token(grant_type="refresh_token", refresh_token=second["refresh_token"]).status_code == 400


def test_without_rotation_a_refresh_token_is_good_again_and_is_not_repeated(org: Org) -> None:
    org.set_up(refreshTokenRotation=False)
    for _ in range(2):
        answer = org.token(grant_type="refresh_token", refresh_token=org.credentials["refreshToken"])
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
    assert org.api("GET", "limits").status_code == 200


def test_each_credentials_call_gives_a_grant_of_its_own(org: Org) -> None:
    first = org.credentials
    org.connect()
    org.token(grant_type="refresh_token", refresh_token=org.credentials["refreshToken"])
    assert org.api("GET", "limits", token=first["accessToken"]).status_code == 200


def test_revoking_ends_everything_and_only_a_new_grant_revives(org: Org) -> None:
    old = org.credentials
    org.control.post("/_sandbox/auth", json={"action": "revoke_grant"})
    assert org.api("GET", "limits").json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert org.token(grant_type="refresh_token", refresh_token=old["refreshToken"]).status_code == 400
    assert org.token(grant_type="client_credentials").json()["error"] == "invalid_grant"
    org.control.post("/_sandbox/auth", json={"action": "restore"})
    assert org.token(grant_type="refresh_token", refresh_token=old["refreshToken"]).status_code == 400
    assert org.token(grant_type="client_credentials").status_code == 200
    org.connect()
    assert org.api("GET", "limits").status_code == 200


def test_sessions_time_out_without_use(org: Org) -> None:
    org.set_up(sessionTimeoutSeconds=0.2)
    org.connect()
    assert org.api("GET", "limits").status_code == 200
    time.sleep(0.3)
    assert org.api("GET", "limits").status_code == 401


def test_the_code_flow_with_pkce_as_a_browser_goes_through_it(org: Org) -> None:
    verifier = secrets.token_urlsafe(48)
    params = {
        "response_type": "code",
        "client_id": org.credentials["clientId"],
        "redirect_uri": REDIRECT,
        "state": "s&1",
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    page = org.control.get("/services/oauth2/authorize", params=params)
    assert page.status_code == 200
    assert 'value="allow">Allow</button>' in page.text

    def clicked(decision: str) -> dict[str, list[str]]:
        answer = org.control.post("/services/oauth2/authorize", data={**params, "decision": decision})
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(REDIRECT)
        return parse_qs(urlsplit(answer.headers["location"]).query)

    assert clicked("deny")["error"] == ["access_denied"]
    granted = clicked("allow")
    assert granted["state"] == ["s&1"]
    exchange = {"grant_type": "authorization_code", "code": granted["code"][0], "redirect_uri": REDIRECT}
    assert org.token(**exchange, code_verifier="wrong").json()["error_description"] == "invalid code verifier"
    assert org.token(**exchange, code_verifier=verifier).json()["error_description"] == "expired authorization code"
    exchange["code"] = clicked("allow")["code"][0]
    tokens = org.token(**exchange, code_verifier=verifier).json()
    assert tokens["refresh_token"]
    assert org.api("GET", "limits", token=tokens["access_token"]).status_code == 200


def test_introspect_userinfo_and_revoke(org: Org) -> None:
    client = (org.credentials["clientId"], org.credentials["clientSecret"])
    token = org.credentials["accessToken"]
    told = org.control.post("/services/oauth2/introspect", data={"token": token}, auth=client).json()
    assert told["active"]
    assert told["exp"] > time.time()
    user = org.api("GET", "/services/oauth2/userinfo").json()
    assert user["user_id"].startswith("005")
    assert user["organization_id"].startswith("00D")
    refresh_token = org.credentials["refreshToken"]
    assert org.control.post("/services/oauth2/revoke", data={"token": refresh_token}).status_code == 200
    assert org.control.post("/services/oauth2/introspect", data={"token": token}, auth=client).json() == {
        "active": False
    }
    assert org.api("GET", "limits").status_code == 401


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, "invalid_client", "invalid client credentials"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
            "invalid_grant",
            "invalid assertion",
        ),
    ],
)
def test_token_errors_are_objects(org: Org, form: dict[str, str], error: str, description: str) -> None:
    answer = org.token(**form)
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


def test_an_inactive_user_and_a_forbidden_api(org: Org) -> None:
    org.set_up(userActive=False)
    answer = org.token(grant_type="refresh_token", refresh_token=org.credentials["refreshToken"])
    assert answer.json()["error_description"] == "inactive user"
    org.set_up(userActive=True, apiEnabled=False)
    refused = org.api("GET", "limits")
    assert refused.status_code == 401
    assert refused.json()[0]["message"] == "This session is not valid for use with the REST API"


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        ({}, None),
        ({"aud": "https://elsewhere.example"}, "Audience validation failed"),
        ({"exp": -1}, "expired authorization code"),
        ({"exp": 3600}, "expired authorization code"),
        ({"sub": "stranger@plain.example"}, "user hasn't approved this consumer"),
    ],
)
def test_assertions_are_checked(org: Org, claims: dict[str, str | int], description: str | None) -> None:
    good = {"iss": org.credentials["clientId"], "sub": org.credentials["username"], "aud": org.url, "exp": 180}
    told = {**good, **claims}
    told["exp"] = int(time.time()) + int(told["exp"])
    assertion = jwt.encode({"alg": "RS256"}, told, RSAKey.import_key(org.credentials["privateKey"]))
    answer = org.token(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=assertion)
    assert answer.json().get("error_description") == description
    assert answer.status_code == (200 if description is None else 400)
    assert "refresh_token" not in answer.json()

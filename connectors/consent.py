"""A person's consent in the browser: the OAuth 2.0 code flow, the same for every vendor but for its facts.

Authlib speaks the protocol; a connector package says where, with what scope, and what a token answer is good for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from core.errors import FieldValidation, Transient

_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_VERIFIER_BYTES = 48


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """A vendor's code flow: its addresses, the scope to ask for, and whether it takes a PKCE challenge.

    With `basic` the app names itself by a header at the token endpoint, not in the form. `returns` are credentials that
    come back as parameters beside the code, under their own names.
    """

    authorize_url: str
    token_url: str
    revoke_url: str | None
    scope: str
    pkce: bool
    basic: bool = False
    returns: tuple[str, ...] = ()


class Consent(Protocol):
    """What a connector package knows of its vendor's code flow. `values` are credentials as api.md names them."""

    def facts(self, values: Mapping[str, str]) -> ConsentFacts:
        """Return the flow's facts for an app. Raises FieldValidation when the app's credentials do not suffice."""
        ...

    def values_of(self, token: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        """Return credentials made of a token answer. Raises FieldValidation for one that cannot be used."""
        ...


def begin(consent: Consent, values: Mapping[str, str], redirect_uri: str, state: str) -> tuple[str, str]:
    """Return the page to send a person to, and the PKCE verifier ("" where the vendor takes none)."""
    facts = consent.facts(values)
    verifier = secrets.token_urlsafe(_VERIFIER_BYTES) if facts.pkce else ""
    challenge = create_s256_code_challenge(verifier) if verifier else ""
    more = {"code_challenge": challenge, "code_challenge_method": "S256"} if verifier else {}
    url = prepare_grant_uri(
        facts.authorize_url, values["clientId"], "code", redirect_uri, scope=facts.scope, state=state, **more
    )
    return str(url), verifier


async def redeem(
    consent: Consent,
    values: Mapping[str, str],
    redirect_uri: str,
    code: str,
    verifier: str,
    returned: Mapping[str, str],
) -> dict[str, str]:
    """Exchange a code for credentials: the app's own with the tokens. Raises FieldValidation, Transient.

    `returned` are all parameters that came back with the person.
    """
    facts = consent.facts(values)
    values = {**values, **{name: returned[name] for name in facts.returns if returned.get(name)}}
    app = {"client_id": values["clientId"]}
    if values.get("clientSecret"):
        app["client_secret"] = values["clientSecret"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        **({} if facts.basic else app),
        **({"code_verifier": verifier} if verifier else {}),
    }
    async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
        try:
            reply = await client.post(
                facts.token_url, data=form, headers={"Accept": "application/json"}, auth=_basic(facts, values)
            )
            token = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Transient(f"the vendor's token endpoint did not answer: {type(error).__name__}") from None
    if not reply.is_success or not isinstance(token, dict):
        reason = token.get("error") or token.get("status") if isinstance(token, dict) else None
        raise FieldValidation(f"the vendor refuses the code: {reason or reply.status_code}")
    return {**values, **consent.values_of(token, values)}


async def revoke(consent: Consent, values: Mapping[str, str]) -> bool:
    """Tell the vendor that a grant is over; False where it cannot be told."""
    facts = consent.facts(values)
    token = values.get("refreshToken") or values.get("accessToken")
    if facts.revoke_url is None or not token:
        return False
    async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
        try:
            reply = await client.post(facts.revoke_url, data={"token": token}, auth=_basic(facts, values))
        except httpx.HTTPError:
            return False
    return reply.is_success


def _basic(facts: ConsentFacts, values: Mapping[str, str]) -> httpx.Auth:
    return httpx.BasicAuth(values["clientId"], values.get("clientSecret", "")) if facts.basic else httpx.Auth()

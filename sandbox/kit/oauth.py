"""What every vendor's OAuth pages and calls have in common: forms, Basic authentication, the consent page, PKCE."""

import base64
import binascii
import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

Form = dict[str, str]
DECISION, ALLOW, DENY = "decision", "allow", "deny"
_CARRIERS = ("client_id", "refresh_token", "token", "code")


async def form_of(request: Request, *, query: bool = False) -> Form:
    """The fields of a form; with `query` those of the query string too, which the body's replace."""
    body = (await request.body()).decode("utf-8", "replace")
    text = f"{request.url.query}&{body}" if query else body
    return {name: values[-1] for name, values in parse_qs(text).items()}


def basic_auth(request: Request) -> tuple[str, str]:
    """Client id and secret of a Basic `Authorization` header; empty where there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote(name), unquote(secret)


def bearer(request: Request, *schemes: str) -> str:
    """The token of an `Authorization: Bearer` header, or of one of the other `schemes`; empty where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", *schemes) else ""


def account_in(carried: re.Pattern[str], request: Request, body: bytes, more: Iterable[str] = ()) -> str | None:
    """The sandbox account that a call's credentials carry, unchecked: group 1 of `carried`.

    Looked for in the Authorization header, in the fields of a form that hold secrets, and in `more`.
    """
    candidates = [request.headers.get("authorization", "").partition(" ")[2], basic_auth(request)[0], *more]
    content = request.headers.get("content-type", "")
    form = body.decode("utf-8", "replace") if content.startswith("application/x-www-form-urlencoded") else ""
    for source in (parse_qs(form), parse_qs(request.url.query)):
        for name in _CARRIERS:
            candidates += source.get(name, [])
    found = (carried.search(candidate) for candidate in candidates)
    return next((match.group(1) for match in found if match), None)


def consent_page(form: Mapping[str, str], title: str, allow: str, deny: str, details: str = "") -> HTMLResponse:
    """A plain page: no script, one form that carries what came, two buttons. `details` is HTML."""
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in form.items()
        if name != DECISION
    )
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>'
        f'<body><h1>{html.escape(title)}</h1>{details}<form method="post">{hidden}'
        f'<button name="{DECISION}" value="{ALLOW}">{html.escape(allow)}</button> '
        f'<button name="{DECISION}" value="{DENY}">{html.escape(deny)}</button></form></body></html>'
    )


def sent_back(form: Mapping[str, str], answer: Mapping[str, str]) -> RedirectResponse:
    """Send the person back to the app with the answer, and with the state that came."""
    state = {"state": form["state"]} if "state" in form else {}
    redirect_uri = form["redirect_uri"]
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(redirect_uri + joint + urlencode({**answer, **state}), 302)


def verifies(verifier: str, challenge: str, method: str) -> bool:
    """Whether a PKCE verifier fits its challenge."""
    if method == "plain":
        return verifier == challenge
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge

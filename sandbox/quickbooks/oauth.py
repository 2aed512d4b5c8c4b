"""Intuit's sign-in: discovery, consent page, tokens, revocation; one host here, several in the world (sheet 1)."""

import html
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox.quickbooks.tokens import HARD_SECONDS, REFRESH_SECONDS, Grant, Tokens, basic_credentials

AUTHORIZE = "/connect/oauth2"
TOKEN = "/oauth2/v1/tokens/bearer"
REVOKE = "/v2/oauth2/tokens/revoke"
_DISCOVERY = "/.well-known/"
_HARD_HEADER = "x-include-refresh-token-hard-expires-in"
Form = dict[str, str]


class OAuth:
    def __init__(self, tokens: Tokens, realm_id: str) -> None:
        self._tokens = tokens
        self._realm_id = realm_id

    def takes(self, path: str) -> bool:
        """Whether a path is the sign-in's, not the API's."""
        return path in (AUTHORIZE, TOKEN, REVOKE) or path.startswith(_DISCOVERY)

    async def handle(self, request: Request) -> Response:
        """Answer a call of the sign-in."""
        path, body = request.url.path, (await request.body()).decode("utf-8", "replace")
        if path.startswith(_DISCOVERY):
            return JSONResponse(_discovery(str(request.base_url).rstrip("/")))
        if path == AUTHORIZE:
            return self._authorize(request, {**_form(request.url.query), **_form(body)})
        if request.method != "POST":
            return Response("Method Not Allowed", 405, media_type="text/plain")
        if basic_credentials(request) != (self._tokens.client_id, self._tokens.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        if path == REVOKE:
            return self._revoke(request, body)
        return self._token(request, _form(body))

    def _token(self, request: Request, form: Form) -> Response:
        grant: Grant | None = None
        if form.get("grant_type") == "refresh_token":
            grant = self._tokens.refresh(form.get("refresh_token", ""))
            if grant is None:
                return _refused("invalid_grant", "Incorrect or invalid refresh token")
        elif form.get("grant_type") == "authorization_code":
            if not self._tokens.take_code(form.get("code", ""), form.get("redirect_uri", "")):
                return _refused("invalid_grant", "Invalid authorization code")
            grant = self._tokens.new_grant()
        else:
            return _refused("unsupported_grant_type", "Invalid grant type")
        access = self._tokens.new_access(grant)
        issued: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": access.token,
            "expires_in": round(access.expires_at - time.time()),
            "refresh_token": grant.refresh_token,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        }
        if request.headers.get(_HARD_HEADER, "").lower() == "true":
            issued["x_refresh_token_hard_expires_in"] = round(grant.consented_at + HARD_SECONDS - time.time())
        return JSONResponse(issued)

    def _revoke(self, request: Request, body: str) -> Response:
        """The token comes as JSON (Intuit's clients) or as a form."""
        try:
            token = str(json.loads(body).get("token", ""))
        except (ValueError, AttributeError):
            token = _form(body).get("token", "")
        return Response(status_code=200) if self._tokens.revoke(token) else _refused("invalid_request", "Unknown token")

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page; POST is the click. The company comes back as `realmId` beside the code."""
        redirect_uri = form.get("redirect_uri", "")
        known = form.get("client_id") == self._tokens.client_id
        if not known or not redirect_uri.startswith(("http://", "https://")) or form.get("response_type") != "code":
            return HTMLResponse("<h1>Sorry, but we didn't connect</h1>", 400)
        if request.method == "GET":
            return HTMLResponse(_consent_page(form))
        state = {"state": form["state"]} if "state" in form else {}
        answer = {"error": "access_denied", **state}
        if form.get("decision") == "allow":
            answer = {"code": self._tokens.new_code(redirect_uri), **state, "realmId": self._realm_id}
        joint = "&" if "?" in redirect_uri else "?"
        return RedirectResponse(redirect_uri + joint + urlencode(answer), 302)


def _form(text: str) -> Form:
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _refused(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400)


def _discovery(base: str) -> dict[str, Any]:
    return {
        "issuer": f"{base}/op/v1",
        "authorization_endpoint": base + AUTHORIZE,
        "token_endpoint": base + TOKEN,
        "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
        "revocation_endpoint": base + REVOKE,
        "jwks_uri": f"{base}/op/v1/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


def _consent_page(form: Form) -> str:
    """A plain page: no script, one form, two buttons."""
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in form.items()
        if name != "decision"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect app to QuickBooks</title></head>'
        f'<body><h1>Connect app to QuickBooks?</h1><form method="post">{hidden}'
        '<button name="decision" value="allow">Connect</button> '
        '<button name="decision" value="deny">No, thanks</button></form></body></html>'
    )

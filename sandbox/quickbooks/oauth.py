"""Intuit's sign-in: discovery, consent page, tokens, revocation; one host here, several in the world (sheet 1)."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.kit.oauth import ALLOW, DECISION, Form, basic_auth, consent_page, form_of, sent_back
from sandbox.quickbooks.setup import Setup
from sandbox.quickbooks.tokens import HARD_SECONDS, REFRESH_SECONDS, Tokens

AUTHORIZE = "/connect/oauth2"
TOKEN = "/oauth2/v1/tokens/bearer"
REVOKE = "/v2/oauth2/tokens/revoke"
_DISCOVERY = "/.well-known/"
_HARD_HEADER = "x-include-refresh-token-hard-expires-in"


class OAuth:
    def __init__(self, tokens: Tokens, setup: Setup, realm_id: str) -> None:
        self._tokens = tokens
        self._setup = setup
        self._realm_id = realm_id

    def takes(self, path: str) -> bool:
        """Whether a path is the sign-in's, not the API's."""
        return path in (AUTHORIZE, TOKEN, REVOKE) or path.startswith(_DISCOVERY)

    async def handle(self, request: Request) -> Response:
        """Answer a call of the sign-in."""
        path = request.url.path
        if path.startswith(_DISCOVERY):
            return JSONResponse(_discovery(str(request.base_url).rstrip("/")))
        if path == AUTHORIZE:
            return self._authorize(request, await form_of(request, query=True))
        if request.method != "POST":
            return Response("Method Not Allowed", 405, media_type="text/plain")
        if basic_auth(request) != (self._tokens.client_id, self._tokens.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        if path == REVOKE:
            return await self._revoke(request)
        return self._token(request, await form_of(request))

    def _token(self, request: Request, form: Form) -> Response:
        if form.get("grant_type") == "refresh_token":
            grant = self._tokens.refreshed(form.get("refresh_token", ""))
            if grant is None:
                return _refused("invalid_grant", "Incorrect or invalid refresh token")
        elif form.get("grant_type") == "authorization_code":
            code = self._tokens.take_code(form.get("code", ""), form.get("redirect_uri", ""))
            if code is None or code.expires_at < self._tokens.now():
                return _refused("invalid_grant", "Invalid authorization code")
            grant = self._tokens.new_grant()
        else:
            return _refused("unsupported_grant_type", "Invalid grant type")
        access = self._tokens.new_access(grant, self._setup.access_token_seconds)
        issued: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": access.token,
            "expires_in": round(access.expires_at - self._tokens.now()),
            "refresh_token": grant.refresh_token,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        }
        if request.headers.get(_HARD_HEADER, "").lower() == "true":
            issued["x_refresh_token_hard_expires_in"] = round(grant.consented_at + HARD_SECONDS - self._tokens.now())
        return JSONResponse(issued)

    async def _revoke(self, request: Request) -> Response:
        """The token comes as JSON (Intuit's clients) or as a form."""
        try:
            token = str(json.loads(await request.body()).get("token", ""))
        except (ValueError, AttributeError):
            token = (await form_of(request)).get("token", "")
        grant = self._tokens.holder(token)
        if grant is None:
            return _refused("invalid_request", "Unknown token")
        self._tokens.revoke(grant)
        return Response(status_code=200)

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page; POST is the click. The company comes back as `realmId` beside the code."""
        redirect_uri = form.get("redirect_uri", "")
        known = form.get("client_id") == self._tokens.client_id
        if not known or not redirect_uri.startswith(("http://", "https://")) or form.get("response_type") != "code":
            return HTMLResponse("<h1>Sorry, but we didn't connect</h1>", 400)
        if request.method == "GET":
            return consent_page(form, "Connect app to QuickBooks?", "Connect", "No, thanks")
        if form.get(DECISION) == ALLOW:
            return sent_back(form, {"code": self._tokens.new_code(redirect_uri), "realmId": self._realm_id})
        return sent_back(form, {"error": "access_denied"})


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

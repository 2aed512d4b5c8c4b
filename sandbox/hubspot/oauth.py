"""`/oauth/…`: consent, tokens in every version of the path, introspection, revocation (sheet 1)."""

import time
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.hubspot.calls import DATES
from sandbox.hubspot.properties_api import OWNER_USER_ID
from sandbox.hubspot.setup import Setup
from sandbox.hubspot.tokens import SCOPES, Tokens
from sandbox.kit.grants import Access, Grant
from sandbox.kit.oauth import ALLOW, DECISION, Form, consent_page, form_of, sent_back

_VERSIONS = ("v1", "v3", *DATES)
_DEAD = "refresh token is invalid, expired or revoked"


class OAuthError(Exception):
    """A refusal of the token endpoint: a 400 with `status`, `message` and OAuth's own `error`."""

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.body = {"error": error, "error_description": message, "status": status, "message": message}


class OAuth:
    def __init__(self, tokens: Tokens, portal_id: int, setup: Setup) -> None:
        self._tokens = tokens
        self._setup = setup
        self._portal_id = portal_id

    async def handle(self, request: Request) -> Response:
        """Answer a call below `/oauth/`."""
        raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
        parts = [unquote(part) for part in raw.strip("/").split("/")][1:]
        try:
            if parts == ["authorize"]:
                return self._authorize(request, await form_of(request, query=True))
            if len(parts) >= 2 and parts[0] in _VERSIONS:
                return self._versioned(request.method, parts[1:], await form_of(request))
        except OAuthError as error:
            return JSONResponse(error.body, 400)
        return Response("Not Found", 404, media_type="text/plain")

    def _versioned(self, method: str, parts: list[str], form: Form) -> Response:
        if method == "POST" and parts == ["token"]:
            return JSONResponse(self._token(form))
        if method == "POST" and parts == ["token", "introspect"]:
            self._check_client(form)
            return JSONResponse(self._introspect(form.get("token") or form.get("access_token") or ""))
        if method == "POST" and parts == ["token", "revoke"]:
            self._revoke(form.get("token", ""))
            return Response(status_code=200)
        if parts[0] == "access-tokens" and len(parts) == 2 and method == "GET":
            return self._access_info(parts[1])
        if parts[0] == "refresh-tokens" and len(parts) == 2 and method == "GET":
            return self._refresh_info(parts[1])
        if parts[0] == "refresh-tokens" and len(parts) == 2 and method == "DELETE":
            self._revoke(parts[1])
            return Response(status_code=204)
        return Response("Not Found", 404, media_type="text/plain")

    def _token(self, form: Form) -> dict[str, Any]:
        """Parameters are in the body only (sheet 1)."""
        self._check_client(form)
        if form.get("grant_type") == "refresh_token":
            grant = self._tokens.grant_of(form.get("refresh_token", ""))
            if grant is None:
                raise OAuthError("BAD_REFRESH_TOKEN", "invalid_grant", _DEAD)
            if self._setup.refresh_token_rotation:
                self._tokens.rotate(grant)
            return self._issued(grant)
        if form.get("grant_type") == "authorization_code":
            code = self._tokens.take_code(form.get("code", ""), form.get("redirect_uri", ""))
            if code is None or code.expires_at < self._tokens.now():
                status = "EXPIRED_AUTH_CODE" if code else "BAD_AUTH_CODE"
                raise OAuthError(status, "invalid_grant", "missing or unknown auth code")
            return self._issued(self._tokens.new_grant())
        raise OAuthError("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")

    def _check_client(self, form: Form) -> None:
        if form.get("client_id") != self._tokens.client_id:
            raise OAuthError("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
        if form.get("client_secret") != self._tokens.client_secret:
            raise OAuthError("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")

    def _issued(self, grant: Grant) -> dict[str, Any]:
        access = self._tokens.new_access(grant, self._setup.access_token_seconds)
        return {
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": access.token,
            "refresh_token": grant.refresh_token,
            "expires_in": round(access.expires_at - time.time()),
            "hub_id": self._portal_id,
            "scopes": list(SCOPES),
        }

    def _introspect(self, token: str) -> dict[str, Any]:
        """An unknown token is answered with 200 too."""
        access = self._tokens.live_access(token)
        if access is None:
            return {"active": False}
        return {"active": True, "token_use": "access_token", **self._about(access)}

    def _about(self, access: Access) -> dict[str, Any]:
        return {
            "hub_id": self._portal_id,
            "app_id": self._portal_id % 100_000,
            "user_id": OWNER_USER_ID,
            "user": "sales@portal.example",
            "scopes": list(SCOPES),
            "expires_in": max(0, round(access.expires_at - time.time())),
            "token_type": "access",
        }

    def _access_info(self, token: str) -> Response:
        access = self._tokens.live_access(token)
        if access is None:
            return JSONResponse({"status": "error", "message": "access token is expired or unknown"}, 404)
        more = {
            "token": token,
            "hub_domain": "portal.example",
            "trial_scopes": [],
            "trial_scope_to_scope_group_pks": [],
        }
        return JSONResponse({**self._about(access), **more, "scope_to_scope_group_pks": []})

    def _refresh_info(self, token: str) -> Response:
        if self._tokens.grant_of(token) is None:
            raise OAuthError("BAD_REFRESH_TOKEN", "invalid_grant", _DEAD)
        info = {"token": token, "client_id": self._tokens.client_id, "hub_id": self._portal_id}
        more = {"user_id": OWNER_USER_ID, "user": "sales@portal.example", "hub_domain": "portal.example"}
        return JSONResponse({**info, **more, "scopes": list(SCOPES), "token_type": "refresh"})

    def _revoke(self, token: str) -> None:
        grant = self._tokens.grant_of(token)
        if grant is not None:
            # Access tokens that are out keep working until they expire (sheet 1).
            self._tokens.revoke(grant, access=False)

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page with Connect and Cancel; POST is the click."""
        redirect_uri = form.get("redirect_uri", "")
        if form.get("client_id") != self._tokens.client_id or not redirect_uri.startswith(("http://", "https://")):
            raise OAuthError("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id or redirect URI")
        if request.method == "GET":
            return consent_page(form, "Connect app to HubSpot?", "Connect app", "Cancel")
        if form.get(DECISION) == ALLOW:
            return sent_back(form, {"code": self._tokens.new_code(redirect_uri)})
        return sent_back(form, {"error": "access_denied", "error_description": "the user canceled"})

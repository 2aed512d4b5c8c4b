"""`/oauth/…`: consent, tokens in every version of the path, introspection, revocation (sheet 1)."""

import html
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox.hubspot.calls import DATES
from sandbox.hubspot.properties_api import OWNER_USER_ID
from sandbox.hubspot.tokens import SCOPES, Access, Grant, Tokens

Form = dict[str, str]
_VERSIONS = ("v1", "v3", *DATES)
_DEAD = "refresh token is invalid, expired or revoked"


class OAuthError(Exception):
    """A refusal of the token endpoint: a 400 with `status`, `message` and OAuth's own `error`."""

    def __init__(self, status: str, error: str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.body = {"error": error, "error_description": message, "status": status, "message": message}


class OAuth:
    def __init__(self, tokens: Tokens, portal_id: int) -> None:
        self._tokens = tokens
        self._portal_id = portal_id

    async def handle(self, request: Request) -> Response:
        """Answer a call below `/oauth/`."""
        raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
        parts = [unquote(part) for part in raw.strip("/").split("/")][1:]
        body = (await request.body()).decode("utf-8", "replace")
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        try:
            if parts == ["authorize"]:
                query = {name: values[-1] for name, values in parse_qs(request.url.query).items()}
                return self._authorize(request, {**query, **form})
            if len(parts) >= 2 and parts[0] in _VERSIONS:
                return self._versioned(request.method, parts[1:], form)
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
            grant = self._tokens.refresh(form.get("refresh_token", ""))
            if grant is None:
                raise OAuthError("BAD_REFRESH_TOKEN", "invalid_grant", _DEAD)
            return self._issued(grant)
        if form.get("grant_type") == "authorization_code":
            wrong = self._tokens.take_code(form.get("code", ""), form.get("redirect_uri", ""))
            if wrong is not None:
                raise OAuthError(wrong, "invalid_grant", "missing or unknown auth code")
            return self._issued(self._tokens.new_grant())
        raise OAuthError("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")

    def _check_client(self, form: Form) -> None:
        if form.get("client_id") != self._tokens.client_id:
            raise OAuthError("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id")
        if form.get("client_secret") != self._tokens.client_secret:
            raise OAuthError("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")

    def _issued(self, grant: Grant) -> dict[str, Any]:
        access = self._tokens.new_access(grant)
        return {
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": access.token,
            "refresh_token": grant.refresh_tokens[-1],
            "expires_in": round(access.expires_at - time.time()),
            "hub_id": self._portal_id,
            "scopes": list(SCOPES),
        }

    def _introspect(self, token: str) -> dict[str, Any]:
        """An unknown token is answered with 200 too."""
        access = self._live(token)
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
        access = self._live(token)
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

    def _live(self, token: str) -> Access | None:
        access = self._tokens.accesses.get(token)
        return access if access is not None and access.expires_at > time.time() else None

    def _revoke(self, token: str) -> None:
        grant = self._tokens.grant_of(token)
        if grant is not None:
            self._tokens.end(grant)

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page with Connect and Cancel; POST is the click."""
        redirect_uri = form.get("redirect_uri", "")
        if form.get("client_id") != self._tokens.client_id or not redirect_uri.startswith(("http://", "https://")):
            raise OAuthError("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id or redirect URI")
        if request.method == "GET":
            return HTMLResponse(_consent_page(form))
        state = {"state": form["state"]} if "state" in form else {}
        answer = {"error": "access_denied", "error_description": "the user canceled", **state}
        if form.get("decision") == "allow":
            answer = {"code": self._tokens.new_code(redirect_uri), **state}
        joint = "&" if "?" in redirect_uri else "?"
        return RedirectResponse(redirect_uri + joint + urlencode(answer), 302)


def _consent_page(form: Form) -> str:
    """A plain page: no script, one form, two buttons."""
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in form.items()
        if name != "decision"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect app to HubSpot</title></head>'
        f'<body><h1>Connect app to HubSpot?</h1><form method="post">{hidden}'
        '<button name="decision" value="allow">Connect app</button> '
        '<button name="decision" value="deny">Cancel</button></form></body></html>'
    )

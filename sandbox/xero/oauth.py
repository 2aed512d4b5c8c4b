"""Consent, tokens, revocation, and the connections of a grant to its tenants (sheet 1)."""

import html
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.grants import Grant
from sandbox.kit.oauth import ALLOW, DECISION, Form, basic_auth, bearer, consent_page, form_of, sent_back
from sandbox.xero.books import Books
from sandbox.xero.errors import problem
from sandbox.xero.setup import Setup
from sandbox.xero.tokens import BROAD_SCOPES, SCOPES, Tokens

AUTHORIZE = "/identity/connect/authorize"


class OAuthError(Exception):
    """A refusal of the token endpoint: a 400 with OAuth's own `error`."""


class OAuth:
    """`organisations` are the tenants by id; `disconnected` ones the user has taken away from the app."""

    def __init__(self, tokens: Tokens, setup: Setup, organisations: dict[str, Books]) -> None:
        self._tokens = tokens
        self._setup = setup
        self._organisations = organisations
        self.disconnected: set[str] = set()

    def handles(self, path: str) -> bool:
        return path.startswith(("/connect/", "/identity/connect/")) or path.lower().startswith("/connections")

    async def handle(self, request: Request) -> Response:
        """Answer a call of the identity service. Raises XeroError for a bad bearer token of `/connections`."""
        path = request.url.path
        try:
            if path == AUTHORIZE:
                return self._authorize(request, await form_of(request, query=True))
            if path == "/connect/token" and request.method == "POST":
                return JSONResponse(self._token(request, await form_of(request)))
            if path == "/connect/revocation" and request.method == "POST":
                return self._revoke(request, await form_of(request))
        except OAuthError as error:
            return JSONResponse({"error": str(error)}, 400)
        if path.lower() == "/connections" and request.method == "GET":
            self.grant_of(request)
            return JSONResponse(self._connections(request.query_params.get("authEventId")))
        if path.lower().startswith("/connections/") and request.method == "DELETE":
            self.grant_of(request)
            return self._disconnect(path.rpartition("/")[2])
        return Response("Not Found", 404, media_type="text/plain")

    def grant_of(self, request: Request) -> Grant:
        """The living grant of a call's bearer token. Raises XeroError 401."""
        access = self._tokens.accesses.get(bearer(request))
        grant = self._tokens.grants.get(access.grant_id) if access else None
        if access is None or grant is None or not grant.alive:
            headers = {"WWW-Authenticate": "Bearer error=invalid_token"}
            raise problem(401, "Unauthorized", "AuthenticationUnsuccessful", headers)
        if access.expires_at <= self._tokens.now():
            moment = access.expires.strftime("%m/%d/%Y %H:%M:%S")
            raise problem(401, "Unauthorized", f"TokenExpired: token expired at {moment}")
        return grant

    def _token(self, request: Request, form: Form) -> dict[str, Any]:
        self._check_client(request, form)
        if form.get("grant_type") == "refresh_token":
            grant = self._tokens.refresh(form.get("refresh_token", ""))
            if grant is None:
                raise OAuthError("invalid_grant")
            return self._issued(grant)
        if form.get("grant_type") == "authorization_code":
            code = self._tokens.take_code(form.get("code", ""), form.get("redirect_uri", ""))
            if code is None or code.expires_at < self._tokens.now():
                raise OAuthError("invalid_grant")
            self.disconnected.clear()
            return self._issued(self._tokens.new_grant(code.scopes))
        raise OAuthError("unsupported_grant_type")

    def _check_client(self, request: Request, form: Form) -> None:
        """By HTTP Basic or in the body (sheet 1)."""
        name, secret = basic_auth(request)
        sent = (name, secret) if name else (form.get("client_id", ""), form.get("client_secret", ""))
        if sent != (self._tokens.client_id, self._tokens.client_secret):
            raise OAuthError("invalid_client")

    def _issued(self, grant: Grant) -> dict[str, Any]:
        access = self._tokens.new_access(grant, self._setup.access_token_seconds)
        issued = {
            "access_token": access.token,
            "expires_in": round(self._setup.access_token_seconds),
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }
        if "offline_access" in grant.scopes:
            issued["refresh_token"] = grant.refresh_token
        return issued

    def _revoke(self, request: Request, form: Form) -> Response:
        """Drops all connections of that user; an unknown token is no error."""
        self._check_client(request, form)
        grant = self._tokens.grant_of(form.get("token", ""))
        if grant is not None:
            self._tokens.revoke(grant)
        return Response(status_code=200)

    def _connections(self, auth_event_id: str | None) -> list[dict[str, Any]]:
        rows = [
            {
                "id": books.connection_id,
                "authEventId": books.auth_event_id,
                "tenantId": tenant_id,
                "tenantType": "ORGANISATION",
                "tenantName": books.name,
                "createdDateUtc": books.created,
                "updatedDateUtc": books.created,
            }
            for tenant_id, books in self._organisations.items()
            if self.connected(tenant_id)
        ]
        return [row for row in rows if auth_event_id in (None, row["authEventId"])]

    def connected(self, tenant_id: str) -> bool:
        return tenant_id in self._organisations and tenant_id not in self.disconnected and not self._setup.disconnected

    def _disconnect(self, connection_id: str) -> Response:
        for tenant_id, books in self._organisations.items():
            if books.connection_id == connection_id and self.connected(tenant_id):
                self.disconnected.add(tenant_id)
                return Response(status_code=204)
        return Response(status_code=404)

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page with Allow access and Cancel; POST is the click."""
        redirect_uri = form.get("redirect_uri", "")
        # On this machine only by name (sheet 1).
        local = urlsplit(redirect_uri)
        secure = local.scheme == "https" or (local.scheme, local.hostname) == ("http", "localhost")
        if form.get("client_id") != self._tokens.client_id or not secure:
            raise OAuthError("unauthorized_client")
        scopes = form.get("scope", "").split()
        if not set(scopes) <= {*SCOPES, "openid", "profile", "email"} or set(scopes) & BROAD_SCOPES:
            return sent_back(form, {"error": "invalid_scope"})
        if request.method == "GET":
            listed = "".join(f"<li>{html.escape(books.name)}</li>" for books in self._organisations.values())
            return consent_page(
                form, "Allow access to these organisations?", "Allow access", "Cancel", f"<ul>{listed}</ul>"
            )
        if form.get(DECISION) == ALLOW:
            return sent_back(form, {"code": self._tokens.new_code(redirect_uri, scopes)})
        return sent_back(form, {"error": "access_denied"})

"""`/services/oauth2/…`: token, authorize, revoke, introspect and userinfo (sheet 1)."""

import base64
import hashlib
import time

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.oauth import ALLOW, DECISION, Form, basic_auth, bearer, consent_page, form_of, sent_back, verifies
from sandbox.salesforce.records import Records
from sandbox.salesforce.tokens import Client, Grant, Session, Tokens

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
_MAX_ASSERTION_SECONDS = 300


class OAuthError(Exception):
    """A token error: `{"error","error_description"}` with 400 (sheet 1.5)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


def _dead() -> OAuthError:
    return OAuthError("invalid_grant", "expired access/refresh token")


class OAuth:
    def __init__(self, tokens: Tokens, records: Records) -> None:
        self._tokens = tokens
        self._records = records
        self._key: RSAKey | None = None

    def private_pem(self) -> str:
        """The PEM key to sign JWT assertions with."""
        return self._signing_key().as_pem(private=True).decode()

    def _signing_key(self) -> RSAKey:
        """Made when first asked for, since that takes a moment."""
        if self._key is None:
            self._key = RSAKey.generate_key(2048, private=True)
        return self._key

    def use_private_pem(self, pem: str) -> None:
        self._key = RSAKey.import_key(pem)

    async def handle(self, request: Request) -> Response:
        """Answer a call below `/services/oauth2/`."""
        action = request.url.path.rstrip("/").rpartition("/")[2]
        form = await form_of(request, query=True)
        try:
            if action == "token":
                return self._token(request, form)
            if action == "authorize":
                return self._authorize(request, form)
            if action == "revoke":
                return self._revoke(form)
            if action == "introspect":
                return self._introspect(request, form)
            if action == "userinfo":
                return self._userinfo(request, form)
        except OAuthError as error:
            content = {"error": error.error, "error_description": error.description}
            return JSONResponse(content, error.status, {"Cache-Control": "no-store"})
        return Response("Not Found", 404, media_type="text/plain")

    def _token(self, request: Request, form: Form) -> Response:
        if request.method != "POST":
            raise OAuthError("invalid_request", "must use HTTP POST")
        grant_type = form.get("grant_type")
        if grant_type == "refresh_token":
            client = self._client(request, form)
            self._check_user()
            grant = self._tokens.refresh(form.get("refresh_token", ""), client.id)
            if grant is None:
                raise _dead()
            return self._issued(request, grant, show_refresh=self._records.setup.refresh_token_rotation)
        if grant_type == "authorization_code":
            return self._issued(request, self._exchange(request, form), show_refresh=True)
        if grant_type == "client_credentials":
            return self._issued(request, self._client_credentials(request, form), show_refresh=False)
        if grant_type == _JWT_GRANT:
            return self._issued(request, self._assertion(request, form), show_refresh=False)
        raise OAuthError("unsupported_grant_type", "grant type not supported")

    def _client(self, request: Request, form: Form) -> Client:
        """The app that calls, by Basic header or form fields; apps need their secret in every flow but JWT."""
        name, secret = basic_auth(request)
        client_id, secret = name or form.get("client_id", ""), secret or form.get("client_secret", "")
        client = self._tokens.clients.get(client_id)
        if client is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if secret != client.secret:
            raise OAuthError("invalid_client", "invalid client credentials")
        return client

    def _check_user(self) -> None:
        if not self._records.setup.user_active:
            raise OAuthError("invalid_grant", "inactive user")

    def _exchange(self, request: Request, form: Form) -> Grant:
        client = self._client(request, form)
        code = self._tokens.codes.pop(form.get("code", ""), None)
        if code is None or code.expires_at < time.time() or code.client_id != client.id:
            raise OAuthError("invalid_grant", "expired authorization code")
        if code.redirect_uri != form.get("redirect_uri"):
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if code.challenge and not verifies(form.get("code_verifier", ""), code.challenge, code.method):
            raise OAuthError("invalid_grant", "invalid code verifier")
        self._check_user()
        client.approved = True
        return self._tokens.new_grant(client.id, refreshable=True)

    def _client_credentials(self, request: Request, form: Form) -> Grant:
        if request.headers.get("host", "").startswith(("login.", "test.")):
            raise OAuthError("invalid_grant", "request not supported on this domain")
        client = self._client(request, form)
        if not client.approved:
            raise OAuthError("invalid_grant", "no client credentials user enabled")
        self._check_user()
        return self._tokens.new_grant(client.id, refreshable=False)

    def _assertion(self, request: Request, form: Form) -> Grant:
        try:
            token = jwt.decode(form.get("assertion", ""), self._signing_key(), algorithms=["RS256"])
        except (JoseError, ValueError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        claims = token.claims
        client = self._tokens.clients.get(str(claims.get("iss")))
        if client is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not 0 < _seconds(claims.get("exp")) - time.time() <= _MAX_ASSERTION_SECONDS:
            raise OAuthError("invalid_grant", "expired authorization code")
        if not _is_audience(claims.get("aud"), str(request.base_url).rstrip("/")):
            raise OAuthError("invalid_grant", "Audience validation failed")
        user = self._records.tables["User"].rows[self._records.user_id]
        if not client.approved or claims.get("sub") != user["Username"]:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        self._check_user()
        return self._tokens.new_grant(client.id, refreshable=False)

    def _issued(self, request: Request, grant: Grant, *, show_refresh: bool) -> Response:
        """The token answer; there is no `expires_in` (sheet 1.3)."""
        session = self._tokens.new_session(grant)
        base_url = str(request.base_url).rstrip("/")
        issued_at = str(int(session.issued_at * 1000))
        identity = f"{_LOGIN_HOSTS[0]}/id/{self._records.org_id}/{self._records.user_id}"
        signature = base64.b64encode(hashlib.sha256((identity + issued_at).encode()).digest()).decode()
        content = {"access_token": session.token}
        if show_refresh and grant.refresh_token:
            content["refresh_token"] = grant.refresh_token
        content |= {"signature": signature, "scope": grant.scope, "instance_url": base_url, "id": identity}
        content |= {"token_type": "Bearer", "issued_at": issued_at}
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    def _authorize(self, request: Request, form: Form) -> Response:
        """GET shows the page with Allow and Deny; POST is the click."""
        client = self._tokens.clients.get(form.get("client_id", ""))
        redirect_uri = form.get("redirect_uri", "")
        if client is None:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not redirect_uri.startswith(("http://", "https://")):
            raise OAuthError("redirect_uri_missing", "redirect_uri must match configuration")
        if form.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response type not supported")
        if request.method == "GET":
            asked = (
                "<p>This app asks to manage user data via APIs and to perform requests at any time in the sandbox.</p>"
            )
            return consent_page(form, "Allow Access?", "Allow", "Deny", asked)
        if form.get(DECISION) != ALLOW:
            return sent_back(form, {"error": "access_denied", "error_description": "end-user denied authorization"})
        method = form.get("code_challenge_method", "S256")
        return sent_back(
            form, {"code": self._tokens.new_code(client.id, redirect_uri, form.get("code_challenge"), method)}
        )

    def _revoke(self, form: Form) -> Response:
        if not self._tokens.revoke(form.get("token", "")):
            raise OAuthError("unsupported_token_type", "this token type is not supported")
        return Response(status_code=200)

    def _introspect(self, request: Request, form: Form) -> Response:
        client = self._client(request, form)
        session = self._tokens.sessions.get(form.get("token", ""))
        if session is None or session.expires_at <= time.time():
            return JSONResponse({"active": False})
        grant = self._tokens.grants[session.grant_id]
        user = self._records.tables["User"].rows[self._records.user_id]
        return JSONResponse(
            {
                "active": True,
                "scope": grant.scope,
                "client_id": client.id,
                "username": user["Username"],
                "sub": f"{_LOGIN_HOSTS[0]}/id/{self._records.org_id}/{self._records.user_id}",
                "token_type": "access_token",
                "exp": int(session.expires_at),
                "iat": int(session.issued_at),
                "nbf": int(session.issued_at),
            }
        )

    def _userinfo(self, request: Request, form: Form) -> Response:
        session = self.bearer(request) or self._tokens.session(form.get("access_token", ""))
        if session is None:
            return Response("Bad_OAuth_Token", 403, media_type="text/html")
        user = self._records.tables["User"].rows[self._records.user_id]
        base_url = str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "sub": f"{_LOGIN_HOSTS[0]}/id/{self._records.org_id}/{self._records.user_id}",
                "user_id": self._records.user_id,
                "organization_id": self._records.org_id,
                "preferred_username": user["Username"],
                "name": user["Name"],
                "email": user["Email"],
                "urls": {
                    "rest": f"{base_url}/services/data/v{{version}}/",
                    "sobjects": f"{base_url}/services/data/v{{version}}/sobjects/",
                    "query": f"{base_url}/services/data/v{{version}}/query/",
                    "custom_domain": base_url,
                },
                "active": self._records.setup.user_active,
                "user_type": "STANDARD",
            }
        )

    def bearer(self, request: Request) -> Session | None:
        """The living session of a call's Authorization header (`Bearer` or the older `OAuth`)."""
        return self._tokens.session(bearer(request, "oauth"))


def _seconds(claim: object) -> float:
    """`exp` as a number; well-known clients send it as text."""
    try:
        return float(str(claim))
    except ValueError:
        return 0.0


def _is_audience(audience: object, base_url: str) -> bool:
    """The login hosts, or the org's own."""
    audiences = audience if isinstance(audience, list) else [audience]
    known = (*_LOGIN_HOSTS, base_url, f"{base_url}/services/oauth2/token")
    return any(str(one).rstrip("/") in known for one in audiences)

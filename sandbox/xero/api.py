"""The Accounting API of one app: authentication, tenants, scopes, limits, idempotency, errors as bodies (sheet 1-6)."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.grants import Grant
from sandbox.xero.calls import Call, query_of
from sandbox.xero.errors import XeroError, not_found, problem
from sandbox.xero.idempotency import Idempotency
from sandbox.xero.metering import Metering
from sandbox.xero.oauth import OAuth
from sandbox.xero.resources import Reply, Resources
from sandbox.xero.setup import Setup
from sandbox.xero.values import wire_moment

ROOT = "/api.xro/2.0/"
# The scopes that open a resource for writing; `.read` of any of them opens it for reading (sheet 1).
_SCOPES = {
    "contacts": ("accounting.contacts",),
    "invoices": ("accounting.invoices", "accounting.transactions"),
    "payments": ("accounting.payments", "accounting.transactions"),
    "items": ("accounting.settings", "accounting.invoices", "accounting.transactions"),
}
_SETTINGS = ("accounting.settings",)


class Api:
    """`tenants` are the organisations' resources by tenant id, each with its limits."""

    def __init__(
        self,
        setup: Setup,
        oauth: OAuth,
        tenants: dict[str, Resources],
        metering: dict[str, Metering],
        idempotency: Idempotency,
    ) -> None:
        self._setup = setup
        self._oauth = oauth
        self._tenants = tenants
        self._metering = metering
        self._idempotency = idempotency

    async def handle(self, request: Request, *, broken_rows: bool = False) -> Response:
        """Answer a call below `/api.xro/2.0/`."""
        correlation_id = str(uuid4())
        raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
        if not raw.lower().startswith(ROOT):
            return self.refused(not_found(), request, correlation_id)
        resource, *path = [unquote(part) for part in raw[len(ROOT) :].rstrip("/").split("/")]
        metering = None
        try:
            grant = self._oauth.grant_of(request)
            tenant_id = self._tenant(request)
            metering = self._metering[tenant_id]
            metering.spend()
            self._check_scope(grant, resource, request.method)
            return await self._answer(request, tenant_id, resource, tuple(path), correlation_id, broken_rows)
        except XeroError as error:
            response = self.refused(error, request, correlation_id)
            if metering is not None:
                response.headers.update(metering.headers())
            return response

    async def _answer(
        self, request: Request, tenant_id: str, resource: str, path: tuple[str, ...], correlation_id: str, broken: bool
    ) -> Response:
        body = await request.body()
        key = self._idempotency.key_of(request)
        kept = self._idempotency.answered(key, request, body) if key is not None else None
        if kept is not None:
            return Response(bytes(kept.body), kept.status_code, dict(kept.headers))
        query = query_of(request.scope["query_string"].decode("latin-1"))
        since = request.headers.get("if-modified-since") if request.method == "GET" else None
        call = Call(request.method, path, query, body, since, broken)
        try:
            reply = self._tenants[tenant_id].handle(resource, call)
            response = self._response(request, reply, correlation_id)
        except XeroError as error:
            response = self.refused(error, request, correlation_id)
        if key is not None:
            self._idempotency.keep(key, request, body, response)
        response.headers.update(self._metering[tenant_id].headers())
        return response

    def refused(self, error: XeroError, request: Request, correlation_id: str | None = None) -> Response:
        """An error as Xero tells it: JSON, or plain text called HTML."""
        headers = {**error.headers, "Xero-Correlation-Id": correlation_id or str(uuid4())}
        if isinstance(error.body, str):
            return Response(error.body, error.status, headers, "text/html")
        return JSONResponse(error.body, error.status, headers)

    def _tenant(self, request: Request) -> str:
        tenant_id = request.headers.get("xero-tenant-id", "")
        if not self._oauth.connected(tenant_id):
            raise problem(403, "Forbidden", "AuthenticationUnsuccessful")
        return tenant_id

    def _check_scope(self, grant: Grant, resource: str, method: str) -> None:
        names = _SCOPES.get(resource.lower(), _SETTINGS)
        wanted = {*names, *(f"{name}.read" for name in names)} if method == "GET" else set(names)
        if not wanted & (set(grant.scopes) - set(self._setup.missing_scopes)):
            headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{names[0]}"'}
            raise problem(401, "Unauthorized", "AuthorizationUnsuccessful", headers)

    def _response(self, request: Request, reply: Reply, correlation_id: str) -> Response:
        body: dict[str, Any] = {
            "Id": correlation_id,
            "Status": "OK",
            "ProviderName": "External Sync",
            "DateTimeUTC": wire_moment(datetime.now(UTC)).replace("+0000", ""),
        }
        if reply.pagination is not None:
            body["pagination"] = reply.pagination
        body[reply.plural] = reply.rows
        headers = {"Xero-Correlation-Id": correlation_id}
        if "json" not in request.headers.get("accept", ""):
            return Response(_xml("Response", body), 200, headers, "text/xml")
        return JSONResponse(body, 200, headers)


def _xml(name: str, value: Any) -> str:
    """The default form of the API: whoever does not ask for JSON is given XML (sheet)."""
    if isinstance(value, dict):
        inside = "".join(_xml(key, one) for key, one in value.items())
    elif isinstance(value, list):
        singular = f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")
        inside = "".join(_xml(singular, one) for one in value)
    else:
        inside = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{inside}</{name}>"

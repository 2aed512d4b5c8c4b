"""The REST API of one org: authentication, limits, routing, and errors as bodies (sheet 3 to 6)."""

import secrets
import time
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.limits import Limits, WindowCounter
from sandbox.salesforce import describe
from sandbox.salesforce.calls import NEWEST_VERSION, OLDEST_VERSION, Call, Reply, parse_target, sobject_named
from sandbox.salesforce.composite import Composite
from sandbox.salesforce.errors import SalesforceError, not_found, session_expired
from sandbox.salesforce.oauth import OAuth
from sandbox.salesforce.queries import Queries
from sandbox.salesforce.records import Records
from sandbox.salesforce.rows import PreconditionError, Rows
from sandbox.salesforce.sobject_collections import SObjectCollections, locked

DAILY_REQUESTS = 15_000
_DAY_SECONDS = 86_400
_MAX_BYTES = 16_384
_JSON = "application/json;charset=UTF-8"
_READS = frozenset({"GET", "HEAD"})


class Api:
    def __init__(self, records: Records, oauth: OAuth, limits: Limits) -> None:
        self._records = records
        self._oauth = oauth
        self._limits = limits
        self._limited_until = 0.0
        self._limited_message = ""
        self.queries = Queries(records)
        self._rows = Rows(records)
        self._collections = SObjectCollections(records, self._rows)
        self._composite = Composite(records, self._dispatch)
        self.refill()

    def refill(self) -> None:
        """Begin a new day of API requests."""
        self._daily = WindowCounter(self._limits, DAILY_REQUESTS, _DAY_SECONDS)
        self._limited_until = 0.0

    async def handle(self, request: Request, *, locked_rows: bool = False) -> Response:
        """Answer a call below `/services/data`."""
        raw_path = request.scope.get("raw_path") or request.url.path.encode()
        target = raw_path.decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        uri_bytes = len(target) + len(query) + 1
        if uri_bytes > _MAX_BYTES:
            return Response("URI Too Long", 414, media_type="text/html")
        if uri_bytes + sum(len(name) + len(value) + 4 for name, value in request.headers.raw) > _MAX_BYTES:
            return Response("Request Header Fields Too Large", 431, media_type="text/html")
        if target.rstrip("/") == "/services/data":
            return JSONResponse(describe.versions(OLDEST_VERSION, NEWEST_VERSION))
        try:
            call = await self._call(request, f"{target}?{query}")
            self._spend()
            reply = self._locked(call) if locked_rows else self._dispatch(call)
        except SalesforceError as error:
            reply = Reply(error.status, error.body())
        except PreconditionError:
            reply = Reply(412)
        return self._response(reply)

    def limit_for(self, seconds: float | None) -> Response:
        """Refuse this call, and all others for so long. A limit that ends within a minute is the concurrency one."""
        lasting = (seconds or 0) >= 60
        name = "TotalRequests" if lasting else "ConcurrentRequests (Concurrent API Requests)"
        self._limited_message = f"{name} Limit exceeded."
        self._limited_until = time.monotonic() + (seconds or 0)
        return self._response(_over(self._limited_message))

    async def _call(self, request: Request, target: str) -> Call:
        """The call, once its session is found to live. Raises SalesforceError."""
        session = self._oauth.bearer(request)
        if session is None:
            raise session_expired()
        if not self._records.setup.api_enabled:
            message = "This session is not valid for use with the REST API"
            raise SalesforceError("INVALID_SESSION_ID", message, status=401)
        version, path, query = parse_target(target)
        return Call(
            method=request.method,
            version=version,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.body(),
            session=session.token,
            user_id=self._records.user_id,
        )

    def _spend(self) -> None:
        if self._limits.enabled and time.monotonic() < self._limited_until:
            raise SalesforceError("REQUEST_LIMIT_EXCEEDED", self._limited_message, status=403)
        if not self._daily.take():
            raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)

    def _locked(self, call: Call) -> Reply:
        """Collections fail in some rows, other writes wholly; reads go through."""
        head = tuple(part.lower() for part in call.path[:2])
        if head == ("composite", "sobjects") and not (
            call.method == "GET" or (call.method == "POST" and call.path[2:])
        ):
            return self._dispatch(replace(call, locked=True))
        if call.method in _READS or head[:1] == ("composite",):
            return self._dispatch(call)
        raise locked({"id": call.path[2] if len(call.path) == 3 else ""})

    def _dispatch(self, call: Call) -> Reply:
        path = tuple(part.lower() for part in call.path)
        reading = call.method in _READS
        if not path and reading:
            return Reply(200, describe.resources(call.data_url))
        head = path[0] if path else ""
        if head in ("query", "queryall") and reading:
            if len(path) == 2:
                return self.queries.more(call, call.path[1])
            return self.queries.run(call, include_deleted=head == "queryall")
        if head == "sobjects":
            return self._sobjects(call, path, reading)
        if path == ("limits",) and reading:
            return Reply(200, self._limits_body())
        if path == ("limits", "recordcount") and reading:
            return Reply(200, self._counts(call.query.get("sObjects", "")))
        if path[:2] == ("composite", "sobjects"):
            return self._collections.handle(call)
        if path == ("composite",) and call.method == "POST":
            return self._composite.run(call)
        if path == ("composite", "batch") and call.method == "POST":
            return self._composite.batch(call)
        raise not_found()

    def _sobjects(self, call: Call, path: tuple[str, ...], reading: bool) -> Reply:
        if len(path) == 1 and reading:
            return Reply(200, describe.global_describe(call.data_url))
        if len(path) == 2 and reading:
            sobject = sobject_named(path[1])
            return Reply(200, {"objectDescribe": describe.summary(sobject, call.data_url), "recentItems": []})
        if len(path) == 3 and path[2] == "describe" and reading:
            return Reply(200, describe.describe(sobject_named(path[1]), call.data_url, self._records.setup.hidden))
        if len(path) == 1:
            raise SalesforceError("METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.", status=405)
        return self._rows.handle(call)

    def _limits_body(self) -> dict[str, dict[str, int]]:
        used, most = self._daily.used, self._daily.allowance
        body = {"DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)}}
        for name, allowance in (("DailyBulkApiBatches", 15_000), ("DailyBulkV2QueryJobs", 10_000)):
            body[name] = {"Max": allowance, "Remaining": allowance}
        return body

    def _counts(self, names: str) -> dict[str, list[dict[str, object]]]:
        """Row counts of the objects named, or of all; objects without rows are left out."""
        wanted = {name.strip().lower() for name in names.split(",") if name.strip()}
        tables = self._records.tables.items()
        return {
            "sObjects": [
                {"count": table.live, "name": name}
                for name, table in tables
                if table.live and (not wanted or name.lower() in wanted)
            ]
        }

    def _response(self, reply: Reply) -> Response:
        headers = {
            **reply.headers,
            "Sforce-Limit-Info": f"api-usage={self._daily.used}/{self._daily.allowance}",
            "X-Sfdc-Request-Id": secrets.token_hex(16),
        }
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        response = JSONResponse(reply.body, reply.status, headers)
        response.headers["Content-Type"] = _JSON
        return response


def _over(message: str) -> Reply:
    return Reply(403, SalesforceError("REQUEST_LIMIT_EXCEEDED", message).body())

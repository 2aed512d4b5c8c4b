"""The API of one account: login, language, concurrency, routing, errors as bodies (sheet 1, 5, 6)."""

import asyncio
import time
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.netsuite import tba
from sandbox.netsuite.calls import JSON, Call, Reply
from sandbox.netsuite.errors import NetSuiteError, bad_request, forbidden, no_such_type, not_logged_in
from sandbox.netsuite.governance import Governance
from sandbox.netsuite.jobs import Jobs
from sandbox.netsuite.record_api import RecordApi
from sandbox.netsuite.records import Edit, Records
from sandbox.netsuite.render import Renderer
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.suiteql.queries import MOST, Queries
from sandbox.netsuite.tokens import Tokens

INTEGRATION_USER = "12"
_ROOT = ("services", "rest")


class Api:
    def __init__(self, records: Records, tokens: Tokens, governance: Governance, setup: Setup) -> None:
        self._tokens = tokens
        self._governance = governance
        self._setup = setup
        self.queries = Queries(records)
        self.jobs = Jobs()
        self._records = RecordApi(records, Renderer(records), setup)

    async def handle(self, request: Request, seconds: float = 0.0) -> Response:
        """Answer a call below `/services/rest`, holding a slot of the account for `seconds`."""
        try:
            path = tuple(part for part in unquote(request.url.path).split("/") if part)
            self._check_login(request)
            with self._governance.slot():
                await asyncio.sleep(seconds)
                self._check_language(request)
                call = Call(
                    request.method,
                    path[2:],
                    dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                    {name.lower(): value for name, value in request.headers.items()},
                    await request.body(),
                    f"{request.url.scheme}://{request.url.netloc}",
                )
                reply = self._answer(call, path[:2] == _ROOT)
        except NetSuiteError as error:
            return self.refused(error)
        return self._response(reply)

    def refused(self, error: NetSuiteError) -> Response:
        """An error as NetSuite tells it."""
        return self._response(Reply(error.status, error.body(), error.headers, "error"))

    def _answer(self, call: Call, inside: bool) -> Reply:
        if not inside or not call.path:
            raise no_such_type("/".join(call.path), call.host)
        if "respond-async" in call.prefers:
            return self.jobs.accept(call, self._dispatch)
        return self._dispatch(call)

    def _dispatch(self, call: Call) -> Reply:
        area, version, rest = call.path[0], call.path[1:2], call.path[2:]
        inner = Call(call.method, rest, call.query, call.headers, call.body, call.host)
        if version == ("v1",) and rest:
            if area == "record":
                return self._records.handle(inner, Edit(INTEGRATION_USER, "RESTWEBSERVICES"))
            if area == "query" and rest == ("suiteql",):
                return self._suiteql(inner)
            if area == "async" and rest[0] == "job":
                return self.jobs.handle(Call(call.method, rest[1:], call.query, call.headers, call.body, call.host))
            if area == "system" and rest == ("governanceLimits",):
                raise forbidden("Administrator")
        raise no_such_type("/".join(call.path), f"{call.host}/services/rest/{'/'.join(call.path)}")

    def _suiteql(self, call: Call) -> Reply:
        if call.method != "POST":
            raise NetSuiteError(405, "SuiteQL needs POST.", "INVALID_REQUEST")
        if "transient" not in call.prefers:
            raise NetSuiteError(400, "The header Prefer: transient is required.", "INVALID_HEADER", header="Prefer")
        if "REPO_ANALYTICS" in self._setup.missing_permissions:
            raise forbidden("REPO_ANALYTICS")
        body = call.object()
        text, params = body.get("q"), body.get("params", [])
        if not isinstance(text, str) or not isinstance(params, list):
            raise bad_request("The body needs the query as text under q, and params as a list.")
        limit, offset = call.page(MOST)
        page = self.queries.run(text, params, limit, offset)
        here = f"{call.host}/services/rest/query/v1/suiteql"
        links = [{"rel": "self", "href": f"{here}?limit={limit}&offset={offset}", "method": "POST"}]
        return Reply(200, {"links": links, **page}, {"Preference-Applied": "transient"}, "collection")

    def _check_login(self, request: Request) -> None:
        """A living bearer token, or a signature. Raises NetSuiteError 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            if not tba.is_valid(request, self._tokens):
                raise not_logged_in()
        elif self._tokens.accesses.get(token.strip(), 0.0) <= time.time():
            error = not_logged_in()
            error.headers["WWW-Authenticate"] = 'Bearer realm="NetSuite", error="invalid_token"'
            raise error

    def _check_language(self, request: Request) -> None:
        """A user whose language is not the company's has to ask for the company's (sheet 8)."""
        wanted = self._setup.company_language
        asked = request.headers.get("accept-language", "").replace("-", "_")
        if self._setup.user_language != wanted and asked != wanted:
            detail = f"Invalid header Accept-Language: use the company language {wanted}."
            raise NetSuiteError(400, detail, "INVALID_HEADER", header="Accept-Language")

    def _response(self, reply: Reply) -> Response:
        headers = {**reply.headers, "X-N-OperationId": str(uuid4()), "Cache-Control": "No-Cache"}
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        media = f"{JSON}; type={reply.kind}; charset=UTF-8" if reply.media == JSON else reply.media
        return JSONResponse(reply.body, reply.status, headers, media_type=media)

"""The API of one portal: authentication, scopes, limits, routing, and errors as bodies (sheet 1, 5, 6)."""

import time
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.hubspot import properties_api
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.batches import Batches
from sandbox.hubspot.calls import Call, Reply, kind_of, located, query_of
from sandbox.hubspot.errors import HubSpotError, not_found, unreadable
from sandbox.hubspot.links_api import LinksApi
from sandbox.hubspot.metering import Metering
from sandbox.hubspot.objects_api import ObjectsApi
from sandbox.hubspot.properties_api import PropertiesApi
from sandbox.hubspot.records import Edit, Records
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.search import Search
from sandbox.hubspot.shapes import Shapes
from sandbox.hubspot.tokens import Tokens
from sandbox.hubspot.values import wire_time

_MOST_URI_CHARACTERS = 16_000
_OAUTH_HELP = "https://developers.hubspot.com/docs/methods/auth/oauth-overview"
_SCOPES_HELP = "https://developers.hubspot.com/scopes"
_READS_BY_POST = frozenset({"read", "search"})


class Api:
    def __init__(self, records: Records, associations: Associations, tokens: Tokens, metering: Metering) -> None:
        self._records = records
        self._associations = associations
        self._tokens = tokens
        self._metering = metering
        shapes = Shapes(records, associations)
        self._objects = ObjectsApi(records, associations, shapes)
        self._batches = Batches(records, self._objects, shapes)
        self._search = Search(records, associations, shapes)
        self._links = LinksApi(records, associations, shapes)
        self._properties = PropertiesApi(records)

    async def handle(self, request: Request, *, broken_rows: bool = False) -> Response:
        """Answer a call below `/crm` or `/account-info`."""
        raw_path = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        if len(raw_path) + len(query) > _MOST_URI_CHARACTERS:
            return Response("<html><body>414 Request-URI Too Large</body></html>", 414, media_type="text/html")
        place = located(raw_path)
        search = raw_path.rstrip("/").endswith("/search")
        private = False
        try:
            if place is None:
                raise not_found()
            private = self._check_token(request)
            area, version, path = place
            path = tuple(part for part in path if part)
            self._metering.spend(search=search, associations=area == "associations", private=private)
            body = await request.body()
            app_id = str(self._records.portal_id % 100_000)
            call = Call(request.method, area, version, path, query_of(query), body, app_id, broken_rows)
            self._check_scope(call)
            reply = self._dispatch(call)
        except HubSpotError as error:
            return self.refused(error, search=search, private=private)
        except (KeyError, TypeError, AttributeError):
            # A body whose parts have the wrong shape; the vendor's parser refuses it as a whole.
            return self.refused(unreadable("Cannot deserialize value of the request body"), search=search)
        return self._response(reply, str(uuid4()), search=search, private=private)

    def refused(self, error: HubSpotError, *, search: bool = False, private: bool = False) -> Response:
        """An error as HubSpot tells it."""
        correlation_id = str(uuid4())
        reply = Reply(error.status, error.body(correlation_id))
        return self._response(reply, correlation_id, search=search, private=private)

    def _check_token(self, request: Request) -> bool:
        """Whether the call comes from a private app. Raises HubSpotError 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token == self._tokens.private_token and self._tokens.private_alive:
            return True
        access = self._tokens.accesses.get(token) if scheme.lower() == "bearer" else None
        if access is None:
            message = (
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
                f"more details at {_OAUTH_HELP}"
            )
            raise HubSpotError(401, message, "INVALID_AUTHENTICATION")
        past = time.time() - access.expires_at
        if past >= 0:
            message = f"The OAuth token used to make this call expired {int(past)} second(s) ago."
            moment = wire_time(datetime.fromtimestamp(access.expires_at, UTC))
            raise HubSpotError(401, message, "EXPIRED_AUTHENTICATION", context={"expire time": [moment]})
        return False

    def _check_scope(self, call: Call) -> None:
        if call.area not in ("objects", "properties") or not call.path:
            return
        kind = kind_of(call.path[0])
        reading = call.method == "GET" or (call.method == "POST" and call.path[-1] in _READS_BY_POST)
        scope = f"crm.{'objects' if call.area == 'objects' else 'schemas'}.{kind.name}.{'read' if reading else 'write'}"
        if scope in self._records.setup.missing_scopes:
            message = (
                "This app hasn't been granted all required scopes to make this call. "
                f"Read more about required scopes here: {_SCOPES_HELP}."
            )
            detail = "One or more of the following scopes are required."
            errors = [{"message": detail, "context": {"requiredGranularScopes": [scope]}}]
            raise HubSpotError(403, message, "MISSING_SCOPES", errors=errors, links={"scopes": _SCOPES_HELP})

    def _dispatch(self, call: Call) -> Reply:
        edit = self._records.edit("INTEGRATION", call.app_id, call.version)
        match call.area:
            case "objects":
                return self._records_call(call, edit)
            case "associations" if call.method == "POST":
                return self._links.batch(call, edit)
            case "properties":
                return self._properties.handle(call)
            case "pipelines":
                return properties_api.pipelines(call)
            case "owners":
                return properties_api.owners(call)
            case "account-info":
                return properties_api.account(call, self._records)
        raise not_found()

    def _records_call(self, call: Call, edit: Edit) -> Reply:
        if not call.path:
            raise not_found()
        kind, rest = kind_of(call.path[0]), call.path[1:]
        if len(rest) >= 2 and rest[1] == "associations":
            return self._links.of_record(call, kind, rest[0], rest[2:], edit)
        if call.method == "POST":
            return self._post(call, kind, rest, edit)
        if not rest and call.method == "GET":
            return self._objects.page(call, kind)
        if len(rest) == 1 and call.method == "GET":
            return self._objects.get(call, kind, rest[0])
        if len(rest) == 1 and call.method == "PATCH":
            return self._objects.update(call, kind, rest[0], edit)
        if len(rest) == 1 and call.method == "DELETE":
            return self._objects.archive(kind, rest[0], edit)
        raise HubSpotError(405, "Method Not Allowed")

    def _post(self, call: Call, kind: ObjectType, rest: tuple[str, ...], edit: Edit) -> Reply:
        if not rest:
            return self._objects.create(call, kind, edit)
        if rest == ("search",):
            return self._search.run(call, kind)
        if rest == ("merge",):
            return self._objects.merge(call, kind, edit)
        if rest == ("gdpr-delete",) and kind.singular == "contact":
            return self._objects.forget(call, edit)
        if len(rest) == 2 and rest[0] == "batch":
            return self._batches.handle(call, kind, rest[1], edit)
        raise not_found()

    def _response(self, reply: Reply, correlation_id: str, *, search: bool, private: bool) -> Response:
        headers = {
            **reply.headers,
            **self._metering.headers(search=search, private=private),
            "X-HubSpot-Correlation-Id": correlation_id,
        }
        if reply.body is None:
            return Response(status_code=reply.status, headers=headers)
        return JSONResponse(reply.body, reply.status, headers)

"""The resources of one organisation, put together."""

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.alguna.customers import Customers
from sandbox.alguna.errors import ApiError
from sandbox.alguna.invoices import Invoices
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists
from sandbox.alguna.payments import Payments
from sandbox.alguna.products import Products
from sandbox.alguna.routing import Call, Routes
from sandbox.alguna.subscriptions import Subscriptions
from sandbox.kit.vendor import Record


class Api:
    """Everything behind auth, version, limit and idempotency."""

    def __init__(self, org: Organisation) -> None:
        lists, self._routes = Lists(), Routes()
        self.org = org
        self.customers = Customers(org, lists, self._routes)
        self.subscriptions = Subscriptions(org, lists, self._routes)
        self.payments = Payments(org, lists, self._routes)
        self.invoices = Invoices(org, lists, self._routes, self.payments)
        self.products = Products(org, lists, self._routes)

    def answer(self, request: Request, body: bytes) -> Response:
        """Do what the call asks, at once and as a whole."""
        self.org.settle()
        try:
            handler, ids = self._routes.find(request.method, request.scope["raw_path"])
            reply = handler(Call(ids, request.query_params, _object(body)))
        except ApiError as error:
            return error.response()
        return Response(status_code=204) if reply.body is None else JSONResponse(reply.body)


def params_of(request: Request, body: bytes) -> str:
    """What an idempotency key stands for: method, path, query and the body's meaning rather than its bytes."""
    try:
        meaning: object = json.loads(body) if body else None
    except ValueError:
        meaning = body.decode("latin-1")
    url = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    return json.dumps([request.method, *url, meaning], sort_keys=True)


def idempotency_headers(headers: Mapping[str, str], status: int, replayed: bool) -> dict[str, str]:
    """What an answer says about the key that was sent; nothing without one."""
    key = headers.get("idempotency-key")
    if key is None:
        return {}
    said = {"Idempotency-Key": key, "Idempotent-Replayed": "true" if replayed else "false"}
    if status == 429 or status >= 500:
        said["Transient-Error"] = "true"
    return said


def _object(body: bytes) -> Record:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "the request body is not valid JSON") from error
    if not isinstance(found, dict):
        raise ApiError(400, "the request body must be a JSON object")
    return found

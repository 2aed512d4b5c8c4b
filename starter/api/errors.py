"""Every failure as one shape: `{"status","detail","errors":[{"field","message"}]}`."""

from __future__ import annotations

import inspect
import math
from typing import Any, get_args, get_type_hints

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from temporalio.service import RPCError

from core.errors import AuthExpired, Conflict, Duplicate, FieldValidation, NotFound, Permission, RateLimit, SyncError
from core.errors import Transient as TransientError
from core.problems import Problem, problems_from
from starter.api import answers
from starter.services.refusals import Refused
from store.connections import ALGUNA

log = structlog.get_logger(__name__)

_SYNC_STATUS: dict[type[SyncError], int] = {
    FieldValidation: 422,
    NotFound: 404,
    Conflict: 409,
    Duplicate: 409,
    AuthExpired: 409,
    Permission: 409,
    RateLimit: 503,
    TransientError: 503,
}


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SyncError, _sync_error)
    app.add_exception_handler(RPCError, _temporal)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)
    headers = {"Retry-After": "2"} if refusal.status == 503 else None
    return answers.error(refusal.status, refusal.detail, refusal.problems, headers)


async def _sync_error(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, SyncError)
    status = next((code for kind, code in _SYNC_STATUS.items() if isinstance(failure, kind)), 500)
    if isinstance(failure, AuthExpired):
        return _auth_expired(failure)
    headers = {"Retry-After": str(math.ceil(failure.retry_after))} if failure.retry_after else None
    return answers.error(status, failure.message, headers=headers)


def _auth_expired(failure: AuthExpired) -> Response:
    side = "alguna" if failure.connection_id == ALGUNA else "external"
    way = f"POST /integrations/{failure.connection_id}/reconnect"
    detail = f"the connection {failure.connection_id} has expired; {way} with new credentials"
    return answers.error(409, detail, [Problem(f"connection.{side}", failure.message)])


async def _temporal(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RPCError)
    log.warning("temporal_call_failed", path=request.url.path, status=failure.status.name, reason=failure.message)
    detail = f"Temporal could not carry this out ({failure.status.name}); try again"
    return answers.error(503, detail, headers={"Retry-After": "2"})


async def _http(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    return answers.error(failure.status_code, str(failure.detail), headers=failure.headers)


async def _unexpected(request: Request, failure: Exception) -> Response:
    log.error("call_failed", method=request.method, path=request.url.path, exc_info=failure)
    return answers.error(500, "an internal error; the log of the API has more")


async def _bad_request(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestValidationError)
    problems = [_problem(request, item) for item in failure.errors()]
    first = f"{problems[0].field}: {problems[0].message}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return answers.error(422, first + more, problems)


def _problem(request: Request, item: dict[str, Any]) -> Problem:
    where, *rest = item["loc"]
    if item["type"] == "json_invalid":
        return Problem("body", f"is not JSON: {item['ctx']['error']}")
    model = _model(request, "body" if where == "body" else "query")
    found = problems_from([{**item, "loc": tuple(rest)}], model)[0]
    if not rest:
        return Problem(str(where), "must be a JSON object, sent with Content-Type: application/json")
    return found


def _model(request: Request, place: str) -> type[BaseModel]:
    """The model that the route takes from the body, or from the query; an empty one where it takes none."""
    endpoint = request.scope.get("endpoint")
    if endpoint is not None:
        hints = get_type_hints(endpoint)
        parts = [part for hint in hints.values() for part in (get_args(hint) or (hint,))]
        found = [one for one in parts if inspect.isclass(one) and issubclass(one, BaseModel)]
        found = [one for one in found if not issubclass(one, SQLModel)]
        queries = [model for model in found if model.__name__.endswith("Query")]
        chosen = queries if place == "query" else [model for model in found if model not in queries]
        if chosen:
            return chosen[0]
    return BaseModel

"""The control API, `/_sandbox/…`: the same on every sandbox, never used by connectors."""

from collections.abc import Callable
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.kit.accounts import Account
from sandbox.kit.behaviour import Behaviour, ControlModel
from sandbox.kit.faults import FaultRule
from sandbox.kit.vendor import Record, RecordError

Model = TypeVar("Model", bound=ControlModel)


class SeedBody(ControlModel):
    entity: str
    count: int = Field(ge=0, le=1_000_000)
    seed: int = 1
    offset: int = Field(default=0, ge=0)


class AuthBody(ControlModel):
    action: Literal["expire_access_token", "revoke_grant", "restore"]


class LimitsBody(ControlModel):
    enabled: bool | None = None
    scale: float | None = Field(default=None, gt=0)


class WebhooksBody(ControlModel):
    url: str | None
    secret: str | None = None


def control_app(account_of: Callable[[Request], Account]) -> Starlette:
    """The control API as an ASGI app. Errors are `{"status","detail"}`."""
    api = _Control(account_of)
    prefix = "/_sandbox"
    return Starlette(
        routes=[
            Route(f"{prefix}/reset", api.reset, methods=["POST"]),
            Route(f"{prefix}/seed", api.seed, methods=["POST"]),
            Route(f"{prefix}/records/{{entity}}", api.records, methods=["GET", "POST"]),
            Route(f"{prefix}/records/{{entity}}/{{id:path}}", api.record, methods=["GET", "PUT", "PATCH", "DELETE"]),
            Route(f"{prefix}/faults", api.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{prefix}/auth", api.auth, methods=["POST"]),
            Route(f"{prefix}/limits", api.limits, methods=["GET", "POST"]),
            Route(f"{prefix}/behaviour", api.behaviour, methods=["GET", "POST"]),
            Route(f"{prefix}/calls", api.calls, methods=["GET", "DELETE"]),
            Route(f"{prefix}/webhooks", api.webhooks, methods=["GET", "POST"]),
            Route(f"{prefix}/credentials", api.credentials, methods=["GET"]),
        ],
        exception_handlers={
            RecordError: _on_record_error,
            ValidationError: _on_invalid,
            HTTPException: _on_http_error,
        },
    )


class _Control:
    def __init__(self, account_of: Callable[[Request], Account]) -> None:
        self._account_of = account_of

    async def reset(self, request: Request) -> Response:
        self._account_of(request).reset()
        return JSONResponse({"status": "reset"})

    async def seed(self, request: Request) -> Response:
        body = await _parse(request, SeedBody)
        account = self._account_of(request)
        _known(account, body.entity)
        account.changed = True
        return JSONResponse({"ids": account.vendor.seed(body.entity, body.count, body.seed, body.offset)})

    async def records(self, request: Request) -> Response:
        account = self._account_of(request)
        entity = _known(account, request.path_params["entity"])
        if request.method == "POST":
            values = await _values(request)
            account.changed = True
            return JSONResponse(account.vendor.create_record(entity, values), 201)
        rows, total = account.vendor.list_records(
            entity, _whole(request, "limit", None), _whole(request, "offset", 0) or 0, _deleted(request)
        )
        return JSONResponse({"data": rows, "total": total})

    async def record(self, request: Request) -> Response:
        account = self._account_of(request)
        entity, record_id = _known(account, request.path_params["entity"]), request.path_params["id"]
        vendor = account.vendor
        if request.method in ("GET", "HEAD"):
            return JSONResponse(vendor.get_record(entity, record_id, _deleted(request)))
        account.changed = True
        if request.method == "DELETE":
            vendor.delete_record(entity, record_id)
            return Response(status_code=204)
        edit = vendor.replace_record if request.method == "PUT" else vendor.patch_record
        return JSONResponse(edit(entity, record_id, await _values(request)))

    async def faults(self, request: Request) -> Response:
        account = self._account_of(request)
        if request.method == "DELETE":
            account.faults.clear()
            return Response(status_code=204)
        if request.method == "POST":
            rule = await _parse(request, FaultRule)
            if rule.fault not in account.vendor.faults:
                raise RecordError(422, f"{account.vendor.name} cannot have the fault {rule.fault}")
            account.faults.add(rule)
        return JSONResponse({"data": account.faults.listing()})

    async def auth(self, request: Request) -> Response:
        body = await _parse(request, AuthBody)
        account = self._account_of(request)
        account.vendor.auth_action(body.action)
        account.changed = True
        return JSONResponse({"action": body.action})

    async def limits(self, request: Request) -> Response:
        limits = self._account_of(request).limits
        if request.method == "POST":
            body = await _parse(request, LimitsBody)
            limits.enabled = limits.enabled if body.enabled is None else body.enabled
            limits.scale = limits.scale if body.scale is None else body.scale
        return JSONResponse({"enabled": limits.enabled, "scale": limits.scale})

    async def behaviour(self, request: Request) -> Response:
        """POST changes the given keys only; a key that this vendor has no such thing for is refused."""
        account = self._account_of(request)
        current = account.vendor.behaviour
        if request.method == "POST":
            body = await _parse(request, Behaviour)
            sent = body.model_dump(by_alias=True, exclude_unset=True)
            unknown = sorted(key for key, value in sent.items() if value and key not in account.vendor.behaviours)
            if unknown:
                raise RecordError(422, f"{account.vendor.name} has no {', '.join(unknown)}")
            account.set_behaviour(current.model_copy(update=body.model_dump(exclude_unset=True)))
        shown = current.model_dump(by_alias=True)
        return JSONResponse({key: shown[key] for key in shown if key in account.vendor.behaviours})

    async def calls(self, request: Request) -> Response:
        calls = self._account_of(request).calls
        if request.method == "DELETE":
            calls.clear()
            return Response(status_code=204)
        try:
            rows = request.query_params.get("rows") != "false"
            return JSONResponse(calls.listing(request.query_params.get("since"), rows=rows))
        except ValueError as error:
            raise RecordError(422, "since: neither a sequence number nor an ISO 8601 time") from error

    async def webhooks(self, request: Request) -> Response:
        account = self._account_of(request)
        webhooks = account.webhooks
        if request.method == "POST":
            body = await _parse(request, WebhooksBody)
            webhooks.point(body.url, body.secret)
            account.changed = True
        return JSONResponse(
            {
                "url": webhooks.url,
                "secret": webhooks.secret,
                "sent": webhooks.sent,
                "failed": webhooks.failed,
                "pending": webhooks.pending,
            }
        )

    async def credentials(self, request: Request) -> Response:
        account = self._account_of(request)
        account.changed = True
        return JSONResponse(account.vendor.credentials(str(request.base_url).rstrip("/")))


def _known(account: Account, entity: str) -> str:
    if entity not in account.vendor.entities:
        raise RecordError(
            404, f"{account.vendor.name} has no entity {entity}; it has {', '.join(account.vendor.entities)}"
        )
    return entity


async def _parse(request: Request, model: type[Model]) -> Model:
    return model.model_validate_json(await request.body() or b"{}")


async def _values(request: Request) -> Record:
    try:
        values = await request.json()
    except ValueError as error:
        raise RecordError(400, "the body is not JSON") from error
    if not isinstance(values, dict):
        raise RecordError(400, "the body is not a JSON object")
    return values


def _whole(request: Request, name: str, default: int | None) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise RecordError(422, f"{name}: not a whole number")
    return int(text)


def _deleted(request: Request) -> bool:
    return request.query_params.get("deleted", "").lower() in ("true", "1")


def _error(status: int, detail: str) -> Response:
    return JSONResponse({"status": status, "detail": detail}, status)


async def _on_record_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RecordError)
    return _error(error.status, error.detail)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    first = error.errors()[0]
    return _error(422, f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}")


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, error.detail)

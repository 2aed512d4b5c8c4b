"""Alguna's two error shapes (Alguna sheet 1.6)."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse


class ApiError(Exception):
    """An answer other than success: `{"status","detail"}`.

    `titled` adds `title` and `type`, which only version and idempotency errors have.
    """

    def __init__(self, status: int, detail: str, *, titled: bool = False, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.titled = titled
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        body: dict[str, Any] = {"status": self.status, "detail": self.detail}
        if self.titled:
            body = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, **body}
        # The SDK reads whole seconds only.
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse(body, self.status, headers)


def unauthenticated(message: str) -> JSONResponse:
    """The gateway's own shape for a missing or dead key."""
    return JSONResponse({"code": "unauthenticated", "message": message, "details": {}}, 401)


def not_found(kind: str) -> ApiError:
    return ApiError(404, f"{kind} not found")


def invalid(detail: str) -> ApiError:
    """422: the request can be read, but a value in it is not right."""
    return ApiError(422, detail)


def not_now(detail: str) -> ApiError:
    """400: not allowed in the state that the resource is in."""
    return ApiError(400, detail)

"""How answers are written: exact numbers, and one shape for every error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from core.problems import Problem


class Json(JSONResponse):
    """A JSON answer whose decimals are numbers, as far as every reader gets the same value out of them."""

    def render(self, content: Any) -> bytes:
        """Write the body."""
        return json.dumps(content, default=_number, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _number(value: object) -> object:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not JSON")
    if value == value.to_integral_value() and value.adjusted() < 15:
        return int(value)
    near = float(value)
    # More digits than a binary number holds stay text rather than becoming another number.
    return near if math.isfinite(near) and Decimal(repr(near)) == value else str(value)


class FieldError(BaseModel):
    """One thing to put right."""

    field: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error."""

    status: int
    detail: str
    errors: list[FieldError]


def error(status: int, detail: str, problems: Iterable[Problem] = (), headers: Mapping[str, str] | None = None) -> Json:
    """Return an error answer."""
    errors = [{"field": problem.path, "message": problem.message} for problem in problems]
    return Json({"status": status, "detail": detail, "errors": errors}, status, headers)


def listed(rows: Sequence[Any], total: int, per_page: int) -> Json:
    """Return one page of a list."""
    pages = math.ceil(total / per_page)
    return Json({"data": list(rows), "pagination": {"perPage": per_page, "totalPages": pages}})

"""Callers who try everything: no call makes the API fail, and none gets an answer that the document does not tell of.

`make test-fuzz` tries many more. Most examples name the integration that exists, so that they get behind the first
refusal.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import BaseSchema

from tests.api.world import KEY

MANY = int(os.environ.get("EXTERNAL_SYNC_FUZZ_EXAMPLES", "0"))
CHECKS: Any = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KEPT = {("DELETE", "/integrations/{integration}"), ("POST", "/integrations/alguna/reconnect")}
"""Not tried: what they take away, every other call needs."""


@pytest.mark.timeout(7200 if MANY else 240)
def test_i9_no_call_fails_or_answers_what_is_not_told(openapi: BaseSchema) -> None:
    failures: list[str] = []
    tried = 0
    for found in openapi.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # the document is well formed: FastAPI wrote it
        if (operation.method.upper(), operation.path) in KEPT:
            continue
        tried += 1
        failures += _try(operation)
    assert not failures, "\n\n".join(failures)
    assert tried > 50


def _try(operation: Any) -> list[str]:
    @settings(
        max_examples=MANY or 5,
        deadline=None,
        derandomize=not MANY,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        if "integration" in case.path_parameters and len(repr(case.body)) % 5:
            case.path_parameters["integration"] = "int_salesforce"
        case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS, timeout=60)

    try:
        check()
    except (Failure, FailureGroup, ExceptionGroup) as error:
        return [f"{operation.method.upper()} {operation.path}: {_text(error)}"]
    return []


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_text(one) for one in error.exceptions)
    return str(error)

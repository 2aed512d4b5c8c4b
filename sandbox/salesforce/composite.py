"""Composite and Composite Batch: several calls in one, which counts as one (sheet 4.4)."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.salesforce.calls import Call, Reply
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.records import Records
from sandbox.salesforce.rows import PreconditionError

_MAX_CALLS, _MAX_HEAVY = 25, 5
_REFERENCE = re.compile(r"@\{([A-Za-z]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_FORBIDDEN_HEADERS = frozenset({"accept", "authorization", "content-type"})
Dispatch = Callable[[Call], Reply]


class Composite:
    def __init__(self, records: Records, dispatch: Dispatch) -> None:
        self._records = records
        self._dispatch = dispatch

    def run(self, call: Call) -> Reply:
        """`POST composite`: in order, each may refer to what earlier ones gave."""
        body = call.json_object()
        requests = _listed(body, "compositeRequest")
        heavy = [one for one in requests if re.search(r"/(query|queryAll|composite/sobjects)\b", str(one.get("url")))]
        if len(heavy) > _MAX_HEAVY:
            raise _too_many(f"cannot have more than {_MAX_HEAVY} query or sObject Collections subrequests")
        all_or_none = body.get("allOrNone") is True
        known: dict[str, Any] = {}
        answers: list[dict[str, Any]] = []
        with self._records.transaction() as roll_back:
            for one in requests:
                reply = self._one(call, one, known)
                answers.append(_answer(one, reply))
                if reply.status < 300:
                    known[str(one.get("referenceId"))] = reply.body
                elif all_or_none:
                    roll_back()
                    halted = [_answer(other, _halted()) for other in requests]
                    halted[len(answers) - 1] = answers[-1]
                    answers = halted
                    break
        return Reply(200, {"compositeResponse": answers})

    def batch(self, call: Call) -> Reply:
        """`POST composite/batch`: independent calls."""
        body = call.json_object()
        results: list[dict[str, Any]] = []
        failed = False
        for one in _listed(body, "batchRequests"):
            if failed and body.get("haltOnError") is True:
                results.append({"statusCode": 412, "result": _halted().body})
                continue
            url = "/services/data/" + str(one.get("url", "")).removeprefix("/services/data/").lstrip("/")
            reply = self._dispatched(call, str(one.get("method", "GET")), url, one.get("richInput"), {})
            failed = failed or reply.status >= 400
            results.append({"statusCode": reply.status, "result": reply.body})
        return Reply(200, {"hasErrors": failed, "results": results})

    def _one(self, call: Call, one: dict[str, Any], known: dict[str, Any]) -> Reply:
        headers = {name.lower(): str(value) for name, value in (one.get("httpHeaders") or {}).items()}
        try:
            if _FORBIDDEN_HEADERS.intersection(headers):
                raise SalesforceError("INVALID_HTTP_HEADER", "Accept, Authorization and Content-Type are not allowed")
            url, body = _resolved(one.get("url", ""), known), _resolved(one.get("body"), known)
        except SalesforceError as error:
            return Reply(error.status, error.body())
        return self._dispatched(call, str(one.get("method", "GET")), str(url), body, headers)

    def _dispatched(self, call: Call, method: str, url: str, body: Any, headers: dict[str, str]) -> Reply:
        try:
            return self._dispatch(call.sub_call(method, url, body, headers))
        except SalesforceError as error:
            return Reply(error.status, error.body())
        except PreconditionError:
            return Reply(412)


def _listed(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    requests = body.get(name)
    if not isinstance(requests, list) or not requests:
        raise SalesforceError("JSON_PARSER_ERROR", f"The request must have a list {name} at [line:1, column:1]")
    if len(requests) > _MAX_CALLS:
        raise _too_many(f"The maximum number of subrequests is {_MAX_CALLS}")
    return requests


def _too_many(message: str) -> SalesforceError:
    return SalesforceError("LIMIT_EXCEEDED", message)


def _halted() -> Reply:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return Reply(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])


def _answer(one: dict[str, Any], reply: Reply) -> dict[str, Any]:
    return {
        "body": reply.body,
        "httpHeaders": reply.headers,
        "httpStatusCode": reply.status,
        "referenceId": one.get("referenceId"),
    }


def _resolved(value: Any, known: dict[str, Any]) -> Any:
    """`value` with each `@{reference.field}` put in. Raises PROCESSING_HALTED for one that is not there."""
    if isinstance(value, dict):
        return {name: _resolved(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [_resolved(part, known) for part in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: str(_looked_up(match, known)), value)
    return value


def _looked_up(match: re.Match[str], known: dict[str, Any]) -> Any:
    try:
        at = known[match.group(1)]
        for name, place in _STEP.findall(match.group(2)):
            at = at[name] if name else at[int(place)]
        return at
    except (KeyError, IndexError, TypeError):
        message = f"Invalid reference specified. No value for {match.group()[2:-1]} found in {match.group(1)}"
        raise SalesforceError("PROCESSING_HALTED", message) from None

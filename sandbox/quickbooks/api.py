"""`/v3/company/{realm}/…`: authentication, limits, replays, routing, and errors as bodies (sheet 1 to 6)."""

import json
import re
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.oauth import bearer
from sandbox.quickbooks.about import NAMES, About
from sandbox.quickbooks.batches import Batches
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.errors import GatewayError, QuickBooksError, missing, not_found, unauthenticated, unauthorised
from sandbox.quickbooks.metering import Metering
from sandbox.quickbooks.reading import Reading
from sandbox.quickbooks.replays import Replays
from sandbox.quickbooks.schema import INVOICE, TAX_CODE, Kind, kind_at
from sandbox.quickbooks.setup import Setup
from sandbox.quickbooks.tokens import Tokens
from sandbox.quickbooks.values import envelope_time
from sandbox.quickbooks.writing import Writing

_START = ("v3", "company")
_SINGLE = re.compile(rf"\bfrom\s+({'|'.join(NAMES)})\b", re.IGNORECASE)
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
Values = dict[str, Any]


class Api:
    """The API of one company."""

    def __init__(
        self, company: Company, tokens: Tokens, metering: Metering, replays: Replays, setup: Setup, realm_id: str
    ) -> None:
        self._company = company
        self._tokens = tokens
        self._metering = metering
        self._replays = replays
        self._setup = setup
        self._realm_id = realm_id
        self._reading = Reading(company)
        self._writing = Writing(company)
        self._batches = Batches(company, self._writing, self._reading)
        self._about = About(company.books, realm_id)

    async def handle(self, request: Request, *, broken_rows: bool = False) -> Response:
        """Answer a call of the API."""
        parts = tuple(part for part in request.url.path.split("/") if part)
        if len(parts) < 4 or parts[:2] != _START:
            return Response("<html><body>404 Not Found</body></html>", 404, media_type="text/html")
        try:
            self._check_token(request, parts[2])
            self._metering.spend(batch=parts[3] == "batch")
            body = await request.body()
            if parts[3:] and parts[-1] == "pdf":
                return self._pdf(parts)
            return self._response(self._dispatch(request, parts[3:], body, broken_rows=broken_rows), 200)
        except QuickBooksError as error:
            return self.refused(error)

    def refused(self, error: QuickBooksError) -> Response:
        """An error as QuickBooks tells it."""
        at = envelope_time(self._company.books.clock.now())
        if isinstance(error, GatewayError) and error.code == "3001" and self._setup.throttle_shape == "xml":
            return Response(error.xml(at), error.status, {"intuit_tid": _trace()}, media_type="text/xml")
        headers = {"intuit_tid": _trace()}
        if error.status == 401:
            headers["www-authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
        return JSONResponse(error.body(at), error.status, headers)

    def _check_token(self, request: Request, realm_id: str) -> None:
        token = bearer(request)
        if token not in self._tokens.accesses:
            raise unauthenticated("Malformed bearer token: the token is unknown" if token else "Missing bearer token")
        if self._tokens.live_access(token) is None:
            raise unauthenticated(f"Token expired: {token[:12]}")
        if realm_id != self._realm_id:
            raise unauthorised()

    def _dispatch(self, request: Request, parts: tuple[str, ...], body: bytes, *, broken_rows: bool) -> Values:
        query, place = request.query_params, parts[0].lower()
        if request.method == "POST" and place not in ("query",):
            request_id = query.get("requestid") or ""
            self._replays.check(request_id, batch=place == "batch")
            held = self._replays.held(request_id) if request_id else None
            if held is not None:
                return held
            answer = self._write(parts, query.get("operation") or "", query.get("include") or "", body, request_id,
                                 broken_rows=broken_rows)  # fmt: skip
            if request_id:
                self._replays.keep(request_id, answer)
            return answer
        if place == "query":
            statement = body.decode("utf-8", "replace") if request.method == "POST" else query.get("query") or ""
            return self._query(statement)
        if place == "cdc":
            return self._reading.changes(query.get("entities") or "", query.get("changedSince") or "")
        if place == "exchangerate":
            return self._about.rate(query.get("sourcecurrencycode") or "")
        return self._about.one(place) if place in NAMES else self._read(parts)

    def _query(self, statement: str) -> Values:
        single = _SINGLE.search(statement)
        if single is not None:
            [(name, record)] = self._about.one(single.group(1).lower()).items()
            return {"QueryResponse": {name: [record], "maxResults": 1}}
        return {"QueryResponse": self._reading.query(statement)}

    def _read(self, parts: tuple[str, ...]) -> Values:
        kind = _kind(parts[0])
        row = self._company.books.find(kind, parts[1]) if len(parts) == 2 else None
        if row is None:
            raise not_found(f"{kind.name} {'/'.join(parts[1:])}")
        return {kind.name: self._company.shown(kind, row)}

    def _write(
        self, parts: tuple[str, ...], operation: str, include: str, body: bytes, request_id: str, *, broken_rows: bool
    ) -> Values:
        if len(parts) == 3 and parts[0].lower() == INVOICE.path and parts[2] == "send":
            return self._sent(parts[1])
        values = _json(body)
        if parts[0].lower() == "batch":
            return self._batches.run(values, request_id, broken_rows=broken_rows)
        if parts[0].lower() == "taxservice":
            return self._new_tax_code(values)
        return self._writing.write(_kind(parts[0]), values, operation, "void" in include.split(","))

    def _sent(self, row_id: str) -> Values:
        row = self._company.books.find(INVOICE, row_id)
        if row is None:
            raise not_found(f"Invoice {row_id}")
        self._company.books.put(INVOICE, row, {**row.values, "EmailStatus": "EmailSent"})
        return {INVOICE.name: self._company.shown(INVOICE, row)}

    def _new_tax_code(self, values: Values) -> Values:
        """The tax service: the only way to make a tax code with its rates."""
        if not values.get("TaxCode"):
            raise missing("TaxCode")
        self._company.books.check_name(TAX_CODE, values["TaxCode"], None)
        rates = [
            (str(one.get("TaxRateName") or values["TaxCode"]), float(one.get("RateValue") or 0))
            for one in values.get("TaxRateDetails") or []
        ]
        row = self._company.new_tax_code(str(values["TaxCode"]), rates)
        return {"TaxCode": row.values["Name"], "TaxCodeId": row.id, "TaxRateDetails": values.get("TaxRateDetails")}

    def _pdf(self, parts: tuple[str, ...]) -> Response:
        self._read(parts[3:-1])
        return Response(_PDF, 200, {"intuit_tid": _trace()}, media_type="application/pdf")

    def _response(self, body: Values, status: int) -> Response:
        at = envelope_time(self._company.books.clock.now())
        return JSONResponse({**body, "time": at}, status, {"intuit_tid": _trace()})


def _kind(path: str) -> Kind:
    kind = kind_at(path)
    if kind is None:
        raise QuickBooksError("500", "Unsupported Operation", f"Operation {path} is not supported")
    return kind


def _json(body: bytes) -> Values:
    try:
        values = json.loads(body or b"{}")
    except ValueError:
        raise QuickBooksError("2010", "Request has invalid or unsupported property", "Unexpected character") from None
    if not isinstance(values, dict):
        raise QuickBooksError("2010", "Request has invalid or unsupported property", "An object is expected")
    return values


def _trace() -> str:
    return f"1-{uuid4().hex[:8]}-{uuid4().hex[:24]}"

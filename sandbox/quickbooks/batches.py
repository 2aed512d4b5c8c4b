"""Batch calls: up to 30 items, each with an outcome of its own that only its `bId` tells apart (sheet 4)."""

import random
from typing import Any

from sandbox.quickbooks.company import Company
from sandbox.quickbooks.errors import QuickBooksError, missing, system_failure
from sandbox.quickbooks.reading import Reading
from sandbox.quickbooks.schema import KINDS
from sandbox.quickbooks.writing import Writing

MOST = 30
_MOST_ID = 50
Values = dict[str, Any]


class Batches:
    def __init__(self, company: Company, writing: Writing, reading: Reading) -> None:
        self._company = company
        self._writing = writing
        self._reading = reading
        self._random = random.Random(MOST)

    def run(self, body: Values, request_id: str, *, broken_rows: bool = False) -> Values:
        """Run the items one after the other; the answers come in any order.

        With `broken_rows` every second item fails (a fault on demand). Raises QuickBooksError for the whole batch.
        """
        items = body.get("BatchItemRequest")
        if not isinstance(items, list) or not items:
            raise QuickBooksError("400", "MalformedRequest", "Batch Request is Empty", kind="ValidationFault")
        if len(items) > MOST:
            detail = f"The number of items in the batch request {len(items)} exceeds the maximum of {MOST}"
            raise QuickBooksError("1040", "Batch request too large", detail)
        for one in items:
            if len(request_id) + len(str(one.get("bId", ""))) > _MOST_ID:
                raise QuickBooksError("2050", "String length is not supported", "requestid and bId are too long",
                                      element="bId")  # fmt: skip
        answers = [self._answer(one, broken=broken_rows and place % 2 == 1) for place, one in enumerate(items)]
        self._random.shuffle(answers)
        return {"BatchItemResponse": answers}

    def _answer(self, item: Values, *, broken: bool) -> Values:
        try:
            if broken:
                raise system_failure()
            found = self._outcome(item)
        except QuickBooksError as error:
            found = {"Fault": error.fault}
        return {**found, "bId": str(item.get("bId", ""))}

    def _outcome(self, item: Values) -> Values:
        if item.get("Query"):
            return {"QueryResponse": self._reading.query(str(item["Query"]))}
        kind = next((KINDS[name] for name in item if name in KINDS), None)
        operation = str(item.get("operation") or "")
        if kind is None or not isinstance(item[kind.name], dict):
            raise QuickBooksError("500", "Unsupported Operation", "The batch item has no known object")
        if not operation:
            raise missing("operation")
        options = str(item.get("optionsData") or "").split(",")
        return self._writing.write(kind, item[kind.name], operation, "void" in options)

"""What all writes have in common: rows, each accepted or refused by itself, and how the call tells of them (sheet 4).

A summarised call with a bad row answers 400, though its good rows were saved: the sheet leaves open which it is, and
this is the harder one for a client.
"""

from collections.abc import Callable
from typing import Any

from sandbox.xero.calls import Call
from sandbox.xero.errors import RowError, invalid_elements
from sandbox.xero.lists import Kind
from sandbox.xero.values import NO_ID, Row

Write = Callable[[Row], tuple[Row, list[str]]]
_BROKEN = "An error occurred in Xero. Please try again."


def written(call: Call, kind: Kind, elements: list[Row], write: Write, shape: Callable[[Row], Row]) -> list[Row]:
    """Write each element; the rows of the answer in the same order. Raises XeroError for a summarised failure."""
    summarised = call.flag("summarizeErrors", default=True)
    rows, refused = [], []
    for place, element in enumerate(elements):
        try:
            if call.broken and (len(elements) - place) % 2:
                raise RowError(_BROKEN)
            row, warnings = write(element)
        except RowError as error:
            refused.append(_refused(kind, element, error))
            rows.append({**refused[-1], "StatusAttributeString": "ERROR"})
            continue
        rows.append(_accepted(shape(row), warnings, summarised=summarised))
    if refused and summarised:
        raise invalid_elements(refused)
    # Nobody promises an order; where things go wrong it is another one.
    return rows[::-1] if call.broken else rows


def _accepted(shown: Row, warnings: list[str], *, summarised: bool) -> Row:
    more: dict[str, Any] = {} if summarised else {"StatusAttributeString": "WARNING" if warnings else "OK"}
    return {**shown, **more, **({"Warnings": [{"Message": one} for one in warnings]} if warnings else {})}


def _refused(kind: Kind, element: Row, error: RowError) -> Row:
    """The element as it was sent, with what is wrong with it; without an id it has the zero one (sheet 4)."""
    messages = [{"Message": one} for one in error.messages]
    flag = "HasErrors" if kind.singular == "Invoice" else "HasValidationErrors"
    return {**element, kind.id_key: element.get(kind.id_key) or NO_ID, flag: True, "ValidationErrors": messages}

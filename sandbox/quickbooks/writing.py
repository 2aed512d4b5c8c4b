"""Single writes: everything is a POST whose body, `operation` and `include` say what is done (sheet 2, 4)."""

from typing import Any

from sandbox.quickbooks.company import Company
from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.schema import Kind

Values = dict[str, Any]


class Writing:
    def __init__(self, company: Company) -> None:
        self._company = company

    def write(self, kind: Kind, body: Values, operation: str, include_void: bool) -> Values:
        """The body of the answer. Raises QuickBooksError; then nothing has changed."""
        if operation == "delete":
            row = self._company.target(kind, body)
            self._company.delete(kind, row)
            return {kind.name: {"status": "Deleted", "domain": "QBO", "Id": row.id}}
        if operation == "void" or (operation == "update" and include_void):
            row = self._company.void(kind, self._company.target(kind, body))
        elif operation in ("", "create", "update"):
            row = self._saved(kind, body, operation)
        else:
            detail = f"Operation {operation} is not supported on {kind.name}"
            raise QuickBooksError("500", "Unsupported Operation", detail)
        return {kind.name: self._company.shown(kind, row)}

    def _saved(self, kind: Kind, body: Values, operation: str) -> Any:
        if operation != "create" and body.get("Id") not in (None, "", 0, "0"):
            return self._company.update(kind, self._company.target(kind, body), body)
        return self._company.create(kind, body)

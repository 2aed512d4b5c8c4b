"""What a customer's save checks and derives (sheet 2)."""

from typing import TYPE_CHECKING

from sandbox.netsuite.errors import missing, user_error
from sandbox.netsuite.lookups import BASE_CURRENCY
from sandbox.netsuite.schema import Row

if TYPE_CHECKING:
    from sandbox.netsuite.records import Records

_TAKEN = (
    "A customer record with this ID already exists. You must enter a unique customer ID for each record you create."
)


def derive(records: "Records", row: Row, before: Row | None) -> None:
    """Fill in and check a customer in place. Raises NetSuiteError."""
    row.setdefault("isPerson", False)
    row.setdefault("isInactive", False)
    _check_names(row)
    if "subsidiary" not in row:
        if records.setup.one_world:
            raise missing("Primary Subsidiary")
        row["subsidiary"] = "1"
    if "entityId" not in row:
        row["entityId"] = _number(row) if records.setup.auto_numbering else _own_name(row)
    elif records.setup.auto_numbering and not records.setup.allow_override and before is None:
        raise user_error("You cannot override the automatically generated number.", "entityId")
    _check_unique(records, row)
    _currencies(records, row, before)
    _addresses(row)


def _own_name(row: Row) -> str:
    if row["isPerson"]:
        return f"{row['firstName']} {row['lastName']}"
    return str(row["companyName"])


def _number(row: Row) -> str:
    return f"CUST{row['id']}"


def _check_names(row: Row) -> None:
    needed = ("firstName", "lastName") if row["isPerson"] else ("companyName",)
    labels = {"firstName": "First Name", "lastName": "Last Name", "companyName": "Company Name"}
    blank = [labels[name] for name in needed if not row.get(name)]
    if blank:
        raise missing(*blank)


def _check_unique(records: "Records", row: Row) -> None:
    """Names are unique in any case, among the entities as a whole."""
    if records.holder("customer", "entityId", row["entityId"]) not in (None, row["id"]):
        raise user_error(_TAKEN)


def _currencies(records: "Records", row: Row, before: Row | None) -> None:
    """The primary currency is always one of the list; it stays once there are transactions."""
    row.setdefault("currency", BASE_CURRENCY)
    if before is not None and before["currency"] != row["currency"] and records.transactions_of(row["id"]):
        raise user_error("You cannot change the primary currency of a customer with transactions.", "currency")
    listed = [line["currency"] for line in row.get("currencyList", []) if line.get("currency")]
    row["currencyList"] = [{"currency": one} for one in dict.fromkeys([row["currency"], *listed])]


def _addresses(row: Row) -> None:
    """Lines get ids; one address at most is the default of its kind, the last that asked for it."""
    lines: list[Row] = row.get("addressBook", [])
    highest = max([int(line["id"]) for line in lines if "id" in line], default=int(row["id"]) * 100)
    for line in lines:
        if "id" not in line:
            highest += 1
            line["id"] = str(highest)
    for flag in ("defaultBilling", "defaultShipping"):
        chosen = [line for line in lines if line.get(flag)]
        for line in lines:
            line[flag] = bool(chosen) and line is chosen[-1]
    if lines:
        row["addressBook"] = lines


def billing_address(row: Row) -> Row | None:
    """The line of the default billing address."""
    return next((line for line in row.get("addressBook", []) if line.get("defaultBilling")), None)

"""`…/search`: filters, one sort, offsets, the cap of 10,000, and an index that lags behind (sheet 3)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from sandbox.hubspot.associations import Associations
from sandbox.hubspot.calls import Call, Reply, kind_of
from sandbox.hubspot.errors import invalid, unreadable
from sandbox.hubspot.records import Records
from sandbox.hubspot.schema import ObjectType, Property
from sandbox.hubspot.shapes import Shapes
from sandbox.hubspot.table import Row
from sandbox.hubspot.values import MILLISECOND

MOST_RESULTS = 10_000
_PAGE, _MOST_PAGE = 10, 200
_MOST_GROUPS, _MOST_FILTERS, _MOST_IN_ALL = 5, 6, 18
_MOST_CHARACTERS = 3_000
_MOST_VALUES = 100
_ASSOCIATED = "associations."
Test = Callable[[Row], bool]


class Search:
    def __init__(self, records: Records, associations: Associations, shapes: Shapes) -> None:
        self._records = records
        self._associations = associations
        self._shapes = shapes

    def run(self, call: Call, kind: ObjectType) -> Reply:
        if len(call.body) > _MOST_CHARACTERS:
            raise invalid(f"The request body is longer than {_MOST_CHARACTERS} characters")
        body = call.json()
        limit, after = _number(body.get("limit"), _PAGE), _number(body.get("after"), 0)
        if not 0 < limit <= _MOST_PAGE:
            raise invalid(f"limit must be between 1 and {_MOST_PAGE}")
        if after + limit > MOST_RESULTS:
            raise invalid(f"Paging past {MOST_RESULTS} results is not supported")
        groups = self._groups(kind, body)
        rows = list(self._matching(kind, groups, body.get("query")))
        rows = self._sorted(kind, rows, body.get("sorts") or [])
        wanted = body.get("properties") or None
        shown = [self._shapes.record(kind, row, wanted) for row in islice(rows, after, after + limit)]
        answer: dict[str, Any] = {"total": len(rows), "results": shown}
        if after + limit < len(rows):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return Reply(200, answer)

    def _matching(self, kind: ObjectType, groups: list[list[tuple[dict[str, Any], Test]]], query: Any) -> Iterator[Row]:
        """Rows that meet all tests of any group; a lower bound of the id skips what lies before it."""
        bounds = [max((_id_bound(one) for one, _ in group), default=0) for group in groups] or [0]
        words = str(query).lower().split() if query else []
        for row in self._records.tables[kind.name].indexed(min(bounds), self._records.now()):
            if groups and not any(all(test(row) for _, test in group) for group in groups):
                continue
            if words and not all(any(word in value.lower() for value in row.props.values()) for word in words):
                continue
            yield row

    def _groups(self, kind: ObjectType, body: dict[str, Any]) -> list[list[tuple[dict[str, Any], Test]]]:
        """The filter groups, with a top-level `filters` as a group of its own."""
        given = list(body.get("filterGroups") or [])
        if body.get("filters"):
            given.append({"filters": body["filters"]})
        sizes = [len(group.get("filters") or []) for group in given]
        if len(given) > _MOST_GROUPS or any(size > _MOST_FILTERS for size in sizes) or sum(sizes) > _MOST_IN_ALL:
            limits = f"{_MOST_GROUPS} groups, {_MOST_FILTERS} filters a group, {_MOST_IN_ALL} in all"
            raise invalid(f"The maximum number of filters is {limits}")
        return [[(one, self._test(kind, one)) for one in group.get("filters") or []] for group in given]

    def _test(self, kind: ObjectType, one: dict[str, Any]) -> Test:
        name, operator = str(one.get("propertyName", "")), str(one.get("operator", ""))
        if name.startswith(_ASSOCIATED):
            other, wanted = kind_of(name.removeprefix(_ASSOCIATED)), str(one.get("value", ""))
            return lambda row: wanted in self._associations.of(kind, row.id, other)
        known = self._records.properties[kind.name].get(name)
        if known is None:
            raise invalid(f"There was a problem with the request: property {name} does not exist")
        return _property_test(known, operator, one)

    def _sorted(self, kind: ObjectType, rows: list[Row], sorts: list[Any]) -> list[Row]:
        if len(sorts) > 1:
            raise invalid("Only one sort is supported")
        if not sorts:
            return rows
        name, descending = _sort_of(sorts[0])
        known = self._records.properties[kind.name].get(name)
        if known is None:
            raise invalid(f"There was a problem with the request: property {name} does not exist")
        if name == "hs_object_id" and not descending:
            return rows
        filled = [row for row in rows if name in row.props]
        filled.sort(key=lambda row: _comparable(known, row.props[name]), reverse=descending)
        return filled + [row for row in rows if name not in row.props]


def _sort_of(sort: Any) -> tuple[str, bool]:
    """A sort as an object, or as text with a minus for descending; both are seen (sheet 3)."""
    if isinstance(sort, str):
        return sort.removeprefix("-"), sort.startswith("-")
    if isinstance(sort, dict):
        return str(sort.get("propertyName", "")), sort.get("direction") == "DESCENDING"
    raise unreadable("Cannot deserialize value of type `Sort`")


def _id_bound(one: dict[str, Any]) -> int:
    value = str(one.get("value", ""))
    exact = one.get("propertyName") == "hs_object_id" and one.get("operator") == "GT" and value.isdecimal()
    return int(value) if exact else 0


def _property_test(known: Property, operator: str, one: dict[str, Any]) -> Test:
    name = known.name
    if operator == "HAS_PROPERTY":
        return lambda row: name in row.props
    if operator == "NOT_HAS_PROPERTY":
        return lambda row: name not in row.props
    if operator in ("IN", "NOT_IN"):
        return _among(known, operator == "IN", one.get("values"))
    if one.get("value") is None:
        raise invalid(f"{operator} needs a value")
    value = str(one["value"])
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        token, wanted = value.lower().strip("*"), operator == "CONTAINS_TOKEN"
        return lambda row: (token in row.props.get(name, "").lower()) is wanted
    low = _comparable(known, value)
    if operator == "BETWEEN":
        high = _comparable(known, str(one.get("highValue", "")))
        return lambda row: name in row.props and low <= _comparable(known, row.props[name]) <= high
    tests: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda held: held == low,
        "NEQ": lambda held: held != low,
        "LT": lambda held: held < low,
        "LTE": lambda held: held <= low,
        "GT": lambda held: held > low,
        "GTE": lambda held: held >= low,
    }
    if operator not in tests:
        raise unreadable(f'Cannot deserialize value of type `Filter$Operator` from String "{operator}"')
    test = tests[operator]
    return lambda row: name in row.props and test(_comparable(known, row.props[name]))


def _among(known: Property, wanted: bool, values: Any) -> Test:
    """Text is compared in lower case with the values as they were sent, so these must be in lower case (sheet 3)."""
    if not isinstance(values, list) or not values or len(values) > _MOST_VALUES:
        raise invalid(f"IN and NOT_IN need 1 to {_MOST_VALUES} values")
    texts = {str(value) if known.type == "string" else _comparable(known, str(value)) for value in values}
    return lambda row: known.name in row.props and (_comparable(known, row.props[known.name]) in texts) is wanted


def _comparable(known: Property, value: str) -> Any:
    """Numbers and times in order; options as they are; other text without regard to case."""
    if known.type == "number":
        try:
            return Decimal(value)
        except InvalidOperation:
            raise invalid(f"{value} is not a number") from None
    if known.type in ("datetime", "date"):
        return _milliseconds(value)
    return value if known.type == "enumeration" else value.lower()


def _milliseconds(value: str) -> int:
    if value.removeprefix("-").isdecimal():
        return int(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"{value} is not a date") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * MILLISECOND)


def _number(value: Any, default: int) -> int:
    """A number, also as text. Raises HubSpotError for a cursor that is none (say, another endpoint's)."""
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdecimal():
        raise unreadable(f'Cannot deserialize value of type `int` from String "{value}"')
    return int(value)

"""A compiled query: finds its rows, orders them and says how to render each."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zlib import crc32

from sandbox.salesforce.schema import Row
from sandbox.salesforce.soql.access import Access, Planner
from sandbox.salesforce.soql.aggregates import aggregate_rows, is_aggregate, is_bare_count
from sandbox.salesforce.soql.filters import Filters, Predicate
from sandbox.salesforce.soql.lexer import error_at
from sandbox.salesforce.soql.parser import parse
from sandbox.salesforce.soql.paths import Getter, Resolver
from sandbox.salesforce.soql.projection import Project, projection
from sandbox.salesforce.soql.tree import Query
from sandbox.salesforce.table import Table

Sort = tuple[Getter, bool, bool]


@dataclass(frozen=True)
class Late:
    """Writes that scans do not see yet: ids to leave out, and the rows that they replaced."""

    ids: Collection[str] = ()
    before: Sequence[Row] = ()


@dataclass
class Statement:
    """`aggregate` is set for aggregate queries, whose records are its result; `bare_count` for `count()`."""

    query: Query
    table: Table
    planner: Planner
    predicate: Predicate | None
    sorts: list[Sort]
    order: str
    project: Project | None
    aggregate: Callable[[Sequence[Row]], list[dict[str, Any]]] | None
    bare_count: bool

    def rows(self, include_deleted: bool, late: Late) -> list[Row]:
        """The matching rows in order, within LIMIT and OFFSET."""
        query = self.query
        access = self.planner.access(query.where)
        found = self._matching(self._visible(access, late), include_deleted)
        end = None if query.limit is None else query.offset + query.limit
        if self.aggregate and not self.bare_count:
            return list(found)
        in_order = not self.sorts or (access.order == self.order and not late.before)
        if in_order:
            return list(islice(found, query.offset, end))
        return self._sorted(list(found))[query.offset : end]

    def _visible(self, access: Access, late: Late) -> Iterator[Row]:
        if access.keyed or not late.ids:
            yield from access.rows
            return
        for row in access.rows:
            if row["Id"] not in late.ids:
                yield row
        yield from late.before

    def _matching(self, rows: Iterator[Row], include_deleted: bool) -> Iterator[Row]:
        if not include_deleted:
            rows = (row for row in rows if not row.get("IsDeleted"))
        return rows if self.predicate is None else filter(self.predicate, rows)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        """Rows that tie come in no useful order, never by Id (sheet 3.4)."""
        rows.sort(key=lambda row: crc32(row["Id"].encode()))
        for get, descending, nulls_last in reversed(self.sorts):
            nulls = [row for row in rows if get(row) is None]
            rest = [row for row in rows if get(row) is not None] if nulls else rows
            rest.sort(key=get, reverse=descending)
            rows = rest + nulls if nulls_last else nulls + rest
        return rows


def compile_query(text: str, tables: Mapping[str, Table], data_url: str, hidden: frozenset[str]) -> Statement:
    """Raises SalesforceError (MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE …) with the vendor's text."""
    query = parse(text)
    resolver = Resolver(query, tables, hidden)
    filters = Filters(text, resolver)
    grouped = is_aggregate(query)
    table = tables[resolver.sobject.name]
    aggregate = aggregate_rows(query, resolver) if grouped else None
    sorts, order = _sorts(query, resolver)
    return Statement(
        query=query,
        table=table,
        planner=Planner(resolver, filters, table),
        predicate=filters.compile(query.where) if query.where else None,
        sorts=[] if grouped else sorts,
        order=order,
        project=None if grouped else projection(query, resolver, tables, data_url),
        aggregate=aggregate,
        bare_count=grouped and is_bare_count(query),
    )


def _sorts(query: Query, resolver: Resolver) -> tuple[list[Sort], str]:
    """The sort keys, and which index walk already has their order."""
    sorts: list[Sort] = []
    names = []
    for one in query.order_by:
        path = resolver.path(one.path)
        if not path.field.sortable:
            message = f"field '{path.field.name}' can not be sorted in a query call"
            raise error_at(query.text, one.path.at, "INVALID_FIELD", message)
        names.append("?" if one.descending or not path.direct else path.field.name)
        get = resolver.getter(path)
        sorts.append((_lower(get) if path.field.folds_case else get, one.descending, one.nulls_last))
    if names[:1] == ["Id"]:
        return sorts, "id"
    return sorts, "stamp" if names[:2] == ["SystemModstamp", "Id"] else "unordered"


def _lower(get: Getter) -> Getter:
    def lowered(row: Row) -> Any:
        value = get(row)
        return value.lower() if isinstance(value, str) else value

    return lowered

"""Turns the SELECT list into a function from row to answer: `attributes` first, parents nested (sheet 3.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.schema import Field, Row, SObject, read_field
from sandbox.salesforce.soql.lexer import error_at
from sandbox.salesforce.soql.paths import Path, Resolver
from sandbox.salesforce.soql.tree import AllFields, Name, Query
from sandbox.salesforce.table import Table

Project = Callable[[Row], dict[str, Any]]
_MAX_ALL_FIELDS = 200


@dataclass
class _Node:
    """The fields wanted of one object and, by lookup, of its parents, in the order of the SELECT."""

    sobject: SObject
    fields: list[Field] = field(default_factory=list)
    parents: dict[str, tuple[Field, "_Node"]] = field(default_factory=dict)


def projection(query: Query, resolver: Resolver, tables: Mapping[str, Table], data_url: str) -> Project:
    """`data_url` is `/services/data/vNN.N`, which the `url` attributes start with."""
    root = _Node(resolver.sobject)
    seen: set[str] = set()
    for item in query.select:
        if isinstance(item, AllFields):
            paths = [Path((), one) for one in _group(item, query, resolver)]
        else:
            assert isinstance(item, Name)
            paths = [resolver.path(item)]
        for path in paths:
            label = ".".join([*(lookup.name for lookup, _ in path.steps), path.field.name])
            if label in seen:
                raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {path.field.name}")
            seen.add(label)
            _place(root, path)
    return _projector(root, tables, data_url)


def _group(item: AllFields, query: Query, resolver: Resolver) -> list[Field]:
    if item.group != "STANDARD" and (query.limit is None or query.limit > _MAX_ALL_FIELDS):
        message = f"The SOQL FIELDS function must have a LIMIT of at most {_MAX_ALL_FIELDS}"
        raise error_at(query.text, item.at, "MALFORMED_QUERY", message)
    if item.group == "ALL":
        return resolver.visible_fields()
    return [one for one in resolver.visible_fields() if one.custom == (item.group == "CUSTOM")]


def _place(root: _Node, path: Path) -> None:
    node = root
    for lookup, target in path.steps:
        assert lookup.relationship is not None
        node = node.parents.setdefault(lookup.relationship, (lookup, _Node(target)))[1]
    node.fields.append(path.field)


def _projector(node: _Node, tables: Mapping[str, Table], data_url: str) -> Project:
    kind, url = node.sobject.name, f"{data_url}/sobjects/{node.sobject.name}/"
    plain = [one.name for one in node.fields if not one.compound]
    compound = [one for one in node.fields if one.compound]
    parents = [
        (name, lookup.name, tables[child.sobject.name].rows, _projector(child, tables, data_url))
        for name, (lookup, child) in node.parents.items()
    ]

    def project(row: Row) -> dict[str, Any]:
        get = row.get
        made: dict[str, Any] = {"attributes": {"type": kind, "url": url + row["Id"]}}
        for name in plain:
            made[name] = get(name)
        for one in compound:
            made[one.name] = read_field(row, one)
        for name, lookup, rows, project_parent in parents:
            parent = rows.get(get(lookup) or "")
            made[name] = project_parent(parent) if parent else None
        return made

    return project

"""Dotted paths with list selectors into nested documents, as vendors' JSON has them.

`billingAddress.line1`, `contacts[0].email` (by position, from 0), `contacts[isPrimary=true].email` (the first that has
this value; `[item.id=7]` looks deeper), `lineItems[].description` (of all items, as a list).
Missing, null and empty are told apart: a missing path is not there at all, the path under a null is null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from core.errors import FieldValidation
from core.values import Value

_SELECTOR: Final = re.compile(r"[0-9]+|[^=.\[\]]+(?:\.[^=.\[\]]+)*=[^\[\]]+")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class _Step:
    key: str
    selector: str | None

    def picks(self, item: object) -> bool:
        """Say whether a `[key=value]` selector picks this item of a list."""
        name, _, wanted = (self.selector or "").partition("=")
        if not isinstance(item, Mapping):
            return False
        found = _find(item, _steps(name))
        return found is not _MISSING and _text(found) == wanted


def get(document: Mapping[str, Any], path: str, default: Value = None) -> Value:
    """Return the value at `path`, or `default` when it is missing. Raises FieldValidation for a malformed path."""
    found = _find(document, _steps(path))
    return default if found is _MISSING else found


def has(document: Mapping[str, Any], path: str) -> bool:
    """Say whether the document says anything about `path` (a null or an empty text is something)."""
    return _find(document, _steps(path)) is not _MISSING


def set(document: dict[str, Any], path: str, value: Value) -> dict[str, Any]:
    """Put a value at `path` in place, making the objects and list items on the way, and return the document.

    Raises FieldValidation for a path that names all items (`[]`) or skips a position of a list.
    """
    *parents, last = _steps(path)
    place: Any = document
    for step in parents:
        place = _enter(place, step)
    if last.selector is None:
        place[last.key] = value
        return document
    items = _items(place, last.key)
    position = _position(items, last)
    if position == len(items):
        items.append(value)
    else:
        items[position] = value
    return document


def project(document: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Value]:
    """Return the flat view path -> value; paths that are missing in the document are left out."""
    found = ((path, _find(document, _steps(path))) for path in paths)
    return {path: value for path, value in found if value is not _MISSING}


def check(path: str) -> None:
    """Raise FieldValidation, with the position of what is wrong, unless this is a well-formed path."""
    _steps(path)


def declared(path: str) -> str:
    """Return the path as a schema declares it, whichever item is meant: `contacts[0].email` -> `contacts[].email`."""
    return ".".join(step.key if step.selector is None else f"{step.key}[]" for step in _steps(path))


def selects(path: str) -> list[str]:
    """Return the declared paths by which items are picked: `contacts[isPrimary=true].email` -> `contacts[].isPrimary`.

    Positions and `[]` pick by nothing.
    """
    steps = _steps(path)
    found = []
    for index, step in enumerate(steps):
        if step.selector and "=" in step.selector:
            parent = ".".join(one.key if one.selector is None else f"{one.key}[]" for one in steps[: index + 1])
            found.append(f"{parent}.{step.selector.partition('=')[0]}")
    return found


def names_all(path: str) -> bool:
    """Say whether the path names all items of a list, so that its value is a list, too."""
    return any(step.selector == "" for step in _steps(path))


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[_Step, ...]:
    steps, at = list[_Step](), 0
    while True:
        end = next((index for index in range(at, len(path)) if path[index] in ".[]"), len(path))
        key, selector = path[at:end], None
        if not key:
            raise _malformed(path, at, "a name is missing")
        if path[end : end + 1] == "[":
            close = path.find("]", end)
            if close < 0:
                raise _malformed(path, end, "this `[` is not closed")
            selector = path[end + 1 : close]
            if selector and not _SELECTOR.fullmatch(selector):
                raise _malformed(path, end + 1, f"`{selector}` is neither a position, nor `key=value`, nor empty")
            end = close + 1
        steps.append(_Step(key, selector))
        if end == len(path):
            return tuple(steps)
        if path[end] != ".":
            raise _malformed(path, end, f"`{path[end]}` does not belong here")
        at = end + 1


def _malformed(path: str, index: int, why: str) -> FieldValidation:
    return FieldValidation(
        f"`{path}` is not a field path: {why} (character {index + 1}); write `a.b`, `list[0].a`, `list[key=value].a` or"
        " `list[].a`"
    )


def _find(place: Any, steps: tuple[_Step, ...]) -> Any:
    for index, step in enumerate(steps):
        if place is None:
            return None
        if not isinstance(place, Mapping) or step.key not in place:
            return _MISSING
        place = place[step.key]
        if step.selector is None or place is None:
            continue
        if not isinstance(place, list):
            return _MISSING
        if step.selector == "":
            return _find_all(place, steps[index + 1 :])
        place = _select(place, step)
        if place is _MISSING:
            return _MISSING
    return place


def _find_all(items: list[Any], rest: tuple[_Step, ...]) -> list[Any]:
    found = (_find(item, rest) for item in items)
    return [None if value is _MISSING else value for value in found]


def _select(items: list[Any], step: _Step) -> Any:
    selector = step.selector or ""
    if selector.isdecimal():
        return items[int(selector)] if int(selector) < len(items) else _MISSING
    return next((item for item in items if step.picks(item)), _MISSING)


def _enter(place: dict[str, Any], step: _Step) -> dict[str, Any]:
    """Return the object that this step leads to, made where there is none."""
    if step.selector is None:
        if not isinstance(place.get(step.key), dict):
            place[step.key] = {}
        inner: dict[str, Any] = place[step.key]
        return inner
    items = _items(place, step.key)
    position = _position(items, step)
    if position == len(items):
        name, is_pair, wanted = step.selector.partition("=")
        items.append(set({}, name, _parsed(wanted)) if is_pair else {})
    item: dict[str, Any] = items[position]
    return item


def _items(place: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(place.get(key), list):
        place[key] = []
    items: list[Any] = place[key]
    return items


def _position(items: list[Any], step: _Step) -> int:
    """Return where the selector points; the length of the list means a new item."""
    selector = step.selector or ""
    if "=" in selector:
        return next((index for index, item in enumerate(items) if step.picks(item)), len(items))
    if not selector.isdecimal() or int(selector) > len(items):
        raise FieldValidation(f"`{step.key}[{selector}]` names no single place to write to")
    return int(selector)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(text: str) -> Value:
    return {"true": True, "false": False}.get(text, text)

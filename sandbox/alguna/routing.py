"""From method and path to the function that answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sandbox.alguna.errors import ApiError
from sandbox.kit.vendor import Record


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a resource sees it: the ids in its path, its query, its JSON body ({} when there is none)."""

    ids: tuple[str, ...]
    query: Mapping[str, str]
    body: Record


@dataclass(frozen=True, slots=True)
class Reply:
    """A success. A body of None is a 204 without content."""

    body: Any = None


Handler = Callable[[Call], Reply]


class Routes:
    """Patterns like `customers/{}/connected-accounts/{}`, where `{}` is an id, URL-encoded in the call."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        place = self._root
        for segment in pattern.split("/"):
            place = place.setdefault(segment, {})
        place.setdefault("", {})[method] = handler

    def find(self, method: str, raw_path: bytes) -> tuple[Handler, tuple[str, ...]]:
        """The handler and the ids of a path as it came. Raises ApiError 404 or 405.

        A fixed word wins over an id. `/beta`, which two of Alguna's own samples put first, is ignored.
        """
        path = raw_path.decode("ascii", "replace").partition("?")[0].removeprefix("/beta/").strip("/")
        place, ids = self._root, []
        for segment in path.split("/"):
            if segment in place and segment not in ("", "{}"):
                place = place[segment]
            elif "{}" in place and segment:
                ids.append(unquote(segment))
                place = place["{}"]
            else:
                raise ApiError(404, "no such endpoint")
        methods = place.get("")
        if methods is None:
            raise ApiError(404, "no such endpoint")
        if method not in methods:
            raise ApiError(405, f"{method} is not allowed here")
        return methods[method], tuple(ids)

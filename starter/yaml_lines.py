"""YAML read strictly, and where in the text each part stands.

`yes`, `no`, `on`, `off` and dates stay text (as YAML 1.2 has it): NO is a country, not a falsehood.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_BOOL = "tag:yaml.org,2002:bool"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
MOST_PARTS = 100_000
"""Of a document with its aliases written out; a large configuration has a few thousand."""
_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class StrictLoader(yaml.SafeLoader):
    """The safe loader with only `true` and `false` as booleans, and no dates."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOL, _TIMESTAMP)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


StrictLoader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class Lines:
    """The line of every part of a document. `repeated` lists (line, key) of keys that a mapping has twice."""

    def __init__(self, text: str) -> None:
        """Read the document's structure. Raises yaml.MarkedYAMLError."""
        self._root: yaml.Node | None = yaml.compose(text, StrictLoader)
        self.repeated: list[tuple[int, str]] = []
        self._parts = 0
        self._find_repeated(self._root)

    def at(self, path: str) -> int:
        """Return the line, from 1, of a path such as `integrations[0].mappings.accounts[2].externalField`.

        For a path that is not there, the line of its nearest parent; 0 for an empty document.
        """
        node = self._root
        line = node.start_mark.line + 1 if node is not None else 0
        for index, key in _PART.findall(path):
            found = _item(node, int(index)) if index else _entry(node, key)
            if found is None:
                break
            line, node = found
        return line

    def _find_repeated(self, node: yaml.Node | None) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS and node is not None:
            # A few lines of aliases of aliases can stand for billions of parts.
            raise yaml.MarkedYAMLError(problem=f"it has more than {MOST_PARTS} parts", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen and isinstance(key, yaml.ScalarNode):
                    self.repeated.append((key.start_mark.line + 1, key.value))
                seen.add(str(key.value))
                self._find_repeated(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._find_repeated(item)


def _item(node: yaml.Node | None, index: int) -> tuple[int, yaml.Node] | None:
    if not isinstance(node, yaml.SequenceNode) or index >= len(node.value):
        return None
    item: yaml.Node = node.value[index]
    return item.start_mark.line + 1, item


def _entry(node: yaml.Node | None, key: str) -> tuple[int, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in node.value:
        if name.value == key:
            return name.start_mark.line + 1, value
    return None

"""Reading a transform's options, which come from people's configuration."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import FieldValidation
from core.values import Value

Options = Mapping[str, Value]


def text_option(options: Options, key: str) -> str | None:
    """Return an option that must be text; None when it is absent."""
    value = options.get(key)
    if value is None or isinstance(value, str):
        return value
    raise FieldValidation(f"the option `{key}` must be text")


def words_option(options: Options, key: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return an option that is a word or a list of words, `usual` when it is absent."""
    value = options.get(key)
    found = [value] if isinstance(value, str) else value
    if found is None:
        return usual
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise FieldValidation(f"the option `{key}` must be a word or a list of words")
    return tuple(str(one).strip() for one in found)

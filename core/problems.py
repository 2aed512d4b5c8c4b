"""What is wrong with a configuration, by field, in words that say how to put it right (I9)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from core.records import Entity

_VALUE_ERROR: Final = "Value error, "


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right.

    `field` is a path in the body of the call that sets this part: `schedule`, or, where `entity` and `section`
    (`mappings`, `fieldRules`, `matching`) are given, `mappings[2].externalField` or `rules[0].algunaField`.
    """

    field: str
    message: str
    entity: Entity | None = None
    section: str = ""

    @property
    def path(self) -> str:
        """The path in the whole stored configuration: `mappings.accounts[2].externalField`."""
        if self.entity is None or not self.section:
            return self.field
        place = f"{self.section}.{self.entity.value}"
        if self.section == "matching":
            return f"{place}.{self.field}"
        return place + self.field.removeprefix("mappings").removeprefix("rules")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean `x`?)` for the known word nearest to this one, or nothing."""
    by_folded = {name.casefold(): name for name in sorted(known)}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f" (did you mean `{by_folded[near[0]]}`?)" if near else ""


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return pydantic's findings about a body of this model as problems."""
    return problems_from(error.errors(), model)


def problems_from(details: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> list[Problem]:
    """As `problems_of`, for findings whose `loc` begins at the body (FastAPI puts `body` before: leave it out)."""
    return [Problem(_field_path(item["loc"], model), _message(item, model)) for item in details]


def _message(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, loc, given = item["type"], item["loc"], item.get("input")
    if kind == "extra_forbidden":
        return f"unknown key `{loc[-1]}`" + did_you_mean(str(loc[-1]), _keys(_model_at(model, loc[:-1])))
    if kind == "missing":
        return "is required"
    if kind in ("enum", "literal_error"):
        allowed = str(item["ctx"]["expected"])
        words = allowed.replace(" or ", ", ").replace("'", "").split(", ")
        return f"`{given}` is not one of {', '.join(words)}" + did_you_mean(str(given), words)
    message = str(item["msg"])
    return message.removeprefix(_VALUE_ERROR)


def _field_path(loc: Sequence[str | int], model: type[BaseModel]) -> str:
    """Write a location as `mappings[2].externalField`. The mark of a bad dictionary key is left out."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{_alias(model, part)}" if path else _alias(model, part)
    return path


def _alias(model: type[BaseModel], name: str) -> str:
    """Return the JSON key of a field that was given by its Python name."""
    field = model.model_fields.get(name)
    return field.alias if field and field.alias else name


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel] | None, loc: Sequence[str | int]) -> type[BaseModel] | None:
    """Follow a location down to the model there. Positions and dictionary keys stay within the found annotation."""
    for part in loc:
        if model is None or isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in fields:
            model = _model_in(fields[part].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)

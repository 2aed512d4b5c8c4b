"""Field values and their exact JSON form.

A value is what JSON can carry plus `Decimal`, because money must never pass through binary floating point.
`dump_json` and `load_json` are the one way values are written to and read from storage.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Value = None | bool | int | Decimal | str | list[Any] | dict[str, Any]
Fields = Mapping[str, Value]

_DECIMAL = "$decimal"


def _encode(value: object) -> object:
    if isinstance(value, Decimal):
        return {_DECIMAL: str(value)}
    raise TypeError(f"{type(value).__name__} is not a field value")


def _decode(value: dict[str, Any]) -> object:
    if len(value) == 1 and _DECIMAL in value:
        return Decimal(value[_DECIMAL])
    return value


# Made once: a sync encodes and decodes some thirty values per record.
_ENCODER = json.JSONEncoder(default=_encode, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_PLAIN = json.JSONDecoder(parse_float=Decimal)
_WITH_DECIMALS = json.JSONDecoder(object_hook=_decode, parse_float=Decimal)


def dump_json(value: object) -> str:
    """Return a value's canonical JSON text: sorted keys, no spaces, `Decimal` exact. Raises TypeError otherwise."""
    return _ENCODER.encode(value)


def load_json(text: str) -> Any:
    """Parse what `dump_json` wrote (numbers with a fraction become `Decimal`)."""
    return (_WITH_DECIMALS if _DECIMAL in text else _PLAIN).decode(text)


def fingerprint(value: object) -> str:
    """A short stable hash of a value: 32 hex characters, equal for equal canonical JSON."""
    return hashlib.blake2b(dump_json(value).encode(), digest_size=16).hexdigest()


def is_blank(value: Value) -> bool:
    """True for values that carry nothing: None, empty text, empty list or object. Zero and False are values."""
    return value is None or value == "" or value == [] or value == {}

"""Salesforce record ids: 15 case-sensitive characters, and a 3-character suffix that makes 18 (sheet 2.1)."""

import string

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_UPPER = frozenset(string.ascii_uppercase)
_ALNUM = frozenset(_DIGITS)


def to_18(short: str) -> str:
    """The 18-character form of a 15-character id."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if char in _UPPER)
        suffix += _SUFFIX[bits]
    return short + suffix


def normalise(text: str) -> str | None:
    """The 18-character form of an id in either form, or None when `text` is not an id."""
    if len(text) not in (15, 18) or not _ALNUM.issuperset(text):
        return None
    return to_18(text[:15])


def make_id(prefix: str, instance: str, number: int) -> str:
    """The id number `number` of one object: key prefix (3), instance (3), then 9 digits of base 62.

    Ids of one object sort as text in the order of their numbers.
    """
    digits = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return to_18(prefix + instance + digits)


def instance_of(account: str) -> str:
    """Two characters that tell the sandbox accounts apart, and the reserved `0` after them."""
    value = 0
    for char in account:
        value = (value * 31 + ord(char)) % (62 * 62)
    high, low = divmod(value, 62)
    return f"{_DIGITS[high]}{_DIGITS[low]}0"

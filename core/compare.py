"""When two values are the same: numbers by amount, every kind of blank alike, text exactly or without outer blanks."""

from __future__ import annotations

from decimal import Decimal

from core.values import Value

_NUMBERS = (int, Decimal, float)


def blank(value: Value) -> bool:
    """True for what a person sees as empty: None, empty or white text, an empty list or object. 0 and False are not."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, (list, dict)) and not value


def equal(left: Value, right: Value) -> bool:
    """True when both are blank, the same amount, or exactly the same value. True and 1 are different."""
    if left is right or (type(left) is type(right) and left == right):
        return True
    if isinstance(left, bool) or isinstance(right, bool):
        return False
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return _amount(left) == _amount(right)
    if blank(left):
        return blank(right)
    return type(left) is type(right) and not isinstance(left, str) and left == right


def alike(left: Value, right: Value) -> bool:
    """As `equal`, but text may differ in outer blanks: systems trim."""
    if equal(left, right):
        return True
    return isinstance(left, str) and isinstance(right, str) and left.strip() == right.strip()


def _amount(value: int | Decimal | float) -> int | Decimal:
    """Take a float by its shortest text, as people and JSON write it."""
    return Decimal(repr(value)) if isinstance(value, float) else value

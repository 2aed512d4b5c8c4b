"""Amounts of money: rounding to a currency's minor units, and formatted text that can be read back exactly.

Minor units, symbols and number formats are those of ISO 4217 and CLDR, from Babel's data.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.numbers import (
    format_currency,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    is_currency,
)

from core.errors import FieldValidation
from core.values import Value

NUMERIC_TYPES: Final = frozenset({"number", "currency"})
STYLES: Final = ("symbol", "code")
MOST_DIGITS: Final = 20
"""How many digits an amount may have before its point: with these, sums and products of taxes are still exact."""

_BLANKS: Final = re.compile(r"[\s\u00a0\u202f\u200e\u200f\u061c]+")
_DEFAULT_DIGITS: Final = 2


def is_known_currency(code: str) -> bool:
    """Say whether this is an ISO 4217 code, in capitals."""
    return is_currency(code)


def is_known_locale(name: str) -> bool:
    """Say whether there are number formats for this locale (`en_US`, `de-CH`)."""
    try:
        Locale.parse(_locale(name))
    except (ValueError, UnknownLocaleError):
        return False
    return True


def to_decimal(value: Value) -> Decimal:
    """Return a plain number (int, Decimal, or text like `1234.5`) exactly. Raises FieldValidation for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise FieldValidation(f"{value!r:.80} is not a number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise FieldValidation(f"{value!r:.80} is not a number") from None
    if not number.is_finite():
        raise FieldValidation(f"{value!r:.80} is not an amount")
    if number.adjusted() > MOST_DIGITS:
        raise FieldValidation(f"{value!r:.80} has too many digits for an amount")
    return number


def round_amount(amount: Decimal, currency: str | None) -> Decimal:
    """Round half up to the currency's minor units (2 digits without a currency); never minus zero."""
    try:
        rounded = amount.quantize(_quantum(currency), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise FieldValidation(f"{amount} has too many digits for an amount") from None
    return rounded if rounded else abs(rounded)


def format_amount(amount: Decimal, currency: str | None, locale: str, style: str) -> str:
    """Return the rounded amount as people write it: `$1,234.50`, or with style `code` `1,234.50 USD`."""
    rounded = round_amount(amount, currency)
    name = _locale(locale)
    if currency is None:
        return format_decimal(rounded, format="#,##0.00", locale=name)
    pattern = "#,##0.00 ¤¤" if style == "code" else None
    return format_currency(rounded, currency, pattern, locale=name)


def parse_amount(text: str, currency: str | None, locale: str) -> Decimal:
    """Read an amount that `format_amount` or a person wrote; grouping must be right or absent.

    Raises FieldValidation for anything that could be misread, such as `1.234,50` where the locale writes `1,234.50`.
    """
    name = _locale(locale)
    plain = text
    for word in _currency_words(currency, name):
        plain = plain.replace(word, "")
    plain = _BLANKS.sub(" ", plain).strip().replace("\u2212", "-")
    negative = plain.startswith("-") or plain.endswith("-")
    if negative:
        plain = (plain[1:] if plain.startswith("-") else plain[:-1]).strip()
    if not _amount_pattern(name).fullmatch(plain):
        raise FieldValidation(f"{text!r:.80} is not an amount" + (f" in {currency}" if currency else ""))
    whole, _, fraction = plain.partition(get_decimal_symbol(name))
    number = Decimal(f"{re.sub(r'[^0-9]', '', whole)}.{fraction or 0}")
    return -number if negative else number


@lru_cache(maxsize=256)
def _quantum(currency: str | None) -> Decimal:
    digits = _DEFAULT_DIGITS if currency is None else get_currency_precision(currency)
    return Decimal(1).scaleb(-digits)


@lru_cache(maxsize=256)
def _currency_words(currency: str | None, locale: str) -> tuple[str, ...]:
    if currency is None:
        return ()
    words = {currency, get_currency_symbol(currency, locale), get_currency_symbol(currency, "en_US")}
    return tuple(sorted(words, key=len, reverse=True))


@lru_cache(maxsize=64)
def _amount_pattern(locale: str) -> re.Pattern[str]:
    group = _BLANKS.sub(" ", get_group_symbol(locale))
    groups = "['\u2019]" if group in ("'", "\u2019") else re.escape(group)
    decimal = re.escape(get_decimal_symbol(locale))
    return re.compile(rf"(?:[0-9]+|[0-9]{{1,3}}(?:{groups}[0-9]{{2,3}})+)(?:{decimal}[0-9]+)?")


def _locale(name: str) -> str:
    return name.replace("-", "_")

"""Making values comparable for matching. A value that carries nothing to compare becomes the empty text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from core.enums import Normalize

_LEGAL_FORMS: Final = frozenset(
    (
        *("ab", "ag", "aps", "as", "bv", "bvba", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated"),
        *("kft", "kg", "kk", "limited", "llc", "llp", "lp", "ltd", "nv", "oy", "oyj", "plc", "pte", "pty", "sa"),
        *("sarl", "sas", "se", "sl", "spa", "sprl", "srl", "sro", "ug"),
    )
)
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_APOSTROPHES: Final = re.compile(r"[.'\u2019`]")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_NOT_DIGIT: Final = re.compile(r"\D+")
_EXTENSION: Final = re.compile(r"(?:ext|extension|x|#).*$")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_LEAST_PHONE_DIGITS: Final = 5


def _none(text: str) -> str:
    return text.strip()


def _text(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _email(text: str) -> str:
    address = _text(text)
    return address if _EMAIL.fullmatch(address) else ""


def _name(text: str) -> str:
    """Drop punctuation and the legal form at the end: `ACME, Inc.` and `Acme` are one name."""
    plain = _APOSTROPHES.sub("", _text(text).replace("&", " and "))
    words = _NOT_WORD.sub(" ", plain).split()
    kept = list(words)
    while kept and (kept[-1] in _LEGAL_FORMS or (kept[-1] == "and" and len(kept) < len(words))):
        kept.pop()
    return " ".join(kept or words)


def _phone(text: str) -> str:
    """Keep digits, and a leading + (or 00) for the country; an extension is no part of the number."""
    plain = _EXTENSION.sub("", _text(text))
    digits = _NOT_DIGIT.sub("", plain.replace("(0)", ""))
    international = plain.startswith("+") or digits.startswith("00")
    if len(digits) < _LEAST_PHONE_DIGITS:
        return ""
    return "+" + digits.removeprefix("00") if international else digits


def _domain(text: str) -> str:
    """Take the host of a web or email address, without `www.`."""
    address = _SCHEME.sub("", _text(text))
    host = re.split(r"[/?#]", address, maxsplit=1)[0].rpartition("@")[2]
    host = host.partition(":")[0].rstrip(".").removeprefix("www.")
    return host if "." in host and " " not in host else ""


NORMALISERS: Final[dict[Normalize, Callable[[str], str]]] = {
    Normalize.NONE: _none,
    Normalize.TEXT: _text,
    Normalize.EMAIL: _email,
    Normalize.NAME: _name,
    Normalize.PHONE: _phone,
    Normalize.DOMAIN: _domain,
}

"""Making values comparable for matching. A value that carries nothing to compare becomes the empty text.

Every normaliser is idempotent. `region` (ISO 3166 alpha-2) is for phone numbers and tax ids written without their
country.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

import phonenumbers
from cleanco import non_nfkd_map

from core.enums import Normalize
from core.legal_forms import ACCENTS, without_legal_form

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_POINTS: Final = re.compile(r"[.'\u2019`]")
_LETTERS: Final = str.maketrans(non_nfkd_map.NON_NFKD_MAP)
_NOT_DIGIT: Final = re.compile(r"\D+")
_EXTENSION: Final = re.compile(r"(?:ext|x|#).*$", re.DOTALL)
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_NOT_TAX: Final = re.compile(r"[^A-Z0-9]+")
_LEAST_PHONE_DIGITS: Final = 5
_LEAST_TAX_LETTERS: Final = 4
_LONGEST_HOST: Final = 253
_TAX_COUNTRIES: Final = phonenumbers.SUPPORTED_REGIONS | {"EL", "EU", "XI"}

# Addresses there say nothing of whom a person works for.
_FREE_MAIL: Final = frozenset(
    (
        *("126.com", "163.com", "att.net", "btinternet.com", "comcast.net", "fastmail.com", "free.fr", "gmail.com"),
        *("googlemail.com", "hey.com", "icloud.com", "laposte.net", "libero.it", "mac.com", "mail.com", "mail.ru"),
        *("me.com", "msn.com", "naver.com", "orange.fr", "proton.me", "protonmail.com", "qq.com", "t-online.de"),
        *("tutanota.com", "verizon.net", "wanadoo.fr", "web.de", "ymail.com", "zoho.com"),
    )
)
_FREE_MAIL_FAMILIES: Final = frozenset(("aol", "gmx", "hotmail", "live", "outlook", "yahoo", "yandex"))


def normalise(rule: Normalize, text: str, region: str | None = None) -> str:
    """Return the comparable form of a text under a rule, or the empty text."""
    if rule is Normalize.PHONE:
        return _phone(text, region)
    if rule is Normalize.TAX_ID:
        return _tax_id(text, region)
    return _PLAIN[rule](text)


def known_region(region: str) -> bool:
    """Say whether phone numbers and tax ids of this country (ISO 3166 alpha-2) can be read."""
    return region in phonenumbers.SUPPORTED_REGIONS


def domain_of(address: str) -> str:
    """Return the host of a web or email address without `www.`, in ASCII; free-mail hosts too."""
    plain = _SCHEME.sub("", _text(address))
    host = re.split(r"[/?#]", plain, maxsplit=1)[0].rpartition("@")[2]
    host = host.partition(":")[0].strip(" .")
    while host.startswith("www."):
        host = host.removeprefix("www.")
    ascii_host = _ascii_host(host)
    return ascii_host if _HOST.fullmatch(ascii_host) else ""


def is_free_mail(host: str) -> bool:
    """Say whether anybody may have an address at this host."""
    return host in _FREE_MAIL or host.partition(".")[0] in _FREE_MAIL_FAMILIES


def _none(text: str) -> str:
    return text.strip()


def _text(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def _email(text: str) -> str:
    address = _text(text)
    if not _EMAIL.fullmatch(address):
        return ""
    local, _, host = address.rpartition("@")
    return f"{local}@{_ascii_host(host)}"


def _ascii_host(host: str) -> str:
    """The host as it goes over the wire (`xn--…`); one that cannot be a host stays as it is."""
    if host.isascii() or len(host) > _LONGEST_HOST:
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host


def _name(text: str) -> str:
    """Drop accents, punctuation and the legal form at the end: `ACME, Inc.` and `Acmé` are one name."""
    folded = _POINTS.sub("", _text(text).replace("&", " and ")).translate(_LETTERS)
    plain = unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFKD", folded))).casefold()
    words = "".join(char if char.isalnum() or unicodedata.combining(char) or _is_mark(char) else " " for char in plain)
    return " ".join(without_legal_form(words.split()))


def _is_mark(char: str) -> bool:
    """Vowel signs of Indic scripts and the like are parts of a word, though no letters."""
    return not char.isascii() and unicodedata.category(char).startswith("M")


def _phone(text: str, region: str | None) -> str:
    """E.164 where the country is known; else the digits. An extension is no part of the number."""
    plain = _EXTENSION.sub("", _text(text)).replace("(0)", "").strip()
    digits = _NOT_DIGIT.sub("", plain)
    if plain.startswith("00"):
        digits = "+" + digits[2:]
    elif plain.startswith("+"):
        digits = "+" + digits
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is not None and phonenumbers.is_possible_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return digits if len(digits) >= _LEAST_PHONE_DIGITS else ""


def _tax_id(text: str, region: str | None) -> str:
    """Letters and digits, behind their country: `de 123.456.789` and, in the region DE, `123456789` are one id."""
    plain = _NOT_TAX.sub("", unicodedata.normalize("NFKC", text).upper())
    if len(plain) < _LEAST_TAX_LETTERS or not any(char.isdigit() for char in plain):
        return ""
    if plain[:2] not in _TAX_COUNTRIES and region:
        plain = region + plain
    # Greece's VAT prefix is not its country code.
    return "EL" + plain[2:] if plain.startswith("GR") else plain


def _domain(text: str) -> str:
    host = domain_of(text)
    return "" if is_free_mail(host) else host


_PLAIN: Final[dict[Normalize, Callable[[str], str]]] = {
    Normalize.NONE: _none,
    Normalize.TEXT: _text,
    Normalize.EMAIL: _email,
    Normalize.NAME: _name,
    Normalize.DOMAIN: _domain,
}

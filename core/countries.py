"""Countries by any of their usual spellings, and in one of three: ISO 3166-1 alpha-2, alpha-3, or the English name.

Codes and names are those of pycountry (ISO 3166-1); CLDR's English names are understood, too.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pycountry
from babel import Locale

from core.errors import FieldValidation
from core.values import Value

TABLES: Final = ("country_alpha2", "country_alpha3", "country_name")
_EVERYDAY: Final = {"uk": "GB", "great britain": "GB", "u.s.": "US", "u.s.a.": "US"}


def country(value: Value, table: str) -> str:
    """Return a country in one of `TABLES`, from either code or its name in any case.

    Raises FieldValidation for what is no country.
    """
    key = value.strip().casefold() if isinstance(value, str) else ""
    code = _codes().get(key)
    if code is None:
        raise FieldValidation(f"{value!r:.80} is not a country; use its ISO code or English name")
    return _spelled(code, table)


@cache
def _spelled(code: str, table: str) -> str:
    found: Any = pycountry.countries.get(alpha_2=code)
    spellings = {
        "country_alpha2": found.alpha_2,
        "country_alpha3": found.alpha_3,
        "country_name": getattr(found, "common_name", None) or found.name,
    }
    spelled: str = spellings[table]
    return spelled


@cache
def _codes() -> dict[str, str]:
    """Return every known spelling, case folded -> alpha-2. The ISO spellings win over the others."""
    codes = dict(_EVERYDAY)
    english = Locale("en").territories
    for found in pycountry.countries:
        if found.alpha_2 in english:
            codes.setdefault(str(english[found.alpha_2]).casefold(), found.alpha_2)
    for found in pycountry.countries:
        for key in ("common_name", "official_name", "name", "alpha_3", "alpha_2"):
            spelling = getattr(found, key, None)
            if spelling:
                codes[spelling.casefold()] = found.alpha_2
    return codes

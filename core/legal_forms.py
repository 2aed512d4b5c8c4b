"""Legal forms at the end of company names: GmbH, Inc., S.A. de C.V.… The forms are those that `cleanco` knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from cleanco import termdata

ACCENTS: Final = re.compile("[\u0300-\u036f]")
"""Combining marks of the Latin, Greek and Cyrillic scripts, after decomposition."""

# Words that cleanco lists, but that are mostly a country or a word of the name itself.
_WORDS_OF_NAMES: Final = frozenset({"at", "ba", "et", "nl", "ok", "private", "uk", "vat"})
_MISSING: Final = ("pty", "se", "ug", "ug haftungsbeschrankt")
_NOT_WORD: Final = re.compile(r"[\W_]+")


def _forms() -> Iterator[tuple[str, ...]]:
    listed = [*termdata.terms_by_type.values(), *termdata.terms_by_country.values(), _MISSING]
    for terms in listed:
        for term in terms:
            plain = unicodedata.normalize("NFKD", term.casefold().replace(".", "").replace("&", " and "))
            words = tuple(_NOT_WORD.sub(" ", ACCENTS.sub("", plain)).split())
            if words and (len(words) > 1 or words[0] not in _WORDS_OF_NAMES):
                yield words


_FORMS: Final = frozenset(_forms())
_LONGEST: Final = max(map(len, _FORMS))


def without_legal_form(words: Sequence[str]) -> Sequence[str]:
    """Return the words (folded, without punctuation) without the forms at their end.

    A name that is nothing but forms keeps itself.
    """
    kept = len(words)
    while kept:
        form = next(
            (size for size in range(min(_LONGEST, kept), 0, -1) if tuple(words[kept - size : kept]) in _FORMS), 0
        )
        if not form and words[kept - 1] == "and" and kept < len(words):
            form = 1
        if not form:
            break
        kept -= form
    return words[:kept] if kept else words

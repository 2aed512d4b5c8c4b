"""Normalisers: what counts as the same email, name, phone, domain or tax id (design 3.5)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.config import Matching
from core.enums import Normalize
from core.normalize import normalise
from core.problems import problems_of


@pytest.mark.parametrize(
    ("rule", "text", "key"),
    [
        (Normalize.NONE, " Acme ", "Acme"),
        (Normalize.TEXT, " ACME Straße", "acme strasse"),
        (Normalize.EMAIL, " Ann@Acme.Example ", "ann@acme.example"),
        (Normalize.EMAIL, "ann@MÜNCHEN.example", "ann@xn--mnchen-3ya.example"),
        (Normalize.EMAIL, "ann@mu\u0308nchen.example", "ann@xn--mnchen-3ya.example"),
        (Normalize.EMAIL, "o'brien@acme.example", "o'brien@acme.example"),
        (Normalize.EMAIL, "n/a", ""),
        (Normalize.NAME, "ACME, Inc.", "acme"),
        (Normalize.NAME, "Acme Holdings GmbH & Co. KG", "acme holdings"),
        (Normalize.NAME, "Acme S.A. de C.V.", "acme"),
        (Normalize.NAME, "Acme Sp. z o.o.", "acme"),
        (Normalize.NAME, "Smith & Sons Ltd", "smith and sons"),
        (Normalize.NAME, "Ｆｕｌｌ Width S.A.", "full width"),
        (Normalize.NAME, "O'Neil-Byte", "oneil byte"),
        (Normalize.NAME, 'O’Brien "Café" \\ Søn\tA/S', "obrien cafe son"),
        (Normalize.NAME, "Company Inc", "company inc"),
        (Normalize.NAME, "GmbH", "gmbh"),
        (Normalize.NAME, "Acme UK", "acme uk"),
        (Normalize.NAME, "हिन्दी लिमिटेड", "हिन्दी लिमिटेड"),
        (Normalize.NAME, "!!!", ""),
        (Normalize.PHONE, "+1 (555) 010-0199", "+15550100199"),
        (Normalize.PHONE, "001 555 010 0199", "+15550100199"),
        (Normalize.PHONE, "+44 (0)20 7946 0000", "+442079460000"),
        (Normalize.PHONE, "555-0199 ext. 12", "5550199"),
        (Normalize.PHONE, "none", ""),
        (Normalize.DOMAIN, "https://www.Acme.Example/about?x=1", "acme.example"),
        (Normalize.DOMAIN, "ann@acme.example", "acme.example"),
        (Normalize.DOMAIN, "acme.example:8080", "acme.example"),
        (Normalize.DOMAIN, "http://münchen.example", "xn--mnchen-3ya.example"),
        (Normalize.DOMAIN, "ann@gmail.com", ""),
        (Normalize.DOMAIN, "ann@yahoo.co.uk", ""),
        (Normalize.DOMAIN, "unknown", ""),
        (Normalize.TAX_ID, "de 123.456.789", "DE123456789"),
        (Normalize.TAX_ID, "GR 123456789", "EL123456789"),
        (Normalize.TAX_ID, "123456789", "123456789"),
        (Normalize.TAX_ID, "exempt", ""),
    ],
)
def test_normalise(rule: Normalize, text: str, key: str) -> None:
    assert normalise(rule, text) == key


@pytest.mark.parametrize(
    ("rule", "text", "region", "key"),
    [
        (Normalize.PHONE, "020 7946 0000", "GB", "+442079460000"),
        (Normalize.PHONE, "+49 89 123456", "GB", "+4989123456"),
        (Normalize.TAX_ID, "123 456 789", "DE", "DE123456789"),
        (Normalize.TAX_ID, "FR12345678901", "DE", "FR12345678901"),
    ],
)
def test_the_region_stands_for_a_country_that_is_not_written(rule: Normalize, text: str, region: str, key: str) -> None:
    assert normalise(rule, text, region) == key


WORDS = st.sampled_from(
    ["Acme", "GmbH", "& Co. KG", "S.A.", "and", "Ltd", "www.", "@", "acme.example", "x9", "+49 89", "ß"]
)
TEXTS = st.one_of(
    st.text(max_size=30), st.lists(WORDS, max_size=5).map(" ".join), st.lists(WORDS, max_size=4).map("".join)
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(Normalize), TEXTS, st.sampled_from([None, "DE", "US"]))
@example(Normalize.DOMAIN, "www.www.acme.example", None)
def test_normalising_twice_is_normalising_once(rule: Normalize, text: str, region: str | None) -> None:
    once = normalise(rule, text, region)
    assert not once or normalise(rule, once, region) == once


def refused(**rule: object) -> tuple[str, str]:
    """Return field and message of the one problem of a rule."""
    body = {"type": "field", "algunaField": "email", "externalField": "Email__c", **rule}
    with pytest.raises(ValidationError) as caught:
        Matching.model_validate({"entity": "accounts", "rules": [body]})
    (problem,) = problems_of(caught.value, Matching)
    return problem.field, problem.message


def test_i9_an_unknown_normaliser_is_refused_with_the_nearest_one() -> None:
    field, message = refused(normalize="emial")
    assert field == "rules[0].normalize"
    assert "did you mean `email`?" in message


def test_i9_an_unknown_region_is_refused() -> None:
    assert refused(normalize="phone", region="UK") == (
        "rules[0].region",
        "`UK` is not a country code (ISO 3166 alpha-2, as DE or US)",
    )

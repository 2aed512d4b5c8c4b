"""The transforms: examples from both systems, and the law that what went over comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pycountry
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.compare import equal
from core.countries import TABLES
from core.enums import Direction, Transform
from core.errors import FieldValidation
from core.mapping import same_meaning, to_alguna, to_external
from core.money import round_amount
from core.plan import FieldPlan
from core.transform_check import check_transform
from core.values import Value


def field_of(
    transform: Transform, external_type: str = "text", alguna_type: str = "text", **options: Value
) -> FieldPlan:
    """A two-way field with this transform."""
    return FieldPlan(
        "a", "E", transform=transform, options=options, external_type=external_type, alguna_type=alguna_type
    )


MAP: dict[str, Value] = {"active": "Closed Won", "draft": "Prospecting"}


class TestNumberToCurrency:
    @pytest.mark.parametrize(
        ("amount", "currency", "rounded"),
        [
            (Decimal("2.345"), "USD", "2.35"),
            (Decimal("-2.345"), "USD", "-2.35"),
            (Decimal("1250.5"), "JPY", "1251"),
            (Decimal("1.23456"), "KWD", "1.235"),
            (3, "EUR", "3.00"),
            ("19.999", "EUR", "20.00"),
            (Decimal("-0.001"), "EUR", "0.00"),
        ],
    )
    def test_a_numeric_field_gets_the_rounded_number(self, amount: Value, currency: str, rounded: str) -> None:
        value = to_external(field_of(Transform.NUMBER_TO_CURRENCY, "currency", currency=currency), amount)
        assert isinstance(value, Decimal)
        assert str(value) == rounded

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"currency": "USD"}, "$1,234.50"),
            ({"currency": "USD", "style": "code"}, "1,234.50 USD"),
            ({"currency": "EUR", "locale": "de_DE"}, "1.234,50\xa0€"),
            ({"currency": "JPY", "locale": "ja-JP"}, "￥1,235"),
            ({}, "1,234.50"),
        ],
    )
    def test_a_text_field_gets_formatted_text(self, options: dict[str, Value], text: str) -> None:
        assert to_external(replace(field_of(Transform.NUMBER_TO_CURRENCY), options=options), Decimal("1234.5")) == text

    @pytest.mark.parametrize("text", ["$1,234.50", "1,234.50", "1234.5", "USD 1234.50", " $1,234.500 "])
    def test_what_people_write_is_read(self, text: str) -> None:
        field = field_of(Transform.NUMBER_TO_CURRENCY, currency="USD")
        assert to_alguna(field, text) == Decimal("1234.50")
        assert same_meaning(field, Decimal("1234.5"), text)

    @pytest.mark.parametrize("text", ["1.234,50", "1,2345", "€5", "five", "1 234", "--5", "$"])
    def test_what_could_be_misread_is_refused(self, text: str) -> None:
        with pytest.raises(FieldValidation, match="is not an amount in USD"):
            to_alguna(field_of(Transform.NUMBER_TO_CURRENCY, currency="USD"), text)

    def test_what_is_too_long_for_an_amount_is_refused(self) -> None:
        with pytest.raises(FieldValidation, match="too many digits"):
            to_external(field_of(Transform.NUMBER_TO_CURRENCY, "number"), Decimal("1e40"))

    @pytest.mark.parametrize("value", ["much", True, [1], "NaN", Decimal("Infinity")])
    def test_what_is_no_number_is_refused(self, value: Value) -> None:
        with pytest.raises(FieldValidation):
            to_external(field_of(Transform.NUMBER_TO_CURRENCY, "number"), value)

    @settings(max_examples=200, deadline=None)
    @given(
        st.decimals(-(10**12), 10**12, places=4),
        st.sampled_from(["USD", "EUR", "JPY", "CHF", "KWD", None]),
        st.sampled_from(["en_US", "de_DE", "de_CH", "fr_FR", "sv_SE", "hi_IN", "ja_JP", "pt_BR", "de_AT"]),
        st.sampled_from(["symbol", "code"]),
        st.sampled_from(["text", "currency"]),
    )
    def test_round_trip(self, amount: Decimal, currency: str | None, locale: str, style: str, kind: str) -> None:
        field = field_of(Transform.NUMBER_TO_CURRENCY, kind, currency=currency, locale=locale, style=style)
        carried = to_external(field, amount)
        assert to_alguna(field, carried) == round_amount(amount, currency)
        assert equal(to_external(field, to_alguna(field, carried)), carried)
        assert same_meaning(field, amount, carried)


class TestDateToIso:
    @pytest.mark.parametrize(
        ("value", "kind", "timezone", "written"),
        [
            ("2026-11-01", "date", None, "2026-11-01"),
            ("2026-11-01", "date", "Pacific/Auckland", "2026-11-01"),
            ("2026-11-01T10:00:00.000+0000", "datetime", None, "2026-11-01T10:00:00Z"),
            ("2026-11-01T10:00:00+02:00", "datetime", None, "2026-11-01T08:00:00Z"),
            ("2026-11-01T10:00:00.250Z", "datetime", None, "2026-11-01T10:00:00.25Z"),
            ("2026-11-01T23:30:00Z", "date", None, "2026-11-01"),
            ("2026-11-01T23:30:00Z", "date", "Europe/Berlin", "2026-11-02"),
            ("2026-11-01T10:00:00", "datetime", "Europe/Berlin", "2026-11-01T09:00:00Z"),
            ("2026-11-01", "datetime", "Europe/Berlin", "2026-10-31T23:00:00Z"),
            ("2026-11-01", "text", None, "2026-11-01"),
            ("2026-11-01T10:00:00+0000", "text", None, "2026-11-01T10:00:00Z"),
            ("/Date(1518685950940+0000)/", "datetime", None, "2018-02-15T09:12:30.94Z"),
            ("/Date(1518685950940+1300)/", "datetime", None, "2018-02-15T09:12:30.94Z"),
            ("/Date(-86400000)/", "date", None, "1969-12-31"),
            ("/Date(1518652800000+0000)/", "date", "Pacific/Auckland", "2018-02-15"),
        ],
    )
    def test_into_a_field_of_a_type(self, value: str, kind: str, timezone: str | None, written: str) -> None:
        assert to_external(field_of(Transform.DATE_TO_ISO, kind, timezone=timezone), value) == written
        assert to_alguna(field_of(Transform.DATE_TO_ISO, alguna_type=kind, timezone=timezone), value) == written

    @pytest.mark.parametrize(
        "value", ["tomorrow", "2026-02-30", "20261101", 1767225600, "2026", True, "/Date(99999999999999999)/"]
    )
    def test_what_is_no_date_is_refused(self, value: Value) -> None:
        with pytest.raises(FieldValidation, match="is not a date"):
            to_external(field_of(Transform.DATE_TO_ISO, "date"), value)

    def test_i5_two_spellings_of_one_moment_mean_the_same(self) -> None:
        field = field_of(Transform.DATE_TO_ISO, "datetime")
        assert same_meaning(field, "2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000+0000")
        assert same_meaning(field, "2026-11-01T10:00:00.000Z", "2026-11-01T12:00:00+02:00")
        assert not same_meaning(field, "2026-11-01T10:00:00Z", "2026-11-01T10:00:01Z")

    @given(
        st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
        st.integers(-12 * 60, 14 * 60),
    )
    def test_round_trip_keeps_the_moment(self, moment: datetime, offset_minutes: int) -> None:
        field = field_of(Transform.DATE_TO_ISO, "datetime", "datetime")
        aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
        carried = to_external(field, aware.isoformat())
        assert isinstance(carried, str)
        assert datetime.fromisoformat(carried) == aware.astimezone(UTC)
        assert to_external(field, to_alguna(field, carried)) == carried

    @given(st.dates(), st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]))
    def test_a_date_stays_a_date(self, day: object, zone: str) -> None:
        field = field_of(Transform.DATE_TO_ISO, "date", "date", timezone=zone)
        assert to_alguna(field, to_external(field, str(day))) == str(day)


class TestBooleanToString:
    def test_words(self) -> None:
        assert to_external(field_of(Transform.BOOLEAN_TO_STRING), True) == "Yes"
        spanish = field_of(Transform.BOOLEAN_TO_STRING, true="Sí", false="No")
        assert to_external(spanish, False) == "No"
        assert to_alguna(spanish, " sÍ ") is True
        assert to_alguna(spanish, "NO") is False
        assert to_alguna(spanish, True) is True
        assert to_external(spanish, None) is None

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(FieldValidation, match="neither `Yes` nor `No`"):
            to_alguna(field_of(Transform.BOOLEAN_TO_STRING), "maybe")
        with pytest.raises(FieldValidation, match="neither true nor false"):
            to_external(field_of(Transform.BOOLEAN_TO_STRING), "true")

    def test_i3_several_spellings_are_read_and_the_first_is_written(self) -> None:
        field = field_of(Transform.BOOLEAN_TO_STRING, true=["Oui", "O", "1"], false=["Non", " N "])
        assert (to_external(field, True), to_external(field, False)) == ("Oui", "Non")
        assert [to_alguna(field, one) for one in ("o", "OUI", 1, Decimal("1.0"), "n")] == [
            True,
            True,
            True,
            True,
            False,
        ]
        assert same_meaning(field, True, "o")
        usual = field_of(Transform.BOOLEAN_TO_STRING)
        assert [to_alguna(usual, one) for one in ("y", "TRUE", "1", "n", "false", 0)] == [True] * 3 + [False] * 3
        with pytest.raises(FieldValidation, match="neither `T` nor `No`"):
            to_alguna(field_of(Transform.BOOLEAN_TO_STRING, true="T"), "yes")

    @pytest.mark.parametrize("words", [[], [""], 5, {"a": "b"}, [True]])
    def test_i9_words_are_words(self, words: Value) -> None:
        with pytest.raises(FieldValidation, match="`true` must be a word or a list of words"):
            to_external(field_of(Transform.BOOLEAN_TO_STRING, true=words), True)

    @given(st.booleans(), st.sampled_from([("Yes", "No"), ("Y", "N"), ("on", "off")]), st.booleans())
    def test_round_trip(self, value: bool, words: tuple[str, str], shout: bool) -> None:
        field = field_of(Transform.BOOLEAN_TO_STRING, true=words[0], false=words[1])
        carried = to_external(field, value)
        assert isinstance(carried, str)
        assert to_alguna(field, carried.upper() if shout else carried) is value


class TestValueMap:
    def test_both_ways(self) -> None:
        field = field_of(Transform.VALUE_MAP, map=MAP)
        assert to_external(field, "active") == "Closed Won"
        assert to_alguna(field, "Prospecting ") == "draft"

    def test_unmapped_takes_the_default_or_is_refused(self) -> None:
        with pytest.raises(FieldValidation, match="'canceled' is not in the value map"):
            to_external(field_of(Transform.VALUE_MAP, map=MAP), "canceled")
        assert to_external(field_of(Transform.VALUE_MAP, map=MAP, default="Other"), "canceled") == "Other"

    def test_the_inverse_of_a_shared_value_is_refused(self) -> None:
        with pytest.raises(FieldValidation, match="several values: active, draft"):
            to_alguna(field_of(Transform.VALUE_MAP, map={"active": "Open", "draft": "Open"}), "Open")

    def test_keys_are_the_text_of_booleans_and_numbers(self) -> None:
        switch = field_of(Transform.VALUE_MAP, alguna_type="boolean", map={"true": 1, "false": 0})
        assert to_external(switch, True) == 1
        assert to_alguna(switch, Decimal("0")) is False
        terms = field_of(Transform.VALUE_MAP, alguna_type="number", map={"30": "Net 30", "14.5": "Odd"})
        assert to_external(terms, Decimal("30.00")) == "Net 30"
        assert to_alguna(terms, "Odd") == Decimal("14.5")

    @given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz", min_size=1), min_size=1), st.data())
    def test_a_one_to_one_map_has_an_inverse(self, entries: dict[str, str], data: st.DataObject) -> None:
        unique: dict[str, Value] = {key: f"{value}-{key}" for key, value in entries.items()}
        field = field_of(Transform.VALUE_MAP, map=unique)
        key = data.draw(st.sampled_from(sorted(unique)))
        assert to_alguna(field, to_external(field, key)) == key

    def test_i3_unmapped_values_pass_where_they_can_come_back(self) -> None:
        field = field_of(Transform.VALUE_MAP, map={"a": "B", "c": "D"}, unmapped="pass")
        assert (to_external(field, "other"), to_alguna(field, "Other")) == ("other", "Other")
        with pytest.raises(FieldValidation, match="'D' is not in the value map, and would come back as 'c'"):
            to_external(field, "D")
        with pytest.raises(FieldValidation, match="'a' is not in the value map, and would come back as 'B'"):
            to_alguna(field, "a")
        assert to_external(replace(field, direction=Direction.ALGUNA_TO_EXTERNAL), "D") == "D"

    @given(st.dictionaries(st.sampled_from("abc"), st.sampled_from("abcXY"), min_size=1), st.sampled_from("abcXYZ"))
    def test_i3_what_passes_both_ways_comes_back(self, entries: dict[str, str], value: str) -> None:
        field = field_of(Transform.VALUE_MAP, map=dict(entries), unmapped="pass")
        if list(check_transform(field, direction=Direction.BIDIRECTIONAL)):
            return
        try:
            carried = to_external(field, value)
        except FieldValidation:
            return
        assert to_alguna(field, carried) == value


class TestCountries:
    @pytest.mark.parametrize(
        ("table", "written"), [("country_alpha2", "GB"), ("country_alpha3", "GBR"), ("country_name", "United Kingdom")]
    )
    @pytest.mark.parametrize("value", ["GBR", "gb", "UK", " united kingdom", "United Kingdom"])
    def test_i3_any_spelling_is_written_as_configured(self, table: str, written: str, value: str) -> None:
        field = field_of(Transform.VALUE_MAP, table=table)
        assert to_external(field, value) == written
        assert to_alguna(field, value) == "GBR"
        assert same_meaning(field, "GBR", value)

    @pytest.mark.parametrize("table", TABLES)
    @pytest.mark.parametrize("ours", TABLES)
    def test_i3_every_country_comes_back(self, table: str, ours: str) -> None:
        field = field_of(Transform.VALUE_MAP, table=table, algunaTable=ours)
        for one in pycountry.countries:
            alguna = to_alguna(field, one.alpha_3)
            assert to_alguna(field, to_external(field, alguna)) == alguna

    def test_names_of_everyday(self) -> None:
        field = field_of(Transform.VALUE_MAP, table="country_alpha2")
        names = ["South Korea", "Korea, Republic of", "Russia", "Türkiye", "Bolivia", "U.S.A."]
        assert [to_external(field, name) for name in names] == ["KR", "KR", "RU", "TR", "BO", "US"]

    @pytest.mark.parametrize("value", ["Atlantis", 49, "XX"])
    def test_what_is_no_country(self, value: Value) -> None:
        with pytest.raises(FieldValidation, match="is not a country"):
            to_external(field_of(Transform.VALUE_MAP, table="country_alpha2"), value)
        passing = field_of(Transform.VALUE_MAP, table="country_alpha2", unmapped="pass")
        assert to_external(passing, value) == value
        assert to_external(field_of(Transform.VALUE_MAP, table="country_alpha2", default="ZZ"), value) == "ZZ"


class TestSameMeaning:
    @pytest.mark.parametrize("blank_one", [None, "", "  "])
    @pytest.mark.parametrize("blank_two", [None, "", []])
    @pytest.mark.parametrize("transform", [item for item in Transform if item is not Transform.CUSTOM])
    def test_blanks_are_one(self, blank_one: Value, blank_two: Value, transform: Transform) -> None:
        field = field_of(transform, map=MAP)
        assert same_meaning(field, blank_one, blank_two)
        assert same_meaning(field, blank_two, blank_one)

    def test_numbers_and_text(self) -> None:
        plain = FieldPlan("a", "E")
        assert same_meaning(plain, 5, Decimal("5.0"))
        assert same_meaning(plain, "Acme ", "Acme")
        assert not same_meaning(plain, "Acme", "acme")
        assert not same_meaning(plain, 0, None)

    def test_a_one_way_map_compares_in_its_own_direction(self) -> None:
        """The map's fallback is a value of the target; it says nothing about what the source holds."""
        both_ways = field_of(Transform.VALUE_MAP, map=MAP, default="Other")
        out = replace(both_ways, direction=Direction.ALGUNA_TO_EXTERNAL)
        assert same_meaning(out, "anything", "Other")
        assert not same_meaning(out, "Other", "Strange")
        back = replace(both_ways, direction=Direction.EXTERNAL_TO_ALGUNA)
        assert same_meaning(back, "Other", "anything")
        assert not same_meaning(back, "Strange", "Other")

    def test_what_cannot_be_carried_means_something_else(self) -> None:
        assert not same_meaning(field_of(Transform.NUMBER_TO_CURRENCY, "number"), "many", Decimal(5))

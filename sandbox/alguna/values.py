"""Reads values out of request bodies; what is not right raises ApiError 422 with the field's name."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.alguna.errors import invalid
from sandbox.kit.clock import iso
from sandbox.kit.vendor import Record

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")
_CENT = Decimal("0.01")
_MOST_DIGITS = 20
_CENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), Decimal(1)),  # noqa: SIM905
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), Decimal("0.001")),
}
_CURRENCIES = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES
    VND VUV WST XAF XCD XOF XPF YER ZAR ZMW""".split()  # noqa: SIM905 (a table, easier to read as text)
)
_COUNTRIES = frozenset(
    """ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM
    BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM
    CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP
    GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR
    JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL
    MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK
    PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR
    SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA
    UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE""".split()  # noqa: SIM905
)


def text(value: Any, field: str) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"{field} is required")
    return value


def optional_text(value: Any, field: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise invalid(f"{field} must be a string")
    return value


def boolean(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{field} must be true or false")
    return value


def one_of(value: Any, choices: tuple[str, ...], field: str) -> str:
    if value not in choices:
        raise invalid(f"{field} must be one of {', '.join(choices)}")
    return str(value)


def listing(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"{field} must be an array")
    return value


def mapping(value: Any, field: str) -> Record:
    if not isinstance(value, dict):
        raise invalid(f"{field} must be an object")
    return value


def email(value: Any, field: str) -> str:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise invalid(f"{field} is not a valid email address")
    return value


def currency(value: Any, field: str = "currency") -> str:
    if value not in _CURRENCIES:
        raise invalid(f"{field} must be an ISO 4217 currency code")
    return str(value)


def country(value: Any, field: str) -> str:
    if value not in _COUNTRIES:
        raise invalid(f"{field} must be an ISO 3166-1 alpha-3 country code")
    return str(value)


def whole(value: Any, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid(f"{field} must be a whole number")
    return value


def decimal(value: Any, field: str) -> Decimal:
    """A decimal string in major units; JSON numbers are refused, as money is never a float here."""
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number.adjusted() > _MOST_DIGITS:
        raise invalid(f"{field} must be a decimal string")
    return number


def moment(value: Any, field: str) -> datetime:
    """An RFC 3339 time, or a plain date (its midnight in UTC)."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise invalid(f"{field} must be an RFC 3339 date-time")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def optional_moment(value: Any, field: str) -> str | None:
    """The time in the form that this API answers in, or null."""
    return None if value is None else iso(moment(value, field))


def midnight(day: date) -> str:
    return iso(datetime(day.year, day.month, day.day, tzinfo=UTC))


def money(amount: Decimal, currency: str = "EUR") -> str:
    """An amount as text with the decimals of its currency (ISO 4217), rounded half to even."""
    return str(amount.quantize(_CENTS.get(currency, _CENT)))

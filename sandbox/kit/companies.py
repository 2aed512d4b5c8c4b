"""Plainly generated sample companies: the same seed and index give the same company on every vendor.

Everything derives from (seed, index) alone, so any part of the series can be made without the rest. Names do not
repeat within a seed, and hardly between small seeds, because all seeds read one shuffled series of names from
far-apart places.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from sandbox.kit.words import COUNTRIES, FIRST_NAMES, KINDS, LAST_NAMES, NOUNS, TRADES, Country

_NAMES = len(KINDS) * len(NOUNS) * len(TRADES)
_STEP = 104_729
_SEED_STEP = int(_NAMES * 0.618) | 1
_FIRST_START = date(2025, 1, 1)

CONTACTS_PER_COMPANY = 2


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address with all parts set; `country` is ISO 3166-1 alpha-3."""

    line1: str
    line2: str | None
    city: str
    state: str
    postal_code: str
    country: str
    country_alpha2: str
    country_name: str


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    email: str
    title: str
    phone: str


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    monthly_price: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """A company's one subscription: `quantity` units of `product` for `term_months` from `starts_on`."""

    name: str
    product: Product
    quantity: int
    starts_on: date
    term_months: int
    active: bool

    @property
    def mrr(self) -> Decimal:
        """Monthly recurring revenue in the company's currency."""
        return self.product.monthly_price * self.quantity


@dataclass(frozen=True, slots=True)
class Line:
    product: Product
    description: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Company:
    """One sample company. `contacts[0]` is the primary one."""

    seed: int
    index: int
    name: str
    domain: str
    phone: str
    currency: str
    tax_rate: Decimal
    address: Address
    contacts: tuple[Person, ...]
    plan: Plan
    lines: tuple[Line, ...]
    invoice_date: date

    @property
    def reference(self) -> str:
        """A short text that is unique over all seeds."""
        return f"S{self.seed}-{self.index:06d}"

    @property
    def website(self) -> str:
        return f"https://www.{self.domain}"


PRODUCTS = tuple(
    Product(sku, name, Decimal(price))
    for sku, name, price in (
        ("SEAT-STD", "Standard seat", "19.00"),
        ("SEAT-PRO", "Professional seat", "49.00"),
        ("PLATFORM", "Platform fee", "450.00"),
        ("SUPPORT", "Priority support", "120.00"),
        ("STORAGE", "Storage, 100 GB", "7.50"),
        ("API-PACK", "API package", "85.25"),
    )
)


@lru_cache(maxsize=4096)
def company(seed: int, index: int) -> Company:
    """The company number `index` (from 0) of `seed`."""
    rng = random.Random(f"{seed}:{index}")
    country = COUNTRIES[rng.randrange(len(COUNTRIES))]
    words = _words(seed, index)
    domain = "-".join(word.lower() for word in words) + ".example"
    return Company(
        seed=seed,
        index=index,
        name=f"{' '.join(words)} {rng.choice(country.legal_forms)}",
        domain=domain,
        phone=_phone(rng, country),
        currency=country.currency,
        tax_rate=country.tax_rate,
        address=_address(rng, country),
        contacts=_contacts(rng, country, domain),
        plan=_plan(rng, words),
        lines=_lines(rng),
        invoice_date=_FIRST_START + timedelta(days=rng.randrange(300)),
    )


def contact_place(index: int) -> tuple[int, int]:
    """Which company's which contact the sample contact number `index` is."""
    return divmod(index, CONTACTS_PER_COMPANY)


def _words(seed: int, index: int) -> list[str]:
    """A name of three words; from the second round of the series on, the round's number follows."""
    series, place = divmod(index, _NAMES)
    place = (place * _STEP + seed * _SEED_STEP * _STEP) % _NAMES
    place, trade = divmod(place, len(TRADES))
    kind, noun = divmod(place, len(NOUNS))
    words = [KINDS[kind], NOUNS[noun], TRADES[trade]]
    return [*words, str(series + 1)] if series else words


def _phone(rng: random.Random, country: Country) -> str:
    return f"{country.dialling_code} 555 01{rng.randrange(100):02d} {rng.randrange(1000):03d}"


def _address(rng: random.Random, country: Country) -> Address:
    city, state, postal_start = rng.choice(country.places)
    digits = "".join(str(rng.randrange(10)) for _ in range(country.postal_digits))
    return Address(
        line1=f"{rng.randrange(1, 200)} {rng.choice(NOUNS)} {rng.choice(country.streets)}",
        line2=f"Unit {rng.randrange(1, 40)}" if rng.random() < 0.3 else None,
        city=city,
        state=state,
        postal_code=f"{postal_start}{digits}{country.postal_end}",
        country=country.alpha3,
        country_alpha2=country.alpha2,
        country_name=country.name,
    )


def _contacts(rng: random.Random, country: Country, domain: str) -> tuple[Person, ...]:
    people = []
    for first, title in zip(
        rng.sample(FIRST_NAMES, CONTACTS_PER_COMPANY), ("Finance Director", "Operations Manager"), strict=True
    ):
        last = rng.choice(LAST_NAMES)
        people.append(Person(first, last, f"{first}.{last}@{domain}".lower(), title, _phone(rng, country)))
    return tuple(people)


def _plan(rng: random.Random, words: list[str]) -> Plan:
    product = rng.choice(PRODUCTS)
    return Plan(
        name=f"{' '.join(words[:2])} {product.name}",
        product=product,
        quantity=rng.randrange(1, 60),
        starts_on=_FIRST_START + timedelta(days=rng.randrange(365)),
        term_months=rng.choice((12, 12, 24, 36)),
        active=rng.random() < 0.9,
    )


def _lines(rng: random.Random) -> tuple[Line, ...]:
    products = rng.sample(PRODUCTS, rng.randrange(1, 4))
    return tuple(Line(product, product.name, rng.randrange(1, 20), product.monthly_price) for product in products)

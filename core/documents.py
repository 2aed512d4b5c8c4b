"""Money documents (ADR 10): lines as both sides hold them, totals to the cent, and the ids of allocations.

A line never passes as a vendor's own row through the engine. Alguna's lines are `AlgunaLine`s, a provider's are
`ExternalLine`s whatever the vendor; `core.invoice_lines` carries one into the other. All amounts exclude tax.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, ClassVar, Final, Self, TypeVar

from core.errors import FieldValidation
from core.money import round_amount, to_decimal
from core.problems import did_you_mean
from core.values import Value, is_blank

ROUNDING_DESCRIPTION: Final = "Rounding"
"""What a rounding line is called on the vendor's document."""

_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What both forms of a line have in common: `amount` is what it costs without tax, `tax` the tax on it."""

    _numbers: ClassVar[frozenset[str]] = frozenset({"quantity", "unitPrice", "amount", "tax", "taxRate"})

    description: str | None = None
    quantity: Decimal = Decimal(1)
    unit_price: Decimal
    amount: Decimal
    tax: Decimal | None = None

    @classmethod
    def parse(cls, value: Value, number: int = 1) -> Self:
        """Read one line of a field's value; `number` (from 1) names it in errors.

        `quantity` is 1 and `amount` is quantity × unitPrice where they are missing. Raises FieldValidation for what is
        no line, for an unknown key, and for a number that is none.
        """
        if not isinstance(value, dict):
            raise FieldValidation(f"line {number} is no object with the keys of a line")
        keys = _keys(cls)
        unknown = sorted(set(value) - keys.keys())
        if unknown:
            raise FieldValidation(f"line {number} has no `{unknown[0]}`" + did_you_mean(unknown[0], keys))
        found: dict[str, Any] = {}
        for key, given in value.items():
            if not is_blank(given):
                found[keys[key]] = _number(given, key, number) if key in cls._numbers else str(given)
        quantity = found.setdefault("quantity", Decimal(1))
        if "unit_price" not in found and "amount" not in found:
            raise FieldValidation(f"line {number} has neither `unitPrice` nor `amount`")
        if "unit_price" not in found:
            found |= {"unit_price": found["amount"], "quantity": Decimal(1)}
        found.setdefault("amount", quantity * found["unit_price"])
        return cls(**found)

    def value(self) -> dict[str, Value]:
        """Return the line as a field's value holds it: camelCase keys, blanks left out, numbers exact."""
        return {key: given for key, name in _keys(type(self)).items() if not is_blank(given := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgunaLine(_Line):
    """One item of `lineItems`. `tax_rate` is a percentage; `tax_type` a word such as `vat` or `reverse_charge`.

    `product_id` or `sku` names the product; a line may have none.
    """

    tax_rate: Decimal | None = None
    tax_type: str | None = None
    product_id: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalLine(_Line):
    """One line of a provider's document, in words that every provider shares.

    `item` is the vendor's own reference of its item as its documents carry it (QuickBooks Item.Id, NetSuite item id,
    Xero ItemCode), `sku` the stock-keeping code of that item; a line to be written has one of them, or neither where
    the account says enough. `tax_code` is the vendor's (None: no tax), `account` its account's id or code.
    """

    item: str | None = None
    sku: str | None = None
    tax_code: str | None = None
    account: str | None = None


def alguna_lines(value: Value) -> list[AlgunaLine]:
    """Read the value of `lineItems`; blank is no lines. Raises FieldValidation."""
    return [AlgunaLine.parse(one, number) for number, one in enumerate(_listed(value), start=1)]


def external_lines(value: Value) -> list[ExternalLine]:
    """Read the value of a provider's field of lines; blank is no lines. Raises FieldValidation."""
    return [ExternalLine.parse(one, number) for number, one in enumerate(_listed(value), start=1)]


def line_values(lines: Iterable[AlgunaLine | ExternalLine]) -> list[Value]:
    """Return lines as a field's value, as `Record.fields` and `Operation.values` hold it."""
    return [line.value() for line in lines]


def same_money(ours: Value, theirs: Value) -> bool:
    """Whether two fields of lines of either form charge the same amounts, in any order; lines of nothing count not."""
    amounts = []
    for value in (ours, theirs):
        listed = [one for one in _listed(value) if isinstance(one, dict)]
        amounts.append(sorted(amount for one in listed if (amount := _amount_of(one))))
    return amounts[0] == amounts[1]


L = TypeVar("L", AlgunaLine, ExternalLine)


class TaxRounding(StrEnum):
    """Where a system rounds tax: on each line, once for each rate, or once for the document."""

    PER_LINE = "per_line"
    PER_RATE = "per_rate"
    PER_DOCUMENT = "per_document"


@dataclass(frozen=True, slots=True)
class Totals:
    """What a document comes to."""

    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """Net and tax together."""
        return self.net + self.tax


def compute_totals(
    lines: Iterable[tuple[Decimal, Decimal]],
    *,
    rounding: TaxRounding,
    currency: str | None,
    places: int | None = None,
    mode: str = ROUND_HALF_UP,
) -> Totals:
    """Return what a system makes of lines, given as (amount without tax, tax rate as a percentage).

    Amounts are rounded to the currency's minor units, or to `places` decimals where the system has its own (Xero keeps
    two for every currency); `mode` is a rounding mode of `decimal`.
    """

    def rounded(amount: Decimal) -> Decimal:
        return round_document(amount, currency, places=places, mode=mode)

    rows = [(rounded(amount), rate) for amount, rate in lines]
    net = sum((amount for amount, _ in rows), Decimal(0))
    if rounding is TaxRounding.PER_LINE:
        return Totals(net, sum((rounded(amount * rate / _HUNDRED) for amount, rate in rows), Decimal(0)))
    taxes: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for amount, rate in rows:
        taxes[rate.normalize()] += amount * rate / _HUNDRED
    if rounding is TaxRounding.PER_RATE:
        return Totals(net, sum((rounded(tax) for tax in taxes.values()), Decimal(0)))
    return Totals(net, rounded(sum(taxes.values(), Decimal(0))))


def round_document(
    amount: Decimal, currency: str | None, *, places: int | None = None, mode: str = ROUND_HALF_UP
) -> Decimal:
    """Round an amount to the currency's minor units, or to `places` decimals, with a mode of `decimal`.

    Raises FieldValidation for an amount with more digits than can be computed exactly.
    """
    if places is None and mode == ROUND_HALF_UP:
        return round_amount(amount, currency)
    quantum = round_amount(Decimal(0), currency) if places is None else Decimal(1).scaleb(-places)
    try:
        return amount.quantize(quantum, rounding=mode)
    except InvalidOperation:
        raise FieldValidation(f"{amount} has too many digits for an amount") from None


def rounding_amount(
    expected: Value,
    made: Totals,
    *,
    currency: str | None,
    allowance: Decimal,
    system: str,
    source: str = "Alguna",
) -> Decimal:
    """Return what a rounding line must add so that the vendor's total is the expected one; 0 where they agree.

    `expected` is the source's total, `made` what the vendor will make of the lines, `allowance` the largest difference
    that the vendor's rounding explains (0: none). Raises FieldValidation with both totals for any larger one, or when
    there is no total to compare with.
    """
    if is_blank(expected):
        raise FieldValidation(f"the document has no total in {source} to compare with")
    wanted = to_decimal(expected)
    apart = wanted - made.total
    if abs(apart) <= allowance:
        return apart
    unit, wanted = f" {currency}" if currency else "", max(wanted, round_amount(wanted, currency), key=_decimals)
    raise FieldValidation(
        f"the document comes to {wanted:f}{unit} in {source}, but would come to {made.total:f}{unit} in {system} "
        f"(net {made.net:f}, tax {made.tax:f}): {abs(apart):f} apart; check tax rates, taxMap, quantities and prices"
    )


def _decimals(amount: Decimal) -> int:
    """How many decimals an amount is written with."""
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def rounding_line(amount: Decimal, account: str | None, *, item: str | None = None) -> ExternalLine:
    """Return the line that carries a rounding difference: without tax, on the vendor's rounding account or item."""
    return ExternalLine(description=ROUNDING_DESCRIPTION, unit_price=amount, amount=amount, account=account, item=item)


def fit_price(line: L, *, currency: str | None, decimals: int | None = None, half_up: bool = True) -> L:
    """Return the line so that quantity × unit price, as the system that gets it computes, is exactly its amount.

    `decimals` is how many that system keeps of a unit price (None: all); `half_up` is False where nobody knows how it
    rounds halves. Where the product would, or might, come to another amount, the line becomes one of its whole amount,
    and what it was is put into the description.
    """
    price = line.unit_price if decimals is None else round_document(line.unit_price, currency, places=decimals)
    product = line.quantity * price
    fits = round_amount(product, currency) == round_amount(line.amount, currency)
    if fits and (
        half_up or product == line.amount or round_document(product, currency, mode=ROUND_HALF_DOWN) == line.amount
    ):
        return replace(line, unit_price=price)
    spelled = f"{line.quantity.normalize():f} × {line.unit_price.normalize():f}"
    described = f"{line.description} ({spelled})" if line.description else spelled
    return replace(line, quantity=Decimal(1), unit_price=line.amount, description=described)


def allocation_id(payment_id: str, invoice_id: str | None) -> str:
    """Return the id of an allocation, the unit of `payments`: `{payment}:{invoice}`; of a payment that settles no
    invoice, the payment's own id."""
    return _escaped(payment_id) if invoice_id is None else f"{_escaped(payment_id)}:{_escaped(invoice_id)}"


def split_allocation(record_id: str) -> tuple[str, str | None]:
    """Return (payment id, invoice id) of an allocation's id; the invoice is None where a whole payment is named."""
    payment, _, invoice = record_id.partition(":")
    return _unescaped(payment), _unescaped(invoice) or None


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def _unescaped(part: str) -> str:
    return part.replace("%3A", ":").replace("%25", "%")


def _listed(value: Value) -> Sequence[Any]:
    if is_blank(value):
        return []
    if not isinstance(value, list):
        raise FieldValidation("the lines are no list")
    return value


def _keys(kind: type[_Line]) -> Mapping[str, str]:
    """The keys of a line's value, by camelCase name."""
    return {_camel(one.name): one.name for one in fields(kind)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _number(value: Any, key: str, number: int) -> Decimal:
    try:
        return to_decimal(value)
    except FieldValidation as error:
        raise FieldValidation(f"line {number}: `{key}` {error.message}") from error


def _amount_of(line: Mapping[str, Any]) -> Decimal | None:
    try:
        return to_decimal(line["amount"])
    except (KeyError, FieldValidation):
        return None

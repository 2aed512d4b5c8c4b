"""The lines of an invoice: what each must have, and the subtotal that QuickBooks adds (sheet 2)."""

from decimal import Decimal
from typing import Any

from sandbox.quickbooks.books import Books
from sandbox.quickbooks.errors import QuickBooksError, business, missing
from sandbox.quickbooks.schema import ITEM, TAX_CODE
from sandbox.quickbooks.values import cents, day, decimal, number, reference

SALE, DESCRIPTION, DISCOUNT, GROUP = "SalesItemLineDetail", "DescriptionOnly", "DiscountLineDetail", "GroupLineDetail"
_SUBTOTAL = "SubTotalLineDetail"
_CARRYING = (SALE, GROUP, DESCRIPTION)
_MOST_TAXED, _MOST_TEXT = 750, 4000
US_CODES = ("TAX", "NON")
Line = dict[str, Any]


def checked(books: Books, raw: Any, before: list[Line], *, untaxed: bool) -> list[Line]:
    """The lines to store, without the subtotal. Existing ids stay, all others are new lines (sheet 2, 8.1).

    `untaxed` is an invoice outside the scope of tax. Raises QuickBooksError.
    """
    sent = [one for one in raw or [] if isinstance(one, dict) and one.get("DetailType") != _SUBTOTAL]
    if not any(one.get("DetailType") in _CARRYING for one in sent):
        raise missing("Line")
    if len(sent) > _MOST_TAXED:
        raise business(f"A taxable transaction has at most {_MOST_TAXED} lines.", "Line")
    known = {one["Id"] for one in before}
    lines = [_line(books, one, untaxed=untaxed) for one in sent]
    next_id = max((int(one) for one in known), default=0) + 1
    for place, (one, line) in enumerate(zip(sent, lines, strict=True), start=1):
        held = str(one.get("Id") or "")
        if held not in known:
            held, next_id = str(next_id), next_id + 1
        lines[place - 1] = {"Id": held, "LineNum": place, **line}
    return lines


def subtotal(lines: list[Line]) -> Decimal:
    """The sum before discounts and tax."""
    return sum((amount_of(one) for one in lines if one["DetailType"] in (SALE, GROUP)), Decimal(0))


def discount(lines: list[Line]) -> Decimal:
    """What discount lines take off the subtotal."""
    total, taken = subtotal(lines), Decimal(0)
    for one in lines:
        if one["DetailType"] == DISCOUNT:
            detail = one[DISCOUNT]
            percent = Decimal(str(detail.get("DiscountPercent", 0)))
            taken += cents(total * percent / 100) if detail.get("PercentBased") else amount_of(one)
    return taken


def with_subtotal(lines: list[Line]) -> list[Line]:
    """As read: with the line that has no id."""
    return [*lines, {"Amount": number(subtotal(lines)), "DetailType": _SUBTOTAL, _SUBTOTAL: {}}]


def amount_of(line: Line) -> Decimal:
    return Decimal(str(line.get("Amount", 0)))


def zeroed(lines: list[Line]) -> list[Line]:
    """The lines of a voided invoice: amounts and quantities are 0."""
    found = []
    for one in lines:
        line = {**one, "Amount": 0.0}
        if SALE in one:
            line[SALE] = {**one[SALE], "Qty": 0}
        found.append(line)
    return found


def _line(books: Books, raw: Line, *, untaxed: bool) -> Line:
    kind = str(raw.get("DetailType"))
    line: Line = {}
    text = str(raw.get("Description") or "")
    if len(text) > _MOST_TEXT:
        message = "String length is either shorter or longer than supported by specification"
        raise QuickBooksError("2050", message, f"Max:{_MOST_TEXT} supported", element="Line.Description")
    if text:
        line["Description"] = text
    if kind == DESCRIPTION:
        return {**line, "DetailType": kind, "DescriptionLineDetail": {}}
    amount = decimal(raw.get("Amount"), "Line.Amount")
    if kind == SALE:
        return line | _sale(books, raw, amount, untaxed=untaxed)
    if kind == DISCOUNT:
        return line | _discount(raw, amount)
    if kind == GROUP:
        return {**line, "Amount": number(cents(amount or Decimal(0))), "DetailType": kind, GROUP: raw.get(GROUP) or {}}
    raise QuickBooksError("2170", "Invalid Enumeration", f"Invalid Enumeration : {kind}", element="Line.DetailType")


def _sale(books: Books, raw: Line, amount: Decimal | None, *, untaxed: bool) -> Line:
    sent = raw.get(SALE) or {}
    detail: Line = {}
    item = reference(sent.get("ItemRef"), "Line.SalesItemLineDetail.ItemRef")
    if item is None:
        # A line without an item documents only; its amount is ignored.
        return {"DetailType": DESCRIPTION, "DescriptionLineDetail": {}}
    row = books.refer(ITEM, item["value"], "Line.SalesItemLineDetail.ItemRef")
    detail["ItemRef"] = item
    quantity = decimal(sent.get("Qty"), "Line.SalesItemLineDetail.Qty")
    price = decimal(sent.get("UnitPrice"), "Line.SalesItemLineDetail.UnitPrice")
    if quantity and price is not None:
        if amount is not None and cents(quantity * price) != cents(amount):
            detail_text = f"Amount is not equal to UnitPrice * Qty. Supplied value:{amount}"
            raise QuickBooksError("6070", "Amount calculation incorrect in the request", detail_text,
                                  element="Line.Amount")  # fmt: skip
        detail |= {"UnitPrice": number(price), "Qty": number(quantity)}
    if amount is None:
        raise missing("Line.Amount")
    service = day(sent.get("ServiceDate"), "Line.SalesItemLineDetail.ServiceDate")
    if service:
        detail["ServiceDate"] = service
    code = reference(sent.get("TaxCodeRef"), "Line.SalesItemLineDetail.TaxCodeRef")
    detail["TaxCodeRef"] = {"value": _tax_code(books, code["value"] if code else None, row.values, untaxed=untaxed)}
    return {"Amount": number(cents(amount)), "DetailType": SALE, SALE: detail}


def _tax_code(books: Books, code: str | None, item: Line, *, untaxed: bool) -> str:
    """US lines say TAX or NON; everywhere else a line names its tax code (sheet 8.2)."""
    if not books.setup.line_taxes:
        if code is not None and code not in US_CODES:
            detail = "Line tax codes must be TAX or NON for a company in the United States"
            raise QuickBooksError("6100", "Invalid tax code", detail, element="Line.SalesItemLineDetail.TaxCodeRef")
        return code or ("TAX" if item.get("Taxable") else "NON")
    if untaxed:
        return "NON"
    if code is None:
        raise business("Make sure all your transactions have a tax rate before you save.", "TaxCodeRef")
    books.refer(TAX_CODE, code, "Line.SalesItemLineDetail.TaxCodeRef")
    return code


def _discount(raw: Line, amount: Decimal | None) -> Line:
    detail = raw.get(DISCOUNT) or {}
    percent = decimal(detail.get("DiscountPercent"), "Line.DiscountLineDetail.DiscountPercent")
    if bool(detail.get("PercentBased")) and percent is None:
        raise QuickBooksError("6090", "Discount incomplete", element="Line.DiscountLineDetail")
    if not detail.get("PercentBased") and amount is None:
        raise missing("Line.Amount")
    kept: Line = {"PercentBased": bool(detail.get("PercentBased"))}
    if percent is not None:
        kept["DiscountPercent"] = number(percent)
    return {"Amount": number(cents(amount or Decimal(0))), "DetailType": DISCOUNT, DISCOUNT: kept}

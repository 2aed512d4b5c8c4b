"""Zero and huge amounts (`make test-chaos`): agreement to the last unit, or an error that names record and field (I6).

Nothing is ever rounded in silence, and no binary fraction is seen by anybody.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.records import Entity, Side
from tests.chaos.deals import deals
from tests.chaos.tills import TILLS, Till, counter
from tests.engine.local import Local

pytestmark = pytest.mark.timeout(300)
of_each_till = pytest.mark.parametrize("till", TILLS, ids=lambda till: till.provider)
of_each_crm = pytest.mark.parametrize(
    ("provider", "amount"), [("salesforce", "Amount"), ("hubspot", "amount")], ids=["salesforce", "hubspot"]
)
ORDINARY = ("0.01", "0.10", "19.99", "1234567.89")
# Of this one a person takes less than a cent.
SHAVED = "5.00"
AMOUNTS = (
    *ORDINARY,
    "0",
    "-0.01",
    "-10.00",
    # More decimals than the currency has.
    "1.005",
    "0.0001",
    "33.333333",
    # Xero's largest line, and the next; QuickBooks' fifteen digits, and the next.
    "9999999999.99",
    "10000000000.00",
    "9999999999999.99",
    "10000000000000.01",
    # What a binary fraction cannot hold any more.
    "90071992547409.93",
    "99999999999999999999.99",
    "1E+30",
    "1E+400",
)


@of_each_till
@pytest.mark.parametrize("side", list(Side))
async def test_i6_amounts_of_invoices_agree_to_the_last_unit_or_are_told(
    tmp_path: Path, till: Till, side: Side
) -> None:
    async with counter(tmp_path, till) as books:
        await books.bill(side, AMOUNTS)
        agreed, silent = await books.judge(Entity.INVOICES)
        assert silent == []
        assert {Decimal(one) for one in ORDINARY} <= set(agreed)
        await books.quiet()
        assert await books.judge(Entity.INVOICES) == (agreed, []), "neither grows nor ends by itself"


@of_each_till
@pytest.mark.parametrize("side", list(Side))
async def test_i6_amounts_of_payments_agree_to_the_last_unit_or_are_told(
    tmp_path: Path, till: Till, side: Side
) -> None:
    async with counter(tmp_path, till) as books:
        await books.bill(side, (*AMOUNTS, SHAVED))
        linked = await books.linked(side, Entity.INVOICES)
        held = await books.amounts(side, Entity.INVOICES)
        payable = {one: total for one, total in held.items() if total > 0 and one in linked}
        for invoice_id, total in payable.items():
            parts = ["0", "-1", "0.01", str(total - Decimal("0.01")), str(total)]
            for part in ["0.001"] if total == Decimal(SHAVED) else parts:
                await books.pay(side, invoice_id, part)
        await books.sync()
        agreed, silent = await books.judge(Entity.PAYMENTS)
        assert silent == []
        assert {Decimal("0.01"), Decimal("0.09"), Decimal("1234567.88")} <= set(agreed)
        await books.quiet()
        assert (await books.judge(Entity.PAYMENTS))[1] == []


@of_each_crm
async def test_i6_contract_values_agree_to_the_last_unit_or_are_told(
    tmp_path: Path, provider: str, amount: str
) -> None:
    async with deals(tmp_path, provider, amount) as crm:
        await crm.configure()
        for month in AMOUNTS:
            await crm.sell(month)
        await crm.world.sync()
        worth = await crm.worth()
        agreed, silent = await crm.judge(worth)
        assert silent == []
        assert {Decimal(one) * 12 for one in ORDINARY} <= set(agreed)
        await _quiet(crm.world)
        assert await crm.judge(worth) == (agreed, [])


@of_each_crm
async def test_i6_amounts_that_people_enter_in_a_crm_agree_to_the_last_digit_or_are_told(
    tmp_path: Path, provider: str, amount: str
) -> None:
    async with deals(tmp_path, provider, amount) as crm:
        await crm.configure_back()
        for _ in AMOUNTS:
            await crm.sell("0")
        await crm.world.sync()
        entered = [
            month for month, deal in zip(AMOUNTS, await crm.valued(), strict=True) if await crm.value(deal, month)
        ]
        assert set(ORDINARY) <= set(entered)
        await crm.world.sync()
        agreed, silent = await crm.judge(await crm.kept())
        assert silent == []
        assert {Decimal(one) for one in ORDINARY} <= set(agreed)
        await _quiet(crm.world)
        assert await crm.judge(await crm.kept()) == (agreed, [])


async def _quiet(world: Local) -> None:
    """A further sync writes nothing to either side (I4)."""
    await world.sync()
    await world.boxes.clear_calls()
    await world.sync()
    assert await world.boxes.writes() == []

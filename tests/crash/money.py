"""A sync of invoices and payments whose worker dies while people go on to bill, and how both systems are judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from core.documents import split_allocation
from core.records import Entity, Side
from store import links, writes
from store.errors import count_open_errors
from store.links import LinkState
from store.scope import Scope
from tests.crash.documents import DESKS, AlgunaDesk, Desk
from tests.crash.killing import Killing
from tests.engine.world import INTEGRATION

ACCOUNTS, INVOICES, PAYMENTS = ENTITIES = (Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS)
ACTS = ("issue", "bill", "pay", "receive", "take_back", "amend", "void")
"""What people do: invoices and payments in Alguna and at the provider, payments that fail, edits and voids."""


@dataclass
class Bill:
    """An invoice as people know it: where it began, what they last wrote on it, and each payment of it.

    `desk` is where people work on it once both sides have it, so that nothing is contested.
    """

    number: int
    side: Side
    id: str
    currency: str
    amount: Decimal
    text: str
    desk: Side
    void: bool = False
    paid: list[Decimal] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        """What remains to be paid."""
        return self.amount - sum(self.paid)


@dataclass(kw_only=True)
class MoneyTrial(Killing):
    """Money under kills. `acts` are what people do, in turn; each has its own share of the bills."""

    acts: tuple[str, ...]
    customers: list[tuple[str, str]] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    done: int = 0
    edits: int = 0
    last_act: float = 0.0

    def __post_init__(self) -> None:
        """Open the desks of both sides."""
        desk, text = DESKS[self.system.provider]
        external = desk(self.world.boxes)
        self.alguna = AlgunaDesk(self.world.boxes, text)
        self.desks: dict[Side, Desk] = {Side.ALGUNA: self.alguna, Side.EXTERNAL: external}
        self.currencies = list(external.fractions)

    async def begin(self, stock: int, payments: int = 0) -> None:
        """Let both sides have a customer of each currency and so many bills, of so many payments each; then go on."""
        options = {"accounts": self.system.options, **self.desks[Side.EXTERNAL].options}
        # Here people void in bulk, and mean it.
        more = {"entityOptions": options, "deleteGuard": {"share": 1.0}}
        await self.world.configure(*(entity.value for entity in ENTITIES), **more)
        for _ in self.currencies:
            await self._customer()
        async with self.world.worker():
            await self.world.sync()
            for number in range(stock):
                await (self.issue() if number // len(self.acts) % 2 else self.bill())
            await self.world.sync()
            await self._issued()
            for bill, link in await self._known(self.bills):
                for _ in range(payments):
                    await self.pay(bill, link)
            await self.world.sync()
        await self.more()

    async def meanwhile(self) -> None:
        """People do one thing more of each kind."""
        await self.act(len(self.acts))

    async def more(self) -> None:
        """People do enough for several chunks."""
        await self.act(6)

    def told(self) -> dict[str, int]:
        """Return the kills, the edits of people, and the documents they made."""
        payments = sum(len(bill.paid) for bill in self.bills)
        return {"kills": len(self.kills), "edits": self.edits, "invoices": len(self.bills), "payments": payments}

    async def act(self, times: int) -> None:
        """Let people do so many things, of each kind in turn. Who finds no bill to work on issues one."""
        for _ in range(times):
            name = self.acts[self.done % len(self.acts)]
            found = await self._open(name)
            if name == "bill":
                await self.bill()
            elif name == "issue" or not found:
                await self.issue()
            else:
                # Twice in a row the same one: two payments of one amount and day are none the less two.
                await getattr(self, name)(*found[self.done // 2 % len(found)])
            self.done += 1
        self.last_act = time.monotonic()

    async def issue(self) -> None:
        """Alguna issues an invoice, every other one to a new customer."""
        if len(self.bills) % 2:
            await self._customer()
        await self._write(Side.ALGUNA, *self.customers[-1])

    async def bill(self) -> None:
        """The provider's people write an invoice to a customer that both sides have."""
        customer, currency = self.customers[len(self.bills) % len(self.currencies)]
        pairs = await self._pairs(ACCOUNTS, Side.ALGUNA, [customer])
        await self._write(Side.EXTERNAL, pairs[customer].external_id, currency)

    async def pay(self, bill: Bill, link: LinkState) -> None:
        """A payment comes in Alguna."""
        await self._pay(Side.ALGUNA, bill, link, 5)

    async def receive(self, bill: Bill, link: LinkState) -> None:
        """A payment comes at the provider."""
        await self._pay(Side.EXTERNAL, bill, link, 7)

    async def take_back(self, bill: Bill, link: LinkState) -> None:
        """A payment in Alguna turns out to have failed; where both sides have none yet, one comes."""
        amounts = await self.alguna.allocations(link.alguna_id)
        known = await self._pairs(PAYMENTS, Side.ALGUNA, amounts)
        if not known:
            await self.pay(bill, link)
            return
        bill.paid.remove(amounts[min(known)])
        await self.alguna.take_back(split_allocation(min(known))[0])

    async def amend(self, bill: Bill, link: LinkState) -> None:
        """Somebody changes what is written on an invoice, on one of the sides."""
        self.edits += 1
        bill.text = f"Amended {self.edits}"
        await self.desks[bill.desk].note(link.id_on(bill.desk), bill.text)

    async def void(self, bill: Bill, link: LinkState) -> None:
        """Somebody voids an invoice, on one of the sides."""
        bill.void = True
        await self.desks[bill.desk].void(link.id_on(bill.desk))

    async def check(self) -> None:
        """Judge: each document once, equal in both systems and as people wrote it; nothing open; a quiet pass."""
        async with self.world.worker():
            await self._issued()
            await self.world.sync()
            await self._judge_documents()
            await self._judge_store()
            await self.world.boxes.clear_calls()
            run = await self.world.sync()
        assert run.status == "completed", run.problem
        assert await self.world.boxes.writes() == []

    async def _judge_documents(self) -> None:
        seen = {side: await desk.invoices() for side, desk in self.desks.items()}
        paid = {side: await desk.payments() for side, desk in self.desks.items()}
        payments = sum(len(bill.paid) for bill in self.bills)
        assert [len(seen[side]) for side in Side] == [len(self.bills)] * 2, "invoices twice or lost"
        assert [len(paid[side]) for side in Side] == [payments] * 2, "payments twice or lost"
        linked = [await self.world.linked(entity) for entity in ENTITIES]
        standing = [bill for bill in self.bills if not bill.void]
        assert linked == [len(self.customers), len(standing), payments], "links twice or lost"
        customers = await self._pairs(ACCOUNTS, Side.ALGUNA, [customer for customer, _ in self.customers])
        known = await self._known(self.bills)
        assert len(known) == len(self.bills), "an invoice without a partner"
        for bill, link in known:
            ours, theirs = (seen[side][link.id_on(side)] for side in (Side.ALGUNA, Side.EXTERNAL))
            assert customers[ours.customer].external_id == theirs.customer, "another customer's"
            assert ours.void == theirs.void == bill.void, f"voided on one side only: {bill}"
            if not bill.void:
                assert ours.total == theirs.total == bill.amount, f"another total: {bill}"
                assert ours.open == theirs.open == bill.left, f"another amount is open: {bill}"
                assert ours.text == theirs.text == bill.text, f"lost edit: {bill}"
            for side in Side:
                amounts = sorted(amount for invoice, amount in paid[side] if invoice == link.id_on(side))
                assert amounts == sorted(bill.paid), f"other payments than people recorded: {bill}"

    async def _judge_store(self) -> None:
        """Nothing is open, for a person or of unknown outcome."""
        async with self.world.services.db.session() as session:
            for entity in ENTITIES:
                scope = Scope(INTEGRATION, entity)
                assert await writes.count_open(session, scope) == 0
                assert await writes.unsettled(session, scope) == []
                assert await count_open_errors(session, scope) == 0

    async def _customer(self) -> None:
        number = len(self.customers)
        currency = self.currencies[number % len(self.currencies)]
        self.customers.append((await self.alguna.customer(f"Harbor {number} Ltd", currency), currency))

    async def _write(self, side: Side, customer: str, currency: str) -> None:
        """Invoices of one currency all have one amount, so that only what is written on them tells them apart."""
        number = len(self.bills)
        amount, text = 100 + self.desks[Side.EXTERNAL].fractions[currency], f"Job {number}"
        made = await self.desks[side].issue(customer, currency, amount, text)
        desk = tuple(Side)[number // len(self.acts) % 2]
        self.bills.append(Bill(number, side, made, currency, amount, text, desk))

    async def _pay(self, side: Side, bill: Bill, link: LinkState, units: int) -> None:
        """Every fourth payment settles all that is left; those before are equal on odd bills, different on even ones.

        Equal ones are easily taken for each other; of different ones, none can take the place of one too many.
        """
        part = units + (0 if bill.number % 2 else len(bill.paid)) + self.desks[Side.EXTERNAL].fractions[bill.currency]
        amount = bill.left if len(bill.paid) == 3 else part
        bill.paid.append(amount)
        await self.desks[side].pay(link.id_on(side), amount)

    async def _open(self, act: str) -> list[tuple[Bill, LinkState]]:
        """The bills of this act's share that both sides have and that wait for money."""
        waiting = await self.alguna.unsettled()
        mine = [bill for bill in self.bills if bill.number % len(self.acts) == self.acts.index(act)]
        known = await self._known([bill for bill in mine if not bill.void and bill.left])
        return [(bill, link) for bill, link in known if link.alguna_id in waiting]

    async def _known(self, bills: list[Bill]) -> list[tuple[Bill, LinkState]]:
        """Those of the bills that have a partner."""
        pairs = {
            side: await self._pairs(INVOICES, side, [one.id for one in bills if one.side is side]) for side in Side
        }
        return [(bill, pairs[bill.side][bill.id]) for bill in bills if bill.id in pairs[bill.side]]

    async def _pairs(self, entity: Entity, side: Side, ids: Collection[str]) -> dict[str, LinkState]:
        """The links of these records, and what is left of those of voided ones."""
        scope = Scope(INTEGRATION, entity)
        async with self.world.services.db.session() as session:
            ended = await links.tombstoned(session, scope, side, ids)
            return ended | await links.active(session, scope, side, ids)

    async def _issued(self) -> None:
        """Wait until Alguna has issued what is on its way."""
        async with asyncio.timeout(15):
            while await self.alguna.issuing():
                await asyncio.sleep(0.1)

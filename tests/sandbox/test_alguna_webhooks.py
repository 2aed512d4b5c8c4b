"""The Alguna sandbox's webhooks: signed the Svix way, in the shapes that the SDK has models for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
from alguna.core.unchecked_base_model import construct_type
from alguna.webhooks import (
    WebhookInvoiceIssuedPayload,
    WebhookInvoicePaidPayload,
    WebhookPaymentCreatedPayload,
    WebhookSubscriptionActivatedPayload,
    WebhookSubscriptionUpdatedPayload,
)
from standardwebhooks.webhooks import Webhook

from tests.sandbox.alguna_client import Running, running_alguna


@dataclass
class Receiver:
    """Takes deliveries on a loopback port; `refusals` of them are answered with a 500 first."""

    secret: str
    url: str = ""
    refusals: int = 0
    attempts: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            headers = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:-2])
            raw = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
            body = await reader.readexactly(int(headers["content-length"]))
            self.attempts.append(headers["svix-id"])
            if self.refusals:
                self.refusals -= 1
                writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
                continue
            signed = {f"webhook-{name}": raw[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
            self.messages.append(Webhook(self.secret).verify(body, signed))
            self.arrived.set()
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def wait_for(self, *types: str) -> list[dict[str, Any]]:
        """The first message of each type, once all have come."""
        async with asyncio.timeout(10):
            while not set(types) <= {message["type"] for message in self.messages}:
                self.arrived.clear()
                await self.arrived.wait()
        return [next(one for one in self.messages if one["type"] == wanted) for wanted in types]


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


@pytest_asyncio.fixture
async def receiver(alguna: Running) -> AsyncIterator[Receiver]:
    receiver = Receiver(alguna.webhook_secret)
    server = await asyncio.start_server(_quietly(receiver.serve), "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    await alguna.control("POST", "webhooks", {"url": receiver.url})
    yield receiver
    await alguna.control("POST", "webhooks", {"url": None})
    server.close()


def _quietly(serve: Callable[..., Any]) -> Callable[..., Any]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    return connected


async def test_events_of_a_subscription(alguna: Running, receiver: Receiver) -> None:
    customer = await alguna.sdk.customers.create(name="Harbor Optics Ltd", currency="GBP")
    made = await alguna.sdk.subscriptions.create(customer_id=customer.id, currency="GBP", auto_activate=True)
    await alguna.sdk.subscriptions.update(made.id, name="Renamed")
    activated, updated, version = await receiver.wait_for(
        "subscription.activated", "subscription.updated", "subscription.version.updated"
    )
    read = construct_type(type_=WebhookSubscriptionUpdatedPayload, object_=updated)
    assert (read.data.id, read.data.account_id, read.data.name) == (made.id, customer.id, "Renamed")
    assert construct_type(type_=WebhookSubscriptionActivatedPayload, object_=activated).data.status == "active"
    assert version["data"] == {
        "id": made.current_version_id,
        "accountId": customer.id,
        "subscriptionId": made.id,
        "status": "published",
    }


async def test_events_of_an_invoice_and_its_payment(alguna: Running, receiver: Receiver) -> None:
    customer = await alguna.sdk.customers.create(name="Harbor Optics Ltd", currency="GBP")
    line = {"description": "Seats", "quantity": "2", "unit_price": "10.00"}
    invoice = await alguna.sdk.invoices.create(
        customer_id=customer.id,
        currency="GBP",
        status="issued",
        line_items=[line],  # type: ignore[list-item]
    )
    (issued,) = await receiver.wait_for("invoice.issued")
    assert construct_type(type_=WebhookInvoiceIssuedPayload, object_=issued).data.status == "issued"
    await alguna.sdk.invoices.mark_as_paid(invoice.id, external_payment_source="cash")
    created, paid = await receiver.wait_for("payment.created", "invoice.paid")
    payment = construct_type(type_=WebhookPaymentCreatedPayload, object_=created).data
    assert (payment.amount, payment.allocations[0].invoice_id) == ("20.00", invoice.id)
    assert construct_type(type_=WebhookInvoicePaidPayload, object_=paid).data.total == "20.00"


async def test_customers_and_seeding_send_nothing(alguna: Running, receiver: Receiver) -> None:
    for entity in ("contacts", "subscriptions", "payments"):
        await alguna.seed(entity, 5)
    customer = await alguna.sdk.customers.create(name="Harbor Optics Ltd", currency="GBP")
    await alguna.sdk.customers.update(customer.id, name="Renamed")
    draft = await alguna.sdk.subscriptions.create(customer_id=customer.id, currency="GBP")
    await alguna.sdk.subscriptions.update(draft.id, name="Last")
    await receiver.wait_for("subscription.updated")
    assert len(receiver.attempts) == 1


async def test_refused_delivery_is_sent_again_under_its_id(alguna: Running, receiver: Receiver) -> None:
    receiver.refusals = 1
    (subscription_id,) = await alguna.seed("subscriptions", 1)
    await alguna.control("PATCH", f"records/subscriptions/{subscription_id}", {"name": "By hand"})
    await receiver.wait_for("subscription.updated")
    assert len(receiver.attempts) == 2
    assert len(set(receiver.attempts)) == 1
    assert (await alguna.control("GET", "webhooks"))["failed"] == 0

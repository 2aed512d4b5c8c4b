"""QuickBooks' grants, limits, events and consent: renewed once, throttled in three shapes, signed, with its company."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.consent import begin, redeem
from connectors.events import BadSignatureError, Delivery
from connectors.protocols import Connector, FetchRequest
from connectors.quickbooks.consent import QuickBooksConsent
from connectors.quickbooks.errors import Failure
from connectors.quickbooks.events import QuickBooksEvents
from core.errors import AuthExpired, ErrorType, FieldValidation, Permission, RateLimit
from core.records import Entity
from tests.connectors.support import Control, MemoryTokens, Services

TOKEN = "/oauth2/v1/tokens/bearer"
ACCOUNTS = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["DisplayName"]}, None, full=False)
SECRET = "test-verifier-0001"
BODY = b'{"eventNotifications":[{"realmId":"310687"}]}'
# Made with openssl: printf BODY | openssl dgst -sha256 -hmac SECRET -binary | base64
SIGNATURE = "EWrl1h9y66tCaeB5monKlHYP5uvebxWR3LxSxLlXlKk="
NOW = datetime(2026, 11, 30, tzinfo=UTC)


async def with_values(quickbooks: Control, **values: str) -> Services:
    return Services(MemoryTokens("int_quickbooks", {**await quickbooks.credentials(), **values}))


async def set_up(quickbooks: Control, **switches: object) -> None:
    setup = await quickbooks.get("records/setup/company")
    await quickbooks.post("records/setup", {**setup, **switches})


async def test_p22_four_workers_renew_one_expired_token_once(quickbooks: Control) -> None:
    await set_up(quickbooks, refreshRotationSeconds=0)
    services = await with_values(quickbooks)
    before = services.tokens.credentials.values["refreshToken"]
    workers = [services.connect("quickbooks") for _ in range(4)]
    await quickbooks.post("auth", {"action": "expire_access_token"})
    await quickbooks.forget_calls()
    await asyncio.gather(*(worker.fetch(ACCOUNTS) for worker in workers))
    assert len(await quickbooks.calls(TOKEN)) == services.tokens.saves == 1
    assert services.tokens.credentials.values["refreshToken"] != before, "a rotated token is kept"
    await asyncio.gather(*(worker.close() for worker in workers))


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
async def test_a_lost_answer_to_a_renewal_is_asked_for_again_with_the_old_token(
    quickbooks: Control, fault: str
) -> None:
    await set_up(quickbooks, refreshRotationSeconds=0)
    services = await with_values(quickbooks)
    connector = services.connect("quickbooks")
    await quickbooks.post("auth", {"action": "expire_access_token"})
    await quickbooks.fault(fault, TOKEN, times=1)
    await connector.fetch(ACCOUNTS)
    assert (services.tokens.saves, services.tokens.expired) == (1, None)
    await connector.close()


async def test_where_the_old_token_is_dead_a_lost_answer_says_so(quickbooks: Control) -> None:
    await set_up(quickbooks, refreshRotationSeconds=0, oldRefreshTokenSeconds=0)
    services = await with_values(quickbooks)
    connector = services.connect("quickbooks")
    await quickbooks.post("auth", {"action": "expire_access_token"})
    await quickbooks.fault("drop_after_commit", TOKEN, times=1)
    with pytest.raises(AuthExpired, match="refresh outcome lost"):
        await connector.fetch(ACCOUNTS)
    await connector.close()


async def test_a_refused_app_and_a_foreign_company_leave_the_grant_alone(quickbooks: Control) -> None:
    for changes in ({"clientSecret": "wrong", "accessToken": ""}, {"realmId": "9130000000000001"}):
        services = await with_values(quickbooks, **changes)
        connector = services.connect("quickbooks")
        with pytest.raises(Permission):
            await connector.fetch(ACCOUNTS)
        assert services.tokens.expired is None
        await connector.close()
    services = await with_values(quickbooks, realmId="acme")
    connector = services.connect("quickbooks")
    with pytest.raises(FieldValidation, match=r"credentials\.realmId"):
        await connector.check()
    await connector.close()


@pytest.mark.parametrize("shape", ["json", "xml", "forbidden"])
async def test_a_throttled_call_waits_a_minute_in_whatever_shape(
    quickbooks: Control, quickbooks_connector: Connector, shape: str
) -> None:
    await set_up(quickbooks, throttleShape=shape)
    await quickbooks.fault("rate_limit", "", times=1)
    with pytest.raises(RateLimit) as limited:
        await quickbooks_connector.fetch(ACCOUNTS)
    assert (limited.value.retry_after, limited.value.vendor_code) == (60.0, "3001")


async def test_the_consent_brings_the_company_beside_the_code(quickbooks: Control) -> None:
    given = await quickbooks.credentials()
    app = {key: given[key] for key in ("clientId", "clientSecret", "baseUrl")}
    url, verifier = begin(QuickBooksConsent(), app, "http://127.0.0.1/back", "s1")
    async with httpx.AsyncClient(trust_env=False) as person:
        sent = await person.post(url, data={"decision": "allow"}, follow_redirects=False)
    back = dict(httpx.URL(sent.headers["location"]).params)
    made = await redeem(QuickBooksConsent(), app, "http://127.0.0.1/back", back["code"], verifier, back)
    assert made["realmId"] == given["realmId"]
    services = Services(MemoryTokens("int_quickbooks", made))
    connector = services.connect("quickbooks")
    assert await connector.check() == given["realmId"]
    await connector.close()
    with pytest.raises(FieldValidation):
        begin(QuickBooksConsent(), {"clientId": "x"}, "http://127.0.0.1/back", "s1")


def delivery(**changes: Any) -> Delivery:
    made = Delivery("POST", "https://sync.example.test/webhooks/quickbooks", {"intuit-signature": SIGNATURE}, BODY)
    return replace(made, **changes)


def test_a_true_signature_is_taken_and_anything_else_is_not() -> None:
    QuickBooksEvents().check(delivery(), SECRET, None, NOW)
    for changes, secret in (({"body": BODY + b" "}, SECRET), ({}, "another"), ({"headers": {}}, SECRET)):
        with pytest.raises(BadSignatureError):
            QuickBooksEvents().check(delivery(**changes), secret, None, NOW)
    for body in (b"no", b'"text"', b"{}"):
        with pytest.raises(BadSignatureError):
            QuickBooksEvents().account_ids(delivery(body=body))


def test_both_bodies_name_records_of_several_companies_and_merges_name_both() -> None:
    cloud = [
        {"id": "e1", "type": "qbo.customer.merged.v1", "intuitentityid": "58", "intuitaccountid": "1",
         "data": {"deletedid": "27"}},
        {"id": "e2", "type": "qbo.invoice.void.v1", "intuitentityid": "130", "intuitaccountid": "2"},
        {"id": "e3", "type": "qbo.vendor.created.v1", "intuitentityid": "9", "intuitaccountid": "1"},
    ]  # fmt: skip
    receiver, told = QuickBooksEvents(), delivery(body=json.dumps(cloud).encode())
    assert receiver.account_ids(told) == ["1", "2"]
    assert [(one.entity, one.record_id) for one in receiver.events(told, "1")] == [
        (Entity.ACCOUNTS, "58"),
        (Entity.ACCOUNTS, "27"),
    ]
    assert [(one.entity, one.record_id) for one in receiver.events(told, "2")] == [(Entity.INVOICES, "130")]
    entity = {"name": "Payment", "id": "163", "operation": "Delete", "lastUpdated": "2026-01-10T18:00:00.000Z"}
    classic = {"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [entity, {"odd": 1}]}}]}
    told = delivery(body=json.dumps(classic).encode())
    [event] = receiver.events(told, "1")
    assert (event.entity, event.record_id) == (Entity.PAYMENTS, "163")
    assert receiver.events(told, "2") == []
    assert receiver.events(told, "1")[0].id == event.id, "the same hint again has the same id"


def test_error_types_go_by_the_vendors_numbers() -> None:
    kinds = {
        3200: ErrorType.AUTH_EXPIRED, 120: ErrorType.PERMISSION, 3100: ErrorType.PERMISSION, 610: ErrorType.NOT_FOUND,
        6240: ErrorType.DUPLICATE, 6140: ErrorType.DUPLICATE, 5010: ErrorType.CONFLICT, 6540: ErrorType.CONFLICT,
        6210: ErrorType.CONFLICT, 2500: ErrorType.FIELD_VALIDATION, 6000: ErrorType.FIELD_VALIDATION,
        10000: ErrorType.TRANSIENT,
    }  # fmt: skip
    assert {code: Failure("x", code).type() for code in kinds} == kinds
    assert Failure("gone", 610).record_failure(creating=True).type is ErrorType.FIELD_VALIDATION
    assert Failure("no such path").type(404) is ErrorType.NOT_FOUND

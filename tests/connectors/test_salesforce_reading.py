"""Salesforce: incremental reads without loss, repetition or cost that grows with the org; keys safely escaped."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from connectors.protocols import Connector, FetchRequest
from connectors.salesforce.ids import normalise_id
from core.errors import FieldValidation, Internal
from core.records import Entity, OperationKind, Side
from tests.connectors.support import Control, Services, fetch_all, operation

NASTY = ["O'Brien & Sons", 'Say "Hi"', "back\\slash", "100%_sure", "Grüße 東京 🚀", "two\nlines", "a' OR Name != '"]
QUERY = "/query"


def changes(
    cursor: str | None = None,
    *,
    full: bool = False,
    position: str | None = None,
    entity: Entity = Entity.ACCOUNTS,
) -> FetchRequest:
    return FetchRequest(entity, {entity: ["Name"]}, cursor, full, position)


async def read_on(connector: Connector, request: FetchRequest) -> tuple[list[str], str]:
    """Read to the end and return the ids seen and the cursor."""
    records, cursor, _ = await fetch_all(connector, request)
    return [record.id for record in records], cursor


async def test_more_rows_than_a_page_with_one_stamp_come_exactly_once(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    before, cursor = await read_on(salesforce_connector, changes())
    ids = await salesforce.seed(Entity.ACCOUNTS, 2_001)

    records, _, pages = await fetch_all(salesforce_connector, changes(cursor))

    seen = [record.id for record in records]
    assert before == []
    assert (len(seen), sorted(seen), pages) == (2_001, sorted(ids), 2)
    assert len({record.modified_at for record in records}) < 10, "the rows share a few whole seconds"


async def test_a_full_read_goes_by_id_over_several_pages(salesforce: Control, salesforce_connector: Connector) -> None:
    ids = await salesforce.seed(Entity.ACCOUNTS, 2_001)
    records, _, pages = await fetch_all(salesforce_connector, changes(full=True))
    assert [record.id for record in records] == sorted(ids)
    assert pages == 2


async def test_a_token_that_expires_in_mid_read_costs_one_renewal_and_no_row(
    salesforce: Control, salesforce_services: Services, salesforce_connector: Connector
) -> None:
    ids = await salesforce.seed(Entity.ACCOUNTS, 2_001)
    first = await salesforce_connector.fetch(changes())
    await salesforce.post("auth", {"action": "expire_access_token"})

    second = await salesforce_connector.fetch(changes(position=first.position))

    assert sorted(record.id for record in [*first.records, *second.records]) == sorted(ids)
    assert second.position is None
    assert salesforce_services.tokens.saves == 1


async def test_a_pass_without_changes_is_one_call_also_after_our_own_writes(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    creates = [
        operation(number, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL, {"Name": f"Own {number}"})
        for number in range(1, 251)
    ]
    _, cursor = await read_on(salesforce_connector, changes())
    for request in salesforce_connector.plan(creates, {}):
        await salesforce_connector.send(request, creates, [])
    await asyncio.sleep(2.1)  # two whole seconds of the vendor's clock, which stamps by the second
    own, cursor = await read_on(salesforce_connector, changes(cursor))
    assert len(own) == 250, "our writes are read once"
    await salesforce.forget_calls()

    seen, _ = await read_on(salesforce_connector, changes(cursor))

    assert seen == []
    assert len(await salesforce.calls()) == 1


async def test_a_row_that_becomes_visible_late_is_not_lost(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    [late] = await salesforce.seed(Entity.ACCOUNTS, 1)
    _, cursor = await read_on(salesforce_connector, changes())
    await salesforce.post("behaviour", {"commitLagSeconds": 2})
    await salesforce.patch(Entity.ACCOUNTS, late, {"Name": "Late Edit"})
    await asyncio.sleep(1.1)  # its stamp lies a second back by now, and it is still hidden
    records, cursor, _ = await fetch_all(salesforce_connector, changes(cursor))
    assert "Late Edit" not in [record.fields["Name"] for record in records]
    await asyncio.sleep(1.5)  # now its transaction has ended

    records, _, _ = await fetch_all(salesforce_connector, changes(cursor))

    assert [record.fields["Name"] for record in records] == ["Late Edit"]


async def test_a_late_row_among_a_persons_import_is_not_lost(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    """It replaces a row that was read with a stamp of the same minute, so neither counts nor newest stamps tell."""
    ids = await salesforce.seed(Entity.ACCOUNTS, 20)
    await salesforce.post("behaviour", {"commitLagSeconds": 4})
    await salesforce.patch(Entity.ACCOUNTS, ids[3], {"Name": "Late Edit"})
    await asyncio.sleep(2.1)  # its stamp lies before the next read begins
    records, cursor, _ = await fetch_all(salesforce_connector, changes())
    assert "Late Edit" not in [record.fields["Name"] for record in records]
    await asyncio.sleep(2.5)

    records, _, _ = await fetch_all(salesforce_connector, changes(cursor))

    assert "Late Edit" in [record.fields["Name"] for record in records]


async def test_deleted_rows_come_as_deleted_and_a_read_by_id_tells_them_from_unknown_ones(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    gone, kept = await salesforce.seed(Entity.ACCOUNTS, 2)
    _, cursor = await read_on(salesforce_connector, changes())
    await salesforce.delete(f"records/accounts/{gone}")

    records, _, _ = await fetch_all(salesforce_connector, changes(cursor))
    by_id = await salesforce_connector.read(Entity.ACCOUNTS, [gone, kept, "001000000000000AAA", "no id"], ["Name"])

    assert {record.id for record in records if record.deleted} == {gone}
    assert {key: record.deleted for key, record in by_id.items()} == {gone: True, kept: False}
    complete, _, _ = await fetch_all(salesforce_connector, changes(full=True))
    assert [record.id for record in complete] == [kept]


async def test_p13_a_row_merged_away_names_the_one_that_lives_on_in_the_feed_and_by_id(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    for entity in (Entity.CONTACTS, Entity.ACCOUNTS):
        loser, winner = (await salesforce.seed(entity, 4))[:2]
        _, cursor = await read_on(salesforce_connector, changes(entity=entity))
        await salesforce.patch(entity, loser, {"MasterRecordId": winner})
        records, _, _ = await fetch_all(salesforce_connector, changes(cursor, entity=entity))
        by_id = await salesforce_connector.read(entity, [loser, winner], [])
        assert {one.id: one.merged_into for one in records if one.deleted} == {loser: winner}
        assert {one.id: one.merged_into for one in by_id.values()} == {loser: winner, winner: None}


async def test_ids_of_15_characters_are_the_same_records(salesforce: Control, salesforce_connector: Connector) -> None:
    [record_id] = await salesforce.seed(Entity.ACCOUNTS, 1)
    found = await salesforce_connector.read(Entity.ACCOUNTS, [record_id[:15]], ["Name"])
    assert found[record_id[:15]].id == record_id
    assert normalise_id(record_id[:15]) == normalise_id(record_id) == record_id
    assert normalise_id("001dM00003kRs59") == "001dM00003kRs59QAC"


@pytest.mark.parametrize("name", NASTY)
async def test_any_text_is_searched_for_as_itself(
    salesforce: Control, salesforce_connector: Connector, name: str
) -> None:
    made = await salesforce.create(Entity.ACCOUNTS, {"Name": name})
    await salesforce.create(Entity.ACCOUNTS, {"Name": "somebody else"})
    found = await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", [name], ["Name"])
    assert [record.id for record in found] == [made["Id"]]


async def test_many_keys_are_asked_in_uris_that_the_vendor_takes(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    creates = [
        operation(number, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL, {"Name": f"N{number}"})
        for number in range(1, 401)
    ]
    for request in salesforce_connector.plan(creates, {}):
        await salesforce_connector.send(request, creates, [])
    await salesforce.forget_calls()
    keys = [f"source-{number}-{'é' * 20}" for number in range(600)] + [one.source_id for one in creates]

    found = await salesforce_connector.look_up(Entity.ACCOUNTS, "Alguna_Customer_ID__c", keys, [])

    calls = await salesforce.calls(QUERY)
    assert len(found) == 400
    assert max(len(call["path"]) + len(call["query"]) for call in calls) < 15_100
    assert len(calls) > 1


async def test_children_know_their_parent_and_numbers_are_exact(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    account = await salesforce.create(Entity.ACCOUNTS, {"Name": "Parent", "MRR__c": 1234.10})
    contact = await salesforce.create(Entity.CONTACTS, {"LastName": "Ray", "AccountId": account["Id"]})
    records, _, _ = await fetch_all(
        salesforce_connector, FetchRequest(Entity.CONTACTS, {Entity.CONTACTS: ["LastName"]}, None, full=False)
    )
    assert [(record.id, record.parent_id) for record in records] == [(contact["Id"], account["Id"])]
    found = await salesforce_connector.read(Entity.ACCOUNTS, [account["Id"]], ["MRR__c", "AnnualRevenue"])
    assert found[account["Id"]].fields == {"MRR__c": Decimal("1234.1"), "AnnualRevenue": None}


async def test_records_say_whether_we_wrote_them_last(salesforce: Control, salesforce_connector: Connector) -> None:
    create = operation(1, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL, {"Name": "Ours"})
    [request] = salesforce_connector.plan([create], {})
    [made] = await salesforce_connector.send(request, [create], [])
    theirs = await salesforce.create(Entity.ACCOUNTS, {"Name": "Theirs"})
    found = await salesforce_connector.read(Entity.ACCOUNTS, [str(made.target_id), theirs["Id"]], ["Name"])
    assert {record.fields["Name"]: record.modified_by_us for record in found.values()} == {
        "Ours": True,
        "Theirs": False,
    }


async def test_a_field_hidden_while_the_process_runs_is_left_out_from_the_next_try_on(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    await salesforce.create(Entity.ACCOUNTS, {"Name": "Seen", "Phone": "1"})
    wanted = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["Name", "Phone"]}, None, full=False)
    assert (await salesforce_connector.fetch(wanted)).records[0].fields == {"Name": "Seen", "Phone": "1"}
    await salesforce.post("records/setup", {"hiddenFields": ["Account.Phone"]})

    with pytest.raises(FieldValidation):
        await salesforce_connector.fetch(wanted)

    assert (await salesforce_connector.fetch(wanted)).records[0].fields == {"Name": "Seen"}


async def test_a_cursor_that_is_none_of_ours_is_our_own_fault(salesforce_connector: Connector) -> None:
    with pytest.raises(Internal):
        await salesforce_connector.fetch(changes("2026-01-01"))


async def test_the_orgs_currency_is_asked_in_one_call(salesforce: Control, salesforce_connector: Connector) -> None:
    await salesforce_connector.describe(Entity.ACCOUNTS)
    await salesforce.forget_calls()
    assert await salesforce_connector.default_currency() == "USD"
    assert len(await salesforce.calls()) == 1


async def test_an_org_that_does_not_tell_its_currency_has_none(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    await salesforce.post("records/setup", {"hiddenFields": ["Organization.DefaultCurrencyIsoCode"]})
    assert await salesforce_connector.default_currency() is None

"""What every connector must do, tried on each against its own sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from connectors.protocols import WriteStatus
from connectors.registry import ALGUNA, PROVIDERS, provider_spec
from core.errors import AuthExpired, FieldValidation, RateLimit, Transient
from core.records import Entity
from tests.connectors.support import Control, fetch_all
from tests.connectors.vendors import VENDORS, System


@pytest.fixture(params=sorted(VENDORS))
async def system(
    request: pytest.FixtureRequest, account_of: Callable[[str], Awaitable[Control]]
) -> AsyncIterator[System]:
    control = await account_of(request.param)
    services = await control.services()
    connector = services.connect(request.param)
    yield System(request.param, VENDORS[request.param], control, services, connector)
    await connector.close()


def test_every_connector_is_held_to_the_contract() -> None:
    assert set(VENDORS) == {ALGUNA, *PROVIDERS}


@pytest.mark.parametrize("count", [0, 1, 100, 101, 230])
async def test_a_scan_reads_each_record_once_in_as_few_calls_as_pages_allow(system: System, count: int) -> None:
    ids = await system.control.seed(Entity.ACCOUNTS, count)
    await system.connector.check()
    await system.connector.describe(Entity.ACCOUNTS)
    await fetch_all(system.connector, system.scan())
    await system.control.forget_calls()

    records, cursor, pages = await fetch_all(system.connector, system.scan())

    assert sorted(record.id for record in records) == sorted(ids)
    assert all(record.fields.keys() == {system.name} for record in records)
    calls = len(await system.control.calls())
    assert calls == max(1, -(-count // system.vendor.page))
    assert pages <= calls
    assert cursor


async def test_a_complete_scan_says_so(system: System) -> None:
    await system.control.seed(Entity.ACCOUNTS, 3)
    assert (await system.connector.fetch(system.scan())).complete_scan


async def test_an_edit_shows_up_in_the_next_incremental_read(system: System) -> None:
    ids = await system.control.seed(Entity.ACCOUNTS, 3)
    _, cursor, _ = await fetch_all(system.connector, system.scan())
    await system.rename(ids[1], "Renamed Works")

    records, later, _ = await fetch_all(system.connector, system.scan(cursor))

    seen = {record.id: record.fields[system.name] for record in records}
    assert seen[ids[1]] == "Renamed Works"
    again, _, _ = await fetch_all(system.connector, system.scan(later))
    assert {record.id: record.fields[system.name] for record in again}[ids[1]] == "Renamed Works"


async def test_read_by_id_leaves_out_what_is_not_there(system: System) -> None:
    ids = await system.control.seed(Entity.ACCOUNTS, 2)
    found = await system.connector.read(Entity.ACCOUNTS, [*ids, system.vendor.missing], [system.name])
    assert sorted(found) == sorted(ids)
    assert all(record.side is system.vendor.side and not record.deleted for record in found.values())


async def test_a_create_carries_a_marker_by_which_it_is_found(system: System) -> None:
    creates = [system.create(1, "First Works"), system.create(2, "Second Works")]
    for request in system.connector.plan(creates, {}):
        results = await system.connector.send(request, creates, [system.name])
        assert {result.status for result in results} == {WriteStatus.DONE}

    marker = system.connector.facts(Entity.ACCOUNTS).marker
    if marker is None:
        # A system without a place for our id knows its records by a name that is unique.
        assert (await system.connector.find_created(creates, [system.name])).keys() == {1, 2}
        return
    found = await system.connector.look_up(Entity.ACCOUNTS, marker, ["source-1", "source-9"], [system.name])
    assert [(record.marker, record.fields[system.name]) for record in found] == [("source-1", "First Works")]


async def test_a_create_whose_reply_is_lost_is_found_and_not_repeated(system: System) -> None:
    create = system.create(1, "Lost Works")
    [request] = system.connector.plan([create], {})
    await system.control.fault("drop_after_commit", system.vendor.create_path, system.vendor.create_method, times=1)

    with pytest.raises(Transient) as lost:
        await system.connector.send(request, [create], [])
    assert lost.value.outcome_unknown

    found = await system.connector.find_created([create], [system.name])
    assert found[1].fields[system.name] == "Lost Works"
    [again] = await system.connector.send(request, [create], [])
    assert again.status in (WriteStatus.DONE, WriteStatus.EXISTS)
    assert again.target_id == found[1].id
    assert await system.control.total(Entity.ACCOUNTS) == 1


async def test_a_create_that_never_arrived_is_not_found(system: System) -> None:
    create = system.create(1, "Never Works")
    [request] = system.connector.plan([create], {})
    await system.control.fault("drop_before_commit", system.vendor.create_path, system.vendor.create_method, times=1)

    with pytest.raises(Transient) as lost:
        await system.connector.send(request, [create], [])

    assert lost.value.outcome_unknown
    assert await system.connector.find_created([create], [system.name]) == {}


async def test_a_repeated_create_never_lays_its_values_onto_a_persons_edit(system: System) -> None:
    create = system.create(1, "Sent Works")
    [request] = system.connector.plan([create], {})
    [first] = await system.connector.send(request, [create], [])
    assert first.target_id is not None
    await system.rename(first.target_id, "Edited Works")

    await system.connector.send(request, [create], [])

    assert await system.names() == ["Edited Works"]


async def test_the_stored_request_is_sent_byte_for_byte_each_time(system: System) -> None:
    create = system.create(1, 'Zoë\'s "Quoted" Works \\ 100%')
    requests = system.connector.plan([create], {})
    assert requests == system.connector.plan([create], {})
    await system.connector.send(requests[0], [create], [])
    await system.connector.send(requests[0], [create], [])

    posts = await system.creates()
    assert len(posts) == 2
    assert posts[0]["body"] == posts[1]["body"]
    assert await system.names() == ['Zoë\'s "Quoted" Works \\ 100%']


async def test_an_update_reaches_the_record_and_one_of_a_missing_record_is_not_found(system: System) -> None:
    [record_id] = await system.control.seed(Entity.ACCOUNTS, 1)
    updates = [system.update(1, record_id, "Updated Works"), system.update(2, system.vendor.missing, "Nobody's Works")]
    current = await system.connector.current(updates, [system.name])
    statuses = {}
    for request in system.connector.plan(updates, current):
        for result in await system.connector.send(request, updates, [system.name]):
            statuses[result.operation_id] = result.status
    assert statuses == {1: WriteStatus.DONE, 2: WriteStatus.NOT_FOUND}
    assert await system.names() == ["Updated Works"]


async def test_a_short_blip_of_a_read_is_ridden_out(system: System) -> None:
    await system.control.seed(Entity.ACCOUNTS, 1)
    await system.control.fault("error_503", "", "GET", times=2)
    assert len(await system.names()) == 1


@pytest.mark.parametrize("kind", ["error_500", "error_503", "malformed_body"])
async def test_a_write_with_a_broken_answer_has_an_unknown_outcome(system: System, kind: str) -> None:
    create = system.create(1, "Broken Works")
    [request] = system.connector.plan([create], {})
    await system.control.fault(kind, system.vendor.create_path, system.vendor.create_method)

    with pytest.raises(Transient) as failed:
        await system.connector.send(request, [create], [])

    assert failed.value.outcome_unknown
    posts = await system.creates()
    assert len(posts) == 1


async def test_a_rate_limit_is_told_to_the_budget_and_not_retried(system: System) -> None:
    await system.connector.describe(Entity.ACCOUNTS)
    await fetch_all(system.connector, system.scan())
    await system.control.forget_calls()
    await system.control.fault("rate_limit", "", times=1, retryAfter=3)

    with pytest.raises(RateLimit) as limited:
        await system.connector.fetch(system.scan())

    assert len(await system.control.calls()) == 1
    assert limited.value.retry_after is not None
    assert not limited.value.quota
    assert [round(seconds, 3) for seconds, _ in system.services.budget.blocks] == [round(limited.value.retry_after, 3)]


async def test_every_call_draws_from_the_budget_and_is_counted(system: System) -> None:
    await system.control.seed(Entity.ACCOUNTS, 150)
    await system.connector.check()
    await fetch_all(system.connector, system.scan())
    calls = len(await system.control.calls())
    assert system.connector.calls == system.services.budget.acquired == calls > 0


async def test_a_spent_budget_stops_the_call_before_it_is_made(system: System) -> None:
    system.services.budget.empty = True
    with pytest.raises(RateLimit):
        await system.connector.fetch(system.scan())
    assert await system.control.calls() == []


async def test_a_dead_grant_is_recorded_with_its_generation_and_a_reconnect_goes_on(system: System) -> None:
    await system.control.seed(Entity.ACCOUNTS, 1)
    await system.connector.check()
    await system.control.post("auth", {"action": "revoke_grant"})

    with pytest.raises(AuthExpired) as dead:
        await system.connector.fetch(system.scan())

    assert dead.value.generation == 1
    assert dead.value.connection_id == system.services.tokens.credentials.connection_id
    assert system.services.tokens.expired is not None
    calls = len(await system.control.calls())
    with pytest.raises(AuthExpired):
        await system.connector.fetch(system.scan())
    assert len(await system.control.calls()) == calls, "a connection known to be dead is not called"

    await system.control.post("auth", {"action": "restore"})
    system.services.tokens.reconnect(await system.control.credentials())
    assert len(await system.names()) == 1


async def test_a_field_that_cannot_be_searched_is_refused(system: System) -> None:
    with pytest.raises(FieldValidation):
        await system.connector.look_up(Entity.ACCOUNTS, "Nothing__c", ["x"], [])


async def test_there_are_facts_of_the_entities_that_the_system_has_and_no_others(system: System) -> None:
    offered = provider_spec(system.provider).entities
    assert all(system.connector.facts(entity).object_name for entity in offered)
    for entity in set(Entity) - set(offered):
        with pytest.raises(FieldValidation):
            system.connector.facts(entity)


async def test_the_schema_names_required_and_read_only_fields(system: System) -> None:
    schema = await system.connector.describe(Entity.ACCOUNTS)
    assert schema.side is system.vendor.side
    assert schema.fields[system.name].required
    identity = schema.fields[system.vendor.identity]
    assert identity.read_only
    assert identity.type == "id"

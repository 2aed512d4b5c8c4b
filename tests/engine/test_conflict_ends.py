"""Questions that cannot be carried out, or that nobody could carry out any more, do not stay as they are (I6)."""

from __future__ import annotations

from temporalio.testing import ActivityEnvironment

from activities.contracts import Mode, RunRequest
from activities.steps import Steps
from store.tables.runs import ConflictRow
from tests.engine.local import Local
from tests.engine.test_agreement import one
from tests.engine.test_conflicts import MANUAL
from tests.engine.test_deletes import errors
from tests.engine.test_matching import ACCOUNTS
from tests.engine.world import INTEGRATION

TOO_LONG = "Overlong " * 40


async def disagreement(world: Local, ours_now: str) -> tuple[str, str, ConflictRow]:
    """A linked pair whose name both sides have changed: its ids and the open question."""
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings={"accounts": MANUAL})
    await world.sync()
    [[ours, theirs]] = (await world.links_of(ACCOUNTS)).items()
    await world.boxes.edit("alguna", "accounts", ours, name=ours_now)
    await world.boxes.edit("salesforce", "accounts", theirs, Name="Theirs")
    await world.sync()
    [asked] = await world.conflicts()
    return ours, theirs, asked


async def test_i6_an_answer_that_a_system_refuses_is_asked_for_again(local: Local) -> None:
    ours, theirs, asked = await disagreement(local, TOO_LONG)
    await local.resolve(asked, {"choices": {"name": "alguna"}})
    assert (await one(local, "salesforce", "accounts", Id=theirs))["Name"] == "Theirs"
    [error] = await errors(local)
    assert (error.type, error.alguna_id) == ("field_validation", ours)
    [again] = await local.conflicts()
    assert (again.status, again.version, again.decision) == ("open", asked.version + 1, None)
    await local.resolve(again, {"choices": {"name": "external"}})
    assert (await one(local, "alguna", "accounts", id=ours))["name"] == "Theirs"
    await local.sync()
    assert await local.conflicts("open", "resolving") == []
    assert await errors(local) == [], "there is nothing left that the refused write was for"


async def test_i6_questions_of_an_entity_that_leaves_the_configuration_end_and_come_back_with_it(local: Local) -> None:
    ours, _, asked = await disagreement(local, "Ours")
    await local.configure("contacts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    request = RunRequest(integration_id=INTEGRATION, mode=Mode.INCREMENTAL, run_id="sync_of_contacts")
    await ActivityEnvironment().run(Steps(local.engine).plan_run, request)
    [ended] = await local.conflicts("closed")
    assert ended.id == asked.id
    await local.configure("accounts", mappings={"accounts": MANUAL})
    await local.sync()
    [again] = await local.conflicts()
    assert (again.alguna_id, again.version) == (ours, asked.version + 1)
    assert again.fields[0]["external"] == "Theirs"

"""Look-ups carry any text safely into the query language, and find exactly the records that hold it (design 3.5)."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.protocols import Connector
from core.records import Entity
from tests.connectors.support import Control

TRICKY = st.sampled_from(
    ["'", '"', "\\", "%", "_", "\n", "\t", "' OR Name != '", "\\'", "ß", "Ł", "名", "🚀", "--", "{}", "a"]
)
NAMES = st.lists(
    st.one_of(
        st.lists(TRICKY, min_size=1, max_size=6).map("".join),
        st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=4,
).map(lambda parts: [f"x{part}x" for part in parts])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES)
@example(names=["O'Brien", 'The "Best" Co', "back\\slash", "100%", "a_b", "two\nlines", "x' OR Name != 'x"])
async def test_a_look_up_finds_what_it_asks_for_and_nothing_else(
    salesforce: Control, salesforce_connector: Connector, names: list[str]
) -> None:
    made = {}
    for name in names:
        made[(await salesforce.create(Entity.ACCOUNTS, {"Name": name}))["Id"]] = name
    await salesforce.create(Entity.ACCOUNTS, {"Name": "somebody else"})
    found = await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", names, ["Name"])
    wanted = {name.lower() for name in names}
    assert made.keys() <= {record.id for record in found}
    assert {str(record.fields["Name"]).lower() for record in found} == wanted


async def test_i10_thousands_of_values_stay_within_the_vendors_limits(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    """The sandbox answers 414 as Salesforce does; a value longer than the field can hold is not asked for at all."""
    await salesforce.create(Entity.ACCOUNTS, {"Name": "O'Brien 7"})
    names = [f"O'Brien {number} \\ \" % _ 名" for number in range(1500)] + ["O'Brien 7", "y" * 120_000]
    await salesforce.forget_calls()
    found = await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", names, ["Name"])
    assert [record.fields["Name"] for record in found] == ["O'Brien 7"]
    queries = await salesforce.calls("/query")
    assert {call["status"] for call in queries} == {200}
    assert all(len(call["path"]) + len(call["query"]) < 16_384 for call in queries)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=st.text("abc'+%&=#?/\\\"_", min_size=1, max_size=10))
@example(local="o'brien+50%&x=y#z")
async def test_alguna_is_asked_for_exactly_this_address(
    alguna: Control, alguna_connector: Connector, local: str
) -> None:
    email = f"{local}@strange.example"
    body = {"name": "Strange", "currency": "EUR", "contacts": [{"email": email, "is_primary": True}]}
    made = await alguna.create(Entity.ACCOUNTS, body)
    found = await alguna_connector.look_up(Entity.ACCOUNTS, "email", [email], ["email"])
    assert made["id"] in {record.id for record in found}
    assert {record.fields["email"] for record in found} == {email}

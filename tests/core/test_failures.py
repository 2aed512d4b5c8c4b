"""How failures are told apart: their types, their root cause, when they are tried again, and mappings that rest."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.access import AccessScope
from core.causes import LONGEST_RETRY, cause_of, retry_after, texts_of
from core.errors import HINTS, AuthExpired, ErrorType, RateLimit, RecordFailure, Transient
from core.names import conflict_workflow_id, entity_sync_id, run_workflow_id, schedule_id
from core.plan import DeleteGuard, FieldPlan
from core.ports import Credentials
from core.records import Entity, Side
from core.resting import let_rest
from core.schema import EntitySchema, FieldSchema, OpenFields, load_schema
from tests.core.merging import plan_of

REFUSED = ErrorType.FIELD_VALIDATION


def schema(side: Side, *names: str) -> EntitySchema:
    """A schema of text fields."""
    return EntitySchema(side, Entity.ACCOUNTS, "thing", {name: FieldSchema(name, name, "text") for name in names})


def test_i7_errors_of_one_cause_have_one_key_whatever_their_record() -> None:
    first = RecordFailure(REFUSED, "bad value 'Acme 1' for 0015e, see Acme", "Name", "INVALID")
    second = RecordFailure(REFUSED, "bad value 'Beta' for 0017f, see Betamax", "Name", "INVALID")
    assert cause_of(first, {"Acme"}) == cause_of(second, {"Betamax", "x"})
    for other in (
        RecordFailure(ErrorType.DUPLICATE, first.message, "Name", "INVALID"),
        RecordFailure(REFUSED, first.message, "Other", "INVALID"),
        RecordFailure(REFUSED, first.message, "Name", "OTHER"),
        RecordFailure(REFUSED, "another message", "Name", "INVALID"),
    ):
        assert cause_of(other, {"Acme"}) != cause_of(first, {"Acme"})


def test_i7_a_function_that_fails_on_many_records_is_one_cause() -> None:
    messages = [f"toExternal failed: TypeError: '{name}' is wrong\n    at f (line 2, column 3)" for name in ("A", "B")]
    assert len({cause_of(RecordFailure(REFUSED, message, "Name")) for message in messages}) == 1


def test_texts_of_a_record() -> None:
    fields = {"a": "text", "b": [1, {"c": Decimal("2.5")}], "d": None, "e": True}
    assert texts_of(fields) == {"text", "1", "2.5"}


def test_what_time_mends_is_tried_again_ever_later() -> None:
    assert retry_after(REFUSED, 1) is None
    waits = [retry_after(ErrorType.TRANSIENT, attempt) for attempt in (0, 1, 2, 3, 100)]
    assert waits == [*(timedelta(minutes=minutes) for minutes in (1, 1, 2, 4)), LONGEST_RETRY]


def test_every_type_has_a_hint_and_errors_carry_what_mends_them() -> None:
    assert set(HINTS) == set(ErrorType)
    assert RateLimit("slow", retry_after=2, quota=True).quota
    assert Transient("lost", outcome_unknown=True).outcome_unknown
    expired = AuthExpired("dead", connection_id="int_x", generation=3)
    assert (expired.connection_id, expired.generation, expired.type) == ("int_x", 3, ErrorType.AUTH_EXPIRED)


def test_i8_credentials_never_show_their_values() -> None:
    assert "hidden" not in repr(Credentials("int_x", 1, {"token": "hidden"}))


def test_a_scope_by_its_word() -> None:
    assert [AccessScope.of(scope.word) for scope in AccessScope] == list(AccessScope)
    assert AccessScope.ADMIN > AccessScope.OPERATE > AccessScope.READ
    with pytest.raises(KeyError):
        AccessScope.of("owner")


def test_i1_names_of_workflows_are_of_one_writer_each() -> None:
    assert entity_sync_id("int_x", Entity.ACCOUNTS) == "sync/int_x/accounts"
    assert run_workflow_id("sync_1") == "run/sync_1"
    assert conflict_workflow_id("int_x", Entity.ACCOUNTS, 7) == "conflict/int_x/accounts/7"
    assert schedule_id("int_x") == "schedule/int_x"


def test_i3_a_mapping_rests_whose_field_is_gone_and_the_others_go_on() -> None:
    plan = plan_of(FieldPlan("name", "Name"), FieldPlan("email", "Email__c"), FieldPlan("off", "Off", direction=None))
    schemas = {Side.ALGUNA: schema(Side.ALGUNA, "name", "email"), Side.EXTERNAL: schema(Side.EXTERNAL, "Name", "Email")}
    left, (resting,) = let_rest(plan, schemas)
    assert [item.direction is None for item in left.fields] == [False, True, True]
    assert resting.subject == "mapping:email/Email__c"
    assert resting.failure.field == "Email__c"
    assert "no field `Email__c` on thing any more (did you mean `Email`?)" in resting.failure.message
    whole = {**schemas, Side.EXTERNAL: schema(Side.EXTERNAL, "Name", "Email__c")}
    assert let_rest(plan, whole) == (plan, ())
    ours = {**whole, Side.ALGUNA: schema(Side.ALGUNA, "name")}
    assert let_rest(plan, ours)[1][0].failure.field == "email"


def test_a_schema_is_kept_and_made_again() -> None:
    plain = schema(Side.EXTERNAL, "Name")
    assert load_schema(Side.EXTERNAL, Entity.ACCOUNTS, plain.dump()) == plain
    fields = OpenFields("metadata.", [FieldSchema("name", "Name", "text", options=("a",))])
    free = EntitySchema(Side.ALGUNA, Entity.SUBSCRIPTIONS, "subscription", fields)
    again = load_schema(Side.ALGUNA, Entity.SUBSCRIPTIONS, free.dump())
    assert again.fingerprint == free.fingerprint != plain.fingerprint
    assert [again.field(name) is not None for name in ("name", "metadata.tier", "metadata.", "tier")] == [
        *(True, True, False, False)
    ]
    assert "metadata.tier" in again.fields


@pytest.mark.parametrize(("deleted", "stops"), [(0, False), (4, False), (1000, True)])
def test_i3_many_deletions_ask(deleted: int, stops: bool) -> None:
    assert DeleteGuard().stops(deleted, 1000) is stops

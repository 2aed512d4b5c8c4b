"""Numbers are read to their last digit, and amounts that a system would round are refused by name beforehand (I6)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.alguna.bodies import Refused, subscription_body
from connectors.hubspot.records import field_value as hubspot_value
from connectors.hubspot.schema import HubSpotProperty
from connectors.salesforce.records import stored_form, unfit_money
from connectors.salesforce.schema import ObjectSchema, SalesforceField
from connectors.salesforce.writer import plan
from connectors.values import as_number, as_value, json_text, parse_json
from connectors.writing import LOCAL, local_results
from connectors.xero.errors import failure_of
from core.errors import ErrorType
from core.records import Entity, OperationKind, Side
from core.schema import FieldSchema
from core.values import Value
from tests.connectors.support import operation

DEALS = ObjectSchema(
    Entity.SUBSCRIPTIONS,
    {
        name: SalesforceField(name, kind, True, 2, FieldSchema(name, name, kind))
        for name, kind in (("Amount", "currency"), ("Score__c", "double"))
    },
)


@pytest.mark.parametrize("text", ["0.1", "1E+30", "123456789012345678901234567890123.45", "-0.000000000000000000001"])
def test_a_number_is_read_to_its_last_digit(text: str) -> None:
    for number in (as_number(text), as_value(parse_json(text) if "E" not in text else Decimal(text))):
        assert isinstance(number, Decimal)
        assert number == Decimal(text)
        assert json_text(number) == format(Decimal(text), "f")


@pytest.mark.parametrize("text", ["1e999999999", "-1e-999999999", "9" * 4000 + ".5"])
def test_a_number_that_nobody_can_mean_stays_text_of_its_own_length(text: str) -> None:
    number = parse_json(text)
    assert as_number(number) is None
    assert len(str(as_value(number))) <= len(text) + 2
    known = HubSpotProperty("score", "number", False, False, FieldSchema("score", "Score", "number"))
    assert hubspot_value(text, known) == text


@pytest.mark.parametrize(("amount", "told"), [("14.808", "keeps 2 decimals"), ("90071992547409.93", "keeps 15 digits")])
def test_i6_salesforce_is_sent_no_amount_that_it_would_round(amount: str, told: str) -> None:
    values = stored_form(DEALS, {"Amount": Decimal(amount), "Score__c": Decimal("1.005")})
    assert values == {"Amount": Decimal(amount), "Score__c": Decimal("1.01")}, "only money is never cut"
    one = operation(1, Entity.SUBSCRIPTIONS, OperationKind.CREATE, Side.EXTERNAL, values)
    failure = unfit_money(DEALS, values)
    assert failure is not None
    [request] = plan([one], {}, {1: failure})
    assert request.method == LOCAL
    [result] = local_results(request)
    assert result.failure is not None
    assert (result.failure.type, result.failure.field) == (ErrorType.FIELD_VALIDATION, "Amount")
    assert f"{amount} would be rounded" in result.failure.message
    assert told in result.failure.message


@pytest.mark.parametrize("amount", ["0", "-0.01", "14.80", "9999999999999.99", "1E+17"])
def test_amounts_that_salesforce_keeps_are_sent(amount: str) -> None:
    assert unfit_money(DEALS, {"Amount": Decimal(amount), "Score__c": Decimal("1.005")}) is None


def test_i6_a_number_that_metadata_would_round_is_refused_by_name() -> None:
    values: dict[str, Value] = {"name": "Seats", "metadata.worth": Decimal("99999999999999999999.99")}
    one = operation(1, Entity.SUBSCRIPTIONS, OperationKind.UPDATE, Side.ALGUNA, values, target_id="sub_1")
    with pytest.raises(Refused, match="99999999999999999999.99 would be rounded") as told:
        subscription_body(one, None, "int_salesforce")
    assert told.value.field == "metadata.worth"


def test_i6_xeros_largest_line_is_told_of_the_lines() -> None:
    failure = failure_of(["The line amount is too large"])
    assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, "LineItems")

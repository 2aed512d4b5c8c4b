"""A system without the field that carries Alguna's id is refused before anything is stored (I2, I9)."""

from __future__ import annotations

from dataclasses import replace

from core.config import IntegrationConfig
from core.records import Entity, Side
from core.validate import check_config
from tests.core.test_validate import ENTITIES, FACTS, NAME, SCHEMAS

PLACE = (Side.EXTERNAL, Entity.ACCOUNTS)


def test_i9_a_missing_marker_is_named_where_the_system_is_written_to() -> None:
    fields = {name: one for name, one in SCHEMAS[PLACE].fields.items() if name != "Alguna_Customer_ID__c"}
    schemas = {**SCHEMAS, PLACE: replace(SCHEMAS[PLACE], fields=fields)}

    def told(direction: str) -> list[str]:
        document = {"entities": ["accounts"], "mappings": {"accounts": [NAME]}, "direction": direction}
        config = IntegrationConfig.model_validate(document)
        return [problem.message for problem in check_config(config, ENTITIES, schemas, FACTS)]

    [problem] = told("alguna_to_external")
    assert "Account has no `Alguna_Customer_ID__c`" in problem
    assert "unique" in problem
    assert not any("Alguna_Customer_ID__c" in message for message in told("external_to_alguna"))

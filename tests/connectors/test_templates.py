"""The default mappings and match rules of every provider fit what the systems say of themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from connectors.registry import PROVIDERS, provider_spec
from core.config import IntegrationConfig
from core.records import Side
from core.validate import check_config
from tests.connectors.support import Control


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_five_fields_make_a_configuration(
    provider: str, alguna: Control, account_of: Callable[[str], Awaitable[Control]]
) -> None:
    external = await account_of(provider)
    connectors = {
        Side.ALGUNA: (await alguna.services()).connect("alguna"),
        Side.EXTERNAL: (await external.services()).connect(provider),
    }
    spec = provider_spec(provider)
    document: dict[str, Any] = {
        "entities": [entity.value for entity in spec.entities],
        "mappings": spec.templates(),
        "matching": {entity: {"entity": entity, "rules": rules} for entity, rules in spec.match_rules().items()},
    }
    schemas = {(side, one): await made.describe(one) for side, made in connectors.items() for one in spec.entities}
    facts = {(side, one): made.facts(one) for side, made in connectors.items() for one in spec.entities}
    assert check_config(IntegrationConfig.model_validate(document), spec.entities, schemas, facts) == []
    for made in connectors.values():
        await made.close()

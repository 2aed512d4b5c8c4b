"""The examples of docs/mapping.md do what the page says."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
import yaml

from core import scripts
from core.compare import equal
from core.config import FieldMapping, IntegrationConfig, plan
from core.enums import Direction
from core.mapping import to_alguna, to_external
from core.paths import check
from core.plan import FieldPlan
from core.records import Entity
from core.transform_check import check_transform
from tests.repository import ROOT

PAGE = (ROOT / "docs" / "mapping.md").read_text()
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
TRIED = [block for block in BLOCKS if "examples" in block]


def compiled(block: dict[str, Any]) -> FieldPlan:
    """The plan of a block's one mapping, under the types it names."""
    mapping = FieldMapping.model_validate(block["mapping"] | {"direction": block.get("oneWay", "bidirectional")})
    types = block.get("types", {})
    config = IntegrationConfig(entities=[Entity.ACCOUNTS], mappings={Entity.ACCOUNTS: [mapping]})
    return plan(
        config,
        Entity.ACCOUNTS,
        marker=None,
        parent=None,
        external_types={mapping.external_field: types.get("external", "text")},
        alguna_types={mapping.alguna_field: types.get("alguna", "text")},
    ).fields[0]


def exact(value: Any) -> Any:
    """A number as the wire gives it."""
    return Decimal(str(value)) if isinstance(value, float) else value


def test_every_block_is_a_mapping_that_can_be_stored() -> None:
    assert len(BLOCKS) >= 9
    for block in BLOCKS:
        for item in block.get("mappings", []):
            mapping = FieldMapping.model_validate(item)
            check(mapping.alguna_field)
            check(mapping.external_field)


@pytest.mark.parametrize("block", TRIED, ids=lambda block: block["mapping"]["externalField"])
def test_an_example_gives_what_the_page_says(block: dict[str, Any]) -> None:
    field = compiled(block)
    way = Direction(block.get("oneWay", "bidirectional"))
    assert list(check_transform(field, direction=way)) == []
    for example in block["examples"]:
        ours, theirs = exact(example["alguna"]), exact(example["external"])
        written = to_external(field, ours)
        assert (written.replace("\xa0", " ") if isinstance(written, str) else written) == theirs
        assert way is not Direction.BIDIRECTIONAL or equal(to_alguna(field, written), ours)
    for example in block.get("reads", []):
        assert to_alguna(field, example["external"]) == example["alguna"]


def test_the_limits_are_those_of_the_code() -> None:
    for text in (
        f"{scripts.TIME_LIMIT_SECONDS} s; {scripts.SHORT_TIME_LIMIT_SECONDS} s once {scripts.PATIENCE} calls",
        f"| memory | {scripts.MEMORY_LIMIT_BYTES // 2**20} MB |",
        f"| stack | {scripts.STACK_LIMIT_BYTES // 1024} kB |",
        f"{scripts.SOURCE_LIMIT_CHARS:,} characters",
        f"{scripts.RESULT_LIMIT_CHARS:,} characters",
    ):
        assert text in PAGE

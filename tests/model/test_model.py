"""Random histories of people, faults, deaths and syncs on both sandboxes, judged by a small reference model (I1-I7).

`make test` runs a fixed hundred of very short ones with Salesforce and five with each other provider; `make test-model`
searches freely among longer ones, in portions that run side by side, each with a seed of its own. A failure is shown as
a script of what people, vendors and processes did; provider and seed in the test's name repeat its portion
(`MODEL_PROVIDER=hubspot MODEL_SEED=7 MODEL_EXAMPLES=25`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.service import in_process
from tests.model.systems import SYSTEMS_BY_NAME

# Fixed ones in CI, so that a failure belongs to the change that shows it; a free search where more are asked for.
FIXED = "MODEL_EXAMPLES" not in os.environ
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "100"))
STEPS = int(os.environ.get("MODEL_STEPS", "1" if FIXED else "4"))
SEED = int(os.environ.get("MODEL_SEED", "0"))
PROVIDER = os.environ.get("MODEL_PROVIDER")
PORTION = 25


def portions() -> Iterator[tuple[str, int, int]]:
    """Provider, seed and number of examples. Where no provider is chosen, those after the first share what it gets."""
    share = 20 if FIXED else 4
    for provider in [PROVIDER] if PROVIDER else SYSTEMS_BY_NAME:
        examples = EXAMPLES if provider in (PROVIDER, "salesforce") else max(1, EXAMPLES // share)
        size = examples if FIXED else PORTION
        for number, at in enumerate(range(0, examples, size)):
            yield provider, SEED + number, min(size, examples - at)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The store of the histories: SQLite, or PostgreSQL with TEST_DATABASE=postgresql."""
    if os.environ.get("TEST_DATABASE") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.db")
    return f"sqlite:///{tmp_path}/store.db"


@pytest.mark.timeout(36_000)
@pytest.mark.parametrize(("provider", "seed_of", "examples"), list(portions()))
def test_i1_to_i7_hold_in_every_history(store_url: str, provider: str, seed_of: int, examples: int) -> None:
    with in_process(SYSTEMS_BY_NAME[provider], store_url) as service, asyncio.Runner() as runner:
        runner.run(service.connect())

        class Bound(Machine):
            pass

        Bound.service, Bound.runner = service, runner
        machine = Bound if FIXED else seed(seed_of)(Bound)
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=FIXED,
                    database=None,
                    print_blob=True,
                    phases=[Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(service.close())

"""What several files of sandbox tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.xero_organisation import Organisation, running_organisation


@pytest.fixture(scope="module")
def running_xero() -> Iterator[Organisation]:
    """A Xero sandbox for the tests of one file."""
    with running_organisation() as organisation:
        yield organisation


@pytest.fixture
def organisation(running_xero: Organisation) -> Organisation:
    """The same, emptied, with a grant of its own."""
    running_xero.clean()
    return running_xero

"""The chaos tests use the worlds of the crash tests, with a worker that lives."""

from tests.crash.conftest import temporal_address, trial_of

__all__ = ["temporal_address", "trial_of"]

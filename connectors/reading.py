"""Where reads stand: cursors and positions as text for the store, the same for every vendor."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import Internal


class Stored(BaseModel):
    """A cursor or a position: opaque text to the engine, a checked object to its connector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def dump(self) -> str:
        """Return the stored form."""
        return self.model_dump_json()

    @classmethod
    def load(cls, text: str) -> Self:
        """Parse the stored form. Raises `Internal` for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise Internal(f"a stored {cls.__name__.lower()} of {cls.__module__} cannot be read") from error


def overlapped(started: datetime, seconds: int) -> datetime:
    """Return where the next read begins after one that began at `started`, by the vendor's clock.

    So far back it reads again, because records may become visible later than their times say.
    """
    return started - timedelta(seconds=seconds)

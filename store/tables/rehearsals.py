"""Table of dry runs at work: which entities' state each has copied for itself."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.types import UtcDateTime


class Rehearsal(SQLModel, table=True):
    """An entity whose state a dry run works on a copy of. The row goes with the copy, when the run has ended."""

    __tablename__ = "rehearsals"

    run_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    integration_id: str
    copied_at: datetime = Field(sa_type=UtcDateTime)

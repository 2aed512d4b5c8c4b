"""How far the looks between schedules are, where no event tells of changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, text
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class Poll(SQLModel, table=True):
    """The looks at one side of an entity. `started_at` is when the newest began, `completed_at` the beginning of the
    newest that came to its end: all that happened before is known. `position` is where an unfinished one goes on.

    `found` are the records that the present look told the writer of (id -> digest), `told` those of the one before: the
    same news is told once.
    """

    __tablename__ = "polls"

    integration_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    position: str | None = None
    cursor: str | None = None
    found: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(ExactJson, nullable=False, server_default=text("'{}'"))
    )
    told: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(ExactJson, nullable=False, server_default=text("'{}'"))
    )

"""Table of what each connected system last said of its fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class Description(SQLModel, table=True):
    """The fields of one entity at one connection, in the form of `core.schema.EntitySchema.dump`."""

    __tablename__ = "descriptions"

    connection_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    fingerprint: str
    document: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    described_at: datetime = Field(sa_type=UtcDateTime)

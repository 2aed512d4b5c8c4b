"""Table of versioned sync configs: a version never changes once written, so that history can show what was in force."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, text
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class Config(SQLModel, table=True):
    """One version of one integration's config; exactly one version of an integration is active."""

    __tablename__ = "configs"
    __table_args__ = (
        Index(
            "configs_active",
            "integration_id",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
    )

    integration_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    active: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)

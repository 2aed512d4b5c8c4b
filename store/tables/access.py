"""Table of the API's keys. Only hashes are kept: a key shows once, when it is made."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.types import UtcDateTime


class ApiKeyRow(SQLModel, table=True):
    """A named key. `hash` is the SHA-256 of the whole key, which is random enough to need no salt."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    name: str
    scope: str
    hash: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

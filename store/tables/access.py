"""Tables of who may do what: keys of the API (hashes alone), and consents that people were asked for."""

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


class ConsentRow(SQLModel, table=True):
    """A consent that a person was asked for. `secrets` is encrypted: the app's credentials and the PKCE verifier."""

    __tablename__ = "consents"

    state_hash: str = Field(primary_key=True)
    provider: str
    integration_id: str | None = None
    reconnects: bool = False
    redirect_uri: str
    secrets: str
    expires_at: datetime = Field(sa_type=UtcDateTime)

"""Tables of circuits: causes that refuse one write after the other, and the records that wait for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from store.types import UtcDateTime


class Circuit(SQLModel, table=True):
    """A cause that refused `failures` writes in a row. `state`: counting, open, probing.

    `pattern` is `core.circuits.Pattern` as text, `cause` the group of the errors. `pass_id` is the pass that counts,
    has opened it or has tried it; `probe` the operation by which it is tried.
    """

    __tablename__ = "circuits"
    __table_args__ = (UniqueConstraint("integration_id", "entity", "pattern", name="circuits_pattern"),)

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    pattern: str
    cause: str
    state: str = "counting"
    failures: int = 0
    pass_id: str
    probe: int | None = None
    opened_at: datetime = Field(sa_type=UtcDateTime)


class HeldRecord(SQLModel, table=True):
    """A record that was not sent because a circuit was open, by its id on the side it comes from."""

    __tablename__ = "held_records"

    circuit_id: int = Field(primary_key=True)
    source_id: str = Field(primary_key=True, index=True)

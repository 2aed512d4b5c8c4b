"""What every query of the engine is limited to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import FromClause, Table
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import SQLModel

from core.records import Entity


@dataclass(frozen=True, slots=True)
class Scope:
    """One entity of one integration."""

    integration_id: str
    entity: Entity

    def covers(self, table: FromClause) -> ColumnElement[bool]:
        """The condition that keeps a query inside this scope."""
        return (table.c.integration_id == self.integration_id) & (table.c.entity == self.entity.value)

    def columns(self) -> dict[str, str]:
        """The scope's columns for an insert."""
        return {"integration_id": self.integration_id, "entity": self.entity.value}


def table_of(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table behind a model, for bulk statements."""
    return SQLModel.metadata.tables[str(model.__tablename__)]

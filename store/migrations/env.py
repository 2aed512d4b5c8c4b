"""What Alembic runs: compares and migrates `SQLModel.metadata` on the connection that `runner` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DateTime, String, Text, TypeDecorator
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column types as the plain types under them: a revision must not change when our code does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        for plain in (DateTime, Text, String):
            if isinstance(item.impl_instance, plain):
                return f"sa.{plain.__name__}()"
    return False


def include_object(item: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Leave out tables that a new revision is not about."""
    wanted = context.config.attributes.get("tables")
    return kind != "table" or wanted is None or name in wanted


def run() -> None:
    """Run the wanted migrations in the caller's transaction."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        render_item=render_item,
        include_object=include_object,
    )
    with context.begin_transaction():
        context.run_migrations()


run()

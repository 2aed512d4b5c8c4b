"""All tables. Importing this package fills `SQLModel.metadata`, from which migrations are compared."""

from sqlmodel import SQLModel

# Set before any table exists: every constraint gets the same name on SQLite and PostgreSQL.
SQLModel.metadata.naming_convention = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_unique",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

from store.tables import access, circuits, configs, connections, polls, rehearsals, runs, schemas, sync, webhooks  # noqa: E402

__all__ = ["access", "circuits", "configs", "connections", "polls", "rehearsals", "runs", "schemas", "sync", "webhooks"]

"""Schema migrations: Alembic revisions in `versions/`, applied in-process by `runner`, made by `revision`."""

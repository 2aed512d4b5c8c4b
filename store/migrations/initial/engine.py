"""Tables of the engine: links, what was read, what is to be written, and what was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def create() -> None:
    """Create them in an empty database. Never changed: what comes after 0.1.0 is a revision of its own."""
    _chunks()
    _cursors()
    _inbox()
    _links()
    _match_keys()
    _nudges()
    _operations()
    _readings()
    _requests()
    _shared_scans()
    _sightings()
    _staged()
    _unlinked()
    _rehearsals()
    _polls()


def _chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("pass_id", "number", name=op.f("chunks_pkey")),
    )


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("moved_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("integration_id", "entity", "side", name=op.f("cursors_pkey")),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("pass_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_pkey")),
    )
    op.create_index("inbox_waiting", "inbox", ["integration_id", "entity", "pass_id"], unique=False)


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("alguna_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("marked", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.String(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("ahead", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.Column("outside", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("flips", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("parents", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("awaits", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("synced_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("links_pkey")),
    )
    op.create_index("links_alguna", "links", ["integration_id", "entity", "alguna_id"], unique=False)
    op.create_index(
        "links_alguna_active",
        "links",
        ["integration_id", "entity", "alguna_id"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index("links_awaiting", "links", ["integration_id", "entity", "awaits"], unique=False)
    op.create_index("links_external", "links", ["integration_id", "entity", "external_id"], unique=False)
    op.create_index(
        "links_external_active",
        "links",
        ["integration_id", "entity", "external_id"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )


def _match_keys() -> None:
    op.create_table(
        "match_keys",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("integration_id", "entity", "side", "record_id", "rule", name=op.f("match_keys_pkey")),
    )
    op.create_index("match_keys_by_key", "match_keys", ["integration_id", "entity", "rule", "key"], unique=False)


def _nudges() -> None:
    op.create_table(
        "nudges",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outstanding_since", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("integration_id", "entity", name=op.f("nudges_pkey")),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=True),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("operations_pkey")),
        sa.UniqueConstraint("key", name=op.f("operations_key_unique")),
    )
    op.create_index("operations_chunk", "operations", ["pass_id", "chunk", "state"], unique=False)
    op.create_index("operations_open", "operations", ["integration_id", "entity", "state"], unique=False)
    op.create_index(op.f("operations_request_id"), "operations", ["request_id"], unique=False)


def _readings() -> None:
    op.create_table(
        "readings",
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("scan", sa.String(), nullable=True),
        sa.Column("verified", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("alone", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pass_id", "side", name=op.f("readings_pkey")),
    )


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("replay_seconds", sa.Integer(), nullable=False),
        sa.Column("operation_ids", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("first_sent_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("requests_pkey")),
    )
    op.create_index("requests_open", "requests", ["integration_id", "entity", "state"], unique=False)


def _shared_scans() -> None:
    op.create_table(
        "shared_scans",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("scan", sa.String(), nullable=True),
        sa.Column("alone", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("run_id", "entity", "side", name=op.f("shared_scans_pkey")),
    )


def _sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("pass_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("pass_id", "side", "link_id", name=op.f("sightings_pkey")),
    )


def _staged() -> None:
    op.create_table(
        "staged",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("pass_id", sa.String(), nullable=True),
        sa.Column("chunk", sa.Integer(), nullable=True),
        sa.Column("link_id", sa.Integer(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=True),
        sa.Column("modified_by_us", sa.Boolean(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("marker", sa.String(), nullable=True),
        sa.Column("merged_into", sa.String(), nullable=True),
        sa.Column("unready", sa.String(), nullable=True),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("staged_pkey")),
        sa.UniqueConstraint(
            "integration_id",
            "entity",
            "side",
            "record_id",
            name=op.f("staged_integration_id_entity_side_record_id_unique"),
        ),
    )
    op.create_index("staged_chunk", "staged", ["pass_id", "chunk"], unique=False)
    op.create_index(op.f("staged_link_id"), "staged", ["link_id"], unique=False)
    op.create_index("staged_waiting", "staged", ["integration_id", "entity", "state", "chunk"], unique=False)


def _unlinked() -> None:
    op.create_table(
        "unlinked",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("integration_id", "entity", "side", "record_id", name=op.f("unlinked_pkey")),
    )


def _rehearsals() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("copied_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "entity", name=op.f("rehearsals_pkey")),
    )


def _polls() -> None:
    op.create_table(
        "polls",
        sa.Column("integration_id", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("completed_at", sa.DateTime(), nullable=True),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("found", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("told", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("integration_id", "entity", "side", name=op.f("polls_pkey")),
    )

"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "airings",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("airing_id", sa.String(length=200), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("slot_id", sa.String(length=60), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("programme_id", sa.String(length=60), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("column_id", sa.String(length=60), nullable=True),
        sa.Column("campaign_id", sa.String(length=60), nullable=True),
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.Column("start_rule", sa.String(length=20), nullable=False),
        sa.Column("late_rule", sa.String(length=20), nullable=False),
        sa.Column("is_repeat", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "airing_id", name=op.f("pk_airings")),
    )
    op.create_index("ix_airings_on_date", "airings", ["on_date"], unique=False)
    op.create_index("ix_airings_programme_id", "airings", ["programme_id"], unique=False)
    op.create_index("ix_airings_start_at", "airings", ["start_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "chain_breaks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("file_name", sa.String(length=100), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_breaks")),
    )
    op.create_index("uq_chain_breaks", "chain_breaks", ["station_id", "file_name", "message"], unique=True)
    op.create_table(
        "contacts",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("reached_at", sa.DateTime(), nullable=True),
        sa.Column("failed_at", sa.DateTime(), nullable=True),
        sa.Column("error", sa.String(length=60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("clock_offset_s", sa.Float(), nullable=True),
        sa.Column("clock_at", sa.DateTime(), nullable=True),
        sa.Column("journal_until", sa.DateTime(), nullable=True),
        sa.Column("log_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_contacts")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("sent_bytes", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=60), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_station_id", "deliveries", ["station_id", "ended_at"], unique=False)
    op.create_table(
        "journal_lines",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("log_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("airing_id", sa.String(length=200), nullable=False),
        sa.Column("planned_at", sa.DateTime(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("collected_at", sa.DateTime(), nullable=False),
        sa.Column("is_backfilled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "log_id", "seq", name=op.f("pk_journal_lines")),
    )
    op.create_index("ix_journal_lines_airing_id", "journal_lines", ["station_id", "airing_id"], unique=False)
    op.create_index("ix_journal_lines_planned_at", "journal_lines", ["planned_at"], unique=False)
    op.create_table(
        "log_positions",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("file_name", sa.String(length=100), nullable=False),
        sa.Column("offset_bytes", sa.Integer(), nullable=False),
        sa.Column("log_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("line_sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "file_name", name=op.f("pk_log_positions")),
    )
    op.create_table(
        "masters",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("before_lufs", sa.Float(), nullable=False),
        sa.Column("before_range_lu", sa.Float(), nullable=False),
        sa.Column("before_peak_dbtp", sa.Float(), nullable=False),
        sa.Column("before_duration_s", sa.Float(), nullable=False),
        sa.Column("after_lufs", sa.Float(), nullable=False),
        sa.Column("after_range_lu", sa.Float(), nullable=False),
        sa.Column("after_peak_dbtp", sa.Float(), nullable=False),
        sa.Column("after_duration_s", sa.Float(), nullable=False),
        sa.Column("gain_db", sa.Float(), nullable=False),
        sa.Column("limiter_db", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_masters")),
    )
    op.create_table(
        "plan_revisions",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "on_date", "revision", name=op.f("pk_plan_revisions")),
    )
    op.create_index("ix_plan_revisions_on_date", "plan_revisions", ["on_date"], unique=False)
    op.create_table(
        "receipts",
        sa.Column("station_id", sa.String(length=60), nullable=False),
        sa.Column("log_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("collected_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "log_id", "seq", name=op.f("pk_receipts")),
    )
    op.create_index("ix_receipts_sha256", "receipts", ["sha256"], unique=False)
    op.create_table(
        "programmes",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("column_id", sa.String(length=60), nullable=True),
        sa.Column("campaign_id", sa.String(length=60), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("master_sha256", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["master_sha256"], ["masters.sha256"], name=op.f("fk_programmes_master_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programmes")),
    )
    op.create_index("ix_programmes_on_date", "programmes", ["on_date"], unique=False)

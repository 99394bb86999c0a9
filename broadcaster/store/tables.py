"""The tables. Instants are kept in UTC; what people decide stands in schedules/ and is not repeated here."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from broadcaster.store.instant import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

masters = Table(
    "masters",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("before_lufs", Float, nullable=False),
    Column("before_range_lu", Float, nullable=False),
    Column("before_peak_dbtp", Float, nullable=False),
    Column("before_duration_s", Float, nullable=False),
    Column("after_lufs", Float, nullable=False),
    Column("after_range_lu", Float, nullable=False),
    Column("after_peak_dbtp", Float, nullable=False),
    Column("after_duration_s", Float, nullable=False),
    Column("gain_db", Float, nullable=False),
    Column("limiter_db", Float, nullable=False),
    Column("is_kept", Boolean, nullable=False, server_default="0"),
    Column("track_note", Text, nullable=False, server_default=""),
    Column("is_mono", Boolean, nullable=False, server_default="0"),
    Column("highpass_hz", Integer, nullable=False, server_default="0"),
    Column("warnings", Text, nullable=False, server_default="[]"),
)

loudness_curves = Table(
    "loudness_curves",
    metadata,
    Column("master_sha256", String(64), ForeignKey("masters.sha256"), primary_key=True),
    Column("before_dlu", LargeBinary, nullable=False),
)

programmes = Table(
    "programmes",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("title", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("column_id", String(60)),
    Column("campaign_id", String(60)),
    Column("language", String(20), nullable=False),
    Column("stories", Integer, nullable=False, server_default="1"),
    Column("on_date", Date, nullable=False),
    Column("source_name", Text, nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("master_sha256", String(64), ForeignKey("masters.sha256"), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("removed_at", Instant),
    Index("ix_programmes_on_date", "on_date"),
)

plan_revisions = Table(
    "plan_revisions",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("on_date", Date, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("signature", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("published_at", Instant, nullable=False),
    Index("ix_plan_revisions_on_date", "on_date"),
)

airings = Table(
    "airings",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("airing_id", String(200), primary_key=True),
    Column("on_date", Date, nullable=False),
    Column("slot_id", String(60), nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("programme_id", String(60), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("column_id", String(60)),
    Column("campaign_id", String(60)),
    Column("priority", String(20), nullable=False),
    Column("volume", Integer, nullable=False),
    Column("start_rule", String(20), nullable=False),
    Column("late_rule", String(20), nullable=False),
    Column("is_repeat", Boolean, nullable=False),
    Column("within_ms", Integer, nullable=False, server_default="0"),
    Column("may_repeat", Boolean, nullable=False, server_default="0"),
    Column("is_ident", Boolean, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False),
    Index("ix_airings_start_at", "start_at"),
    Index("ix_airings_station_id", "station_id", "start_at"),
    Index("ix_airings_on_date", "on_date"),
    Index("ix_airings_programme_id", "programme_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("station_id", String(60), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("names", Text, nullable=False),
    Column("sent_bytes", Integer, nullable=False),
    Column("error", String(60), nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_deliveries_station_id", "station_id", "ended_at"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("log_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", String(64)),
    Column("verdict", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("collected_at", Instant, nullable=False),
    Index("ix_receipts_sha256", "station_id", "sha256"),
    Index("ix_receipts_name", "station_id", "name"),
)

journal_lines = Table(
    "journal_lines",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("log_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("event", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("airing_id", String(200), nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("collected_at", Instant, nullable=False),
    Column("is_backfilled", Boolean, nullable=False),
    Index("ix_journal_lines_station_id", "station_id", "planned_at"),
)

log_positions = Table(
    "log_positions",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("file_name", String(100), primary_key=True),
    Column("offset_bytes", Integer, nullable=False),
    Column("log_id", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("line_sha256", String(64), nullable=False),
)

chain_breaks = Table(
    "chain_breaks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("station_id", String(60), nullable=False),
    Column("file_name", String(100), nullable=False),
    Column("message", Text, nullable=False),
    Column("found_at", Instant, nullable=False),
    Index("uq_chain_breaks", "station_id", "file_name", "message", unique=True),
)

contacts = Table(
    "contacts",
    metadata,
    Column("station_id", String(60), primary_key=True),
    Column("reached_at", Instant),
    Column("failed_at", Instant),
    Column("error", String(60), nullable=False),
    Column("message", Text, nullable=False),
    Column("clock_offset_s", Float),
    Column("clock_at", Instant),
    Column("journal_until", Instant),
    Column("log_id", String(64), nullable=False),
    Column("status", LargeBinary),
    Column("stopped_key", Text, nullable=False, server_default=""),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

report_editions = Table(
    "report_editions",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("first_on", Date, nullable=False),
    Column("last_on", Date, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("version", String(40), nullable=False),
    Column("inputs_sha256", String(64), nullable=False),
    Column("figures_sha256", String(64), nullable=False),
    Column("inputs", LargeBinary, nullable=False),
    Column("files", Text, nullable=False),
    Column("mailed_at", Instant),
    Index("ix_report_editions_last_on", "last_on"),
)

users = Table(
    "users",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("programme_id", String(60), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("by", String(60), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_approvals_programme_id", "programme_id"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("signature", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("holder", String(60), nullable=False),
    Column("host", Text, nullable=False),
    Column("beat", Integer, nullable=False),
    Column("renewed_at", Instant, nullable=False),
)

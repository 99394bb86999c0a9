"""A station's period is one index range: a report costs what the period holds, not what the history does."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Put the station first in the indexes that reports read through, and drop those nothing reads any more."""
    op.drop_index("ix_journal_lines_planned_at", "journal_lines")
    op.drop_index("ix_journal_lines_airing_id", "journal_lines")
    op.create_index("ix_journal_lines_station_id", "journal_lines", ["station_id", "planned_at"])
    op.create_index("ix_airings_station_id", "airings", ["station_id", "start_at"])
    op.drop_index("ix_receipts_sha256", "receipts")
    op.create_index("ix_receipts_sha256", "receipts", ["station_id", "sha256"])
    op.create_index("ix_receipts_name", "receipts", ["station_id", "name"])

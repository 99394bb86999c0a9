"""What was heard in a recording besides its loudness: warnings, the track taken, the profile, loudness by second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; of masters made before nothing is known."""
    op.add_column("masters", sa.Column("is_kept", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("masters", sa.Column("track_note", sa.Text(), nullable=False, server_default=""))
    op.add_column("masters", sa.Column("is_mono", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("masters", sa.Column("highpass_hz", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("masters", sa.Column("warnings", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "loudness_curves",
        sa.Column("master_sha256", sa.String(length=64), nullable=False),
        sa.Column("before_dlu", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["master_sha256"], ["masters.sha256"], name=op.f("fk_loudness_curves_master_sha256")),
        sa.PrimaryKeyConstraint("master_sha256", name=op.f("pk_loudness_curves")),
    )

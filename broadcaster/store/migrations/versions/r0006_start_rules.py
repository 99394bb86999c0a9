"""How long an airing may wait for its start, whether a repeat may stand in for it, whether it is an ident."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; what was there before starts at its second and nothing stands in for it."""
    op.add_column("airings", sa.Column("within_ms", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("airings", sa.Column("may_repeat", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("airings", sa.Column("is_ident", sa.Boolean(), nullable=False, server_default="0"))

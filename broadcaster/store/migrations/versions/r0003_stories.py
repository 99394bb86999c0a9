"""How many news items and articles a programme holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; what was there before counts as one."""
    op.add_column("programmes", sa.Column("stories", sa.Integer(), nullable=False, server_default="1"))

"""The pinned host key that a station failed to show: it is stopped until a person confirms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; no station is stopped by the upgrade."""
    op.add_column("contacts", sa.Column("stopped_key", sa.Text(), nullable=False, server_default=""))

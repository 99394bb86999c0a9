"""What is only ever added to refuses REPLACE too: SQLite does that without firing the triggers that refuse DELETE."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

TRIGGER = """
CREATE TRIGGER keep_NAME_replace BEFORE INSERT ON NAME WHEN EXISTS (SELECT 1 FROM NAME WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'NAME is only ever added to'); END
"""


def upgrade() -> None:
    """Make the triggers; a number that SQLite is to choose is no row's yet."""
    for table in ("approvals", "audit", "orders"):
        op.execute(TRIGGER.replace("NAME", table))

"""Bring a record of an older release to this one's schema. Apart from the engine: Alembic takes long to be imported."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def make_config() -> Config:
    """Make what Alembic wants to know."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def list_revisions() -> list[str]:
    """List the revisions that this release knows, the newest first."""
    return [revision.revision for revision in ScriptDirectory.from_config(make_config()).walk_revisions()]


def upgrade(connection: Connection) -> None:
    """Run what is missing, in the connection's transaction."""
    config = make_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""The centre's record: what happened, as rows. SQLite in WAL mode through SQLAlchemy, migrated by Alembic."""

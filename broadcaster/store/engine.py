"""Open the record: SQLite with WAL, foreign keys and BEGIN IMMEDIATE for every write; migrated on opening.

With SQLite's default deferred transactions concurrent read-modify-writes are lost without an error; BEGIN IMMEDIATE
takes the lock before reading (docs/adr/0004).
"""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError, OperationalError

from broadcaster.core.errors import RecordBusyError, RecordError, RecordVersionError

BUSY_S = 30.0
VERSIONS = Path(__file__).parent / "migrations" / "versions"


class Record:
    """The centre's database. Made by `open_record`."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._writing = threading.RLock()  # threads queue here: SQLite's own waiting sleeps longer and longer
        self.path = path

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads: a still picture of the record.

        Raises:
            RecordError: The database cannot be read.
        """
        with _translate(self.path), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: all of the block or nothing of it, alone from its first line on.

        Raises:
            RecordBusyError: Others held the lock for longer than 30 s. Nothing has been written.
            RecordError: The database cannot be written; nothing has been.
        """
        with (
            self._take_turn(),
            _translate(self.path),
            self._engine.connect().execution_options(takes_write_lock=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def _take_turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=BUSY_S):
            raise RecordBusyError(f"{self.path} is being written by this process", hint="try again in a moment")
        try:
            yield
        finally:
            self._writing.release()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def open_record(path: Path) -> Record:
    """Open the record, make it when it is not there, and bring it to this release's schema.

    Args:
        path: The database file. Its folder must exist.

    Raises:
        RecordVersionError: Written by a newer release; untouched.
        RecordError: Not a database, or it cannot be written.
    """
    engine = make_engine(path)
    record = Record(engine, path)
    try:
        with record.read() as connection:
            current = _read_revision(connection)
        if current == find_newest_revision():
            return record
        migrate = importlib.import_module("broadcaster.store.migrate")
        if current is not None and current not in migrate.list_revisions():
            raise RecordVersionError(f"{path} was written by a newer release (schema {current})")
        with record.write() as connection:
            migrate.upgrade(connection)
    except (RecordError, OSError):
        record.close()
        raise
    return record


def find_newest_revision() -> str:
    """Find the newest revision of the schema, by the names of the migrations: r0010_… is 0010."""
    return max(path.name[1:5] for path in VERSIONS.glob("r*.py"))


def _read_revision(connection: Connection) -> str | None:
    """Read the revision of a record; None of one that is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def make_engine(path: Path) -> Engine:
    """Make an engine for one SQLite file."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin by itself: see _begin
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("takes_write_lock", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.contextmanager
def _translate(path: Path) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "locked" in str(error.orig) or "busy" in str(error.orig):
            raise RecordBusyError(f"{path} is locked by another process", hint="try again in a moment") from error
        raise RecordError(f"{path} cannot be used: {error.orig}", hint="is the disk full or read-only?") from error
    except DatabaseError as error:
        raise RecordError(f"{path}: {error.orig}", hint="the file may be damaged: restore a backup") from error

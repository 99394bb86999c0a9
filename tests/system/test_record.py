"""The record on real SQLite: migrations, the lock, what is only ever added."""

from __future__ import annotations

import sqlite3
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from broadcaster.core.errors import RecordError, RecordVersionError
from broadcaster.core.ids import LogId, ProgrammeId
from broadcaster.store.engine import find_newest_revision, open_record
from broadcaster.store.logs import read_journal, write_journal
from broadcaster.store.migrate import list_revisions
from broadcaster.store.plans import read_airings_between, write_airings
from broadcaster.store.programmes import (
    read_future_use,
    read_programme,
    read_programmes,
    write_programme,
    write_removal,
    write_return,
)
from broadcaster.store.tables import metadata
from broadcaster.wire.chain import START, ChainPoint, plan_line, read_line
from broadcaster.wire.journal import Ending, Happening, read_entry, write_entry
from tests.unit.makers import AN_NONG, make_airing, make_entry, make_programme
from tests.unit.makers import START as START_AT


def test_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    with record.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    record.close()
    open_record(tmp_path / "record.sqlite3").close()


def test_newest_revision_is_known_without_alembic() -> None:
    assert find_newest_revision() == list_revisions()[0]


def test_record_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    open_record(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(RecordVersionError):
        open_record(path)


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(RecordError, match=r"record\.sqlite3"):
        open_record(path)


def test_concurrent_read_modify_writes_lose_nothing(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    with record.write() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(50):
            with record.write() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with record.read() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 200
    record.close()


def test_broken_write_leaves_nothing(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    with pytest.raises(ZeroDivisionError), record.write() as connection:
        write_programme(connection, make_programme("tin"))
        raise ZeroDivisionError
    with record.read() as connection:
        assert read_programmes(connection) == []
    record.close()


def test_programme_comes_back_as_it_was_and_removal_is_undone(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    programme = make_programme("tin")
    with record.write() as connection:
        write_programme(connection, programme)
        assert read_programme(connection, programme.id) == programme
        assert read_programmes(connection, on=date(2023, 10, 8)) == []
        write_removal(connection, programme.id, START_AT)
        assert read_programme(connection, programme.id) is None
        assert write_return(connection, programme.id)
        assert not write_return(connection, programme.id)
        assert read_programmes(connection) == [programme]
    record.close()


def test_airings_come_back_and_tell_whether_a_programme_is_in_use(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    airing = make_airing("20231009-chieu-1-aa")
    with record.write() as connection:
        write_airings(connection, AN_NONG, date(2023, 10, 9), [airing], 1)
        assert read_airings_between(connection, START_AT, START_AT + timedelta(seconds=1)) == [airing]
        assert read_airings_between(connection, START_AT - timedelta(seconds=1), START_AT) == []
        on_air = START_AT + timedelta(seconds=59)
        assert read_future_use(connection, ProgrammeId("tin"), on_air) == [(AN_NONG, START_AT)]
        assert read_future_use(connection, ProgrammeId("tin"), on_air + timedelta(seconds=1)) == []
    record.close()


def test_collecting_twice_changes_nothing(tmp_path: Path) -> None:
    record = open_record(tmp_path / "record.sqlite3")
    entry = make_entry(Happening.END, output_ms=60_000, ending=Ending.COMPLETE)
    raw = plan_line(ChainPoint(LogId("0011223344556677"), 0, START), write_entry(entry))
    line = read_entry(read_line(raw))
    with record.write() as connection:
        assert write_journal(connection, AN_NONG, [line], START_AT) == 1
        assert write_journal(connection, AN_NONG, [line], START_AT + timedelta(days=3)) == 0
        period = (START_AT, START_AT + timedelta(seconds=1))
        assert read_journal(connection, [AN_NONG], *period, START_AT) == {AN_NONG: {entry.airing: [line]}}
        assert read_journal(connection, [AN_NONG], *period, START_AT - timedelta(seconds=1)) == {}
    record.close()

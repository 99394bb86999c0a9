"""The box proves its own diary: what was changed in it is found and named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import pytest

from broadcaster.core.ids import LogId
from broadcaster.station.journal import PATTERN
from broadcaster.station.keeping import JournalKeeper
from broadcaster.station.logbook import ChainedLog, read_log_id
from broadcaster.station.verify import verify_logs
from broadcaster.wire.journal import Happening, journal_file_name, write_entry
from broadcaster.wire.receipt import Receipt, Verdict, write_receipt
from tests.station_box import StationBox
from tests.station_simulator import FakeClock
from tests.unit.makers import START, make_entry

Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def box(tmp_path: Path) -> StationBox:
    """Give a box with five diary lines over two days, the clock set back once, and one receipt."""
    made = StationBox(tmp_path / "box")
    journal = ChainedLog(LogId("0" * 16), [], made.library / "torn")
    for day in ("09", "10", "10", "10", "09"):
        journal.append(made.outbox / f"journal-2023-10-{day}.jsonl", write_entry(make_entry(Happening.START)))
    receipts = ChainedLog(LogId("0" * 16), [], made.library / "torn")
    receipts.append(
        made.outbox / "receipts.jsonl", write_receipt(Receipt(START, "x", None, Verdict.REFUSED, "no such thing"))
    )
    return made


def test_whole_logs_have_no_break(box: StationBox) -> None:
    journal, receipts = verify_logs(box.outbox, box.library)
    assert (journal.files, journal.lines, journal.breaks) == (2, 5, ())
    assert (receipts.files, receipts.lines, receipts.breaks) == (1, 1, ())


def test_line_that_is_just_being_written_is_no_break(box: StationBox) -> None:
    with (box.outbox / "journal-2023-10-10.jsonl").open("ab") as file:
        file.write(b'{"log":"0')
    assert verify_logs(box.outbox, box.library)[0].breaks == ()


CHANGES: dict[str, tuple[Change, str]] = {
    "gap": (lambda lines: [lines[0], lines[2]], "line 4 follows line 2"),
    "edit": (
        lambda lines: [lines[0].replace(b'"volume":100', b'"volume":99'), *lines[1:]],
        "line 2 is not the one that line 3 followed",
    ),
    "reordering": (lambda lines: [lines[1], lines[0], lines[2]], "line 2 stands behind line 3"),
    "doubling": (lambda lines: [*lines, lines[-1]], "line 4 stands behind line 4"),
    "noise": (lambda lines: [b"noise", *lines], "not JSON"),
    "another kind": (lambda lines: [line.replace(b'"kind":"journal"', b'"kind":"x"') for line in lines], "kind"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_found_and_the_command_ends_with_64(box: StationBox, change: str) -> None:
    apply, expected = CHANGES[change]
    path = box.outbox / "journal-2023-10-10.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in apply(path.read_bytes().splitlines())))
    assert any(expected in found for found in verify_logs(box.outbox, box.library)[0].breaks)
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(box.write_settings()), "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert expected in done.stderr


def test_removed_day_and_removed_beginning_are_found(box: StationBox) -> None:
    (box.outbox / "journal-2023-10-10.jsonl").unlink()
    assert verify_logs(box.outbox, box.library)[0].breaks == (f"log {'0' * 16}: line 5 follows line 1",)


def fill(box: StationBox, days: Iterable[date]) -> None:
    """Write two lines for each of some days, in their order."""
    log = read_log_id(box.library, has_begun=True)
    chain = ChainedLog(log, box.outbox.glob(PATTERN), box.library / "torn")
    for day in days:
        for _ in range(2):
            chain.append(box.outbox / journal_file_name(day.isoformat()), write_entry(make_entry(Happening.START)))


def list_days(box: StationBox) -> list[str]:
    return [path.name[8:18] for path in sorted(box.outbox.glob(PATTERN))]


@pytest.fixture
def old_box(tmp_path: Path) -> StationBox:
    """Give a box that is eight years old, with a day in each half of a year and one that a wrong clock wrote to."""
    made = StationBox(tmp_path / "box")
    days = [date(year, month, 9) for year in range(2016, 2024) for month in (1, 7)]
    fill(made, [*days[:3], date(2015, 1, 1), *days[3:], START.date()])
    return made


def trim(box: StationBox, limit_bytes: int) -> str:
    keeper = JournalKeeper(box.outbox, box.library, FakeClock(START), limit_bytes)
    keeper.trim()
    return keeper.trouble


def test_diary_within_its_size_is_kept_for_ever(old_box: StationBox) -> None:
    before = list_days(old_box)
    assert trim(old_box, 10**6) == ""
    assert list_days(old_box) == before
    assert not (old_box.library / "journal-begins.json").exists()


def test_oldest_days_go_when_the_diary_is_too_large_and_it_is_still_proven(old_box: StationBox) -> None:
    before = list_days(old_box)
    sizes = [path.stat().st_size for path in old_box.outbox.glob(PATTERN)]
    assert trim(old_box, sum(sizes) - 1) == ""
    assert list_days(old_box) == ["2015-01-01", *before[2:]]
    assert verify_logs(old_box.outbox, old_box.library)[0].breaks == ()
    fill(old_box, [date(2023, 10, 10)])
    journal, _ = verify_logs(old_box.outbox, old_box.library)
    assert (journal.lines, journal.breaks) == (36 - 2 + 2, ())
    (old_box.outbox / "journal-2016-07-09.jsonl").unlink()
    assert verify_logs(old_box.outbox, old_box.library)[0].breaks != ()


def test_last_five_years_and_what_cannot_be_read_stay_and_it_is_told(old_box: StationBox) -> None:
    damaged = old_box.outbox / "journal-2017-07-09.jsonl"
    damaged.write_bytes(damaged.read_bytes().replace(b"event", b"evnet\xff", 1))
    assert "larger than journal_mb" in trim(old_box, 1)
    assert list_days(old_box)[:3] == ["2017-07-09", "2018-01-09", "2018-07-09"]
    assert list_days(old_box)[-1] == "2023-10-09"


def test_power_cut_between_the_note_and_the_removal_is_no_break(
    old_box: StationBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list_days(old_box)

    unlink = Path.unlink

    def lose_power(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".jsonl":
            raise OSError("the power went")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lose_power)
        assert "the power went" in trim(old_box, 1)
    assert list_days(old_box) == before
    assert verify_logs(old_box.outbox, old_box.library)[0].breaks == ()
    trim(old_box, 1)
    assert list_days(old_box)[0] == "2019-01-09"
    assert verify_logs(old_box.outbox, old_box.library)[0].breaks == ()

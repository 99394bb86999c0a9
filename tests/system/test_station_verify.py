"""The box proves its own diary: what was changed in it is found and named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broadcaster.core.ids import LogId
from broadcaster.station.logbook import ChainedLog
from broadcaster.station.verify import verify_logs
from broadcaster.wire.journal import Happening, write_entry
from broadcaster.wire.receipt import Receipt, Verdict, write_receipt
from tests.station_box import StationBox
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
    journal, receipts = verify_logs(box.outbox)
    assert (journal.files, journal.lines, journal.breaks) == (2, 5, ())
    assert (receipts.files, receipts.lines, receipts.breaks) == (1, 1, ())


def test_line_that_is_just_being_written_is_no_break(box: StationBox) -> None:
    with (box.outbox / "journal-2023-10-10.jsonl").open("ab") as file:
        file.write(b'{"log":"0')
    assert verify_logs(box.outbox)[0].breaks == ()


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
    assert any(expected in found for found in verify_logs(box.outbox)[0].breaks)
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(box.write_settings()), "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert expected in done.stderr


def test_removed_day_and_removed_beginning_are_found(box: StationBox) -> None:
    (box.outbox / "journal-2023-10-10.jsonl").unlink()
    assert verify_logs(box.outbox)[0].breaks == (f"log {'0' * 16}: line 5 follows line 1",)

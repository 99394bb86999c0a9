"""A stick that is pulled out, full, or whose command is killed: nothing on it, or taken from it, is ever half."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from broadcaster.centre.stick_out import export_to_stick, measure_room, read_carried
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import (
    BrokenTransferError,
    DocumentError,
    SignatureError,
    StationDiskError,
    StationFullError,
)
from broadcaster.core.files import hash_bytes, hash_file
from broadcaster.core.ids import StationId
from broadcaster.core.schedules import Schedules
from broadcaster.station.settings import read_settings
from broadcaster.station.stick_in import Taken, open_stick, read_stick, take_in
from broadcaster.station.stick_out import write_back
from broadcaster.store.engine import open_record
from broadcaster.store.programmes import write_programme
from broadcaster.wire.receipt import Verdict
from tests.district import CLOCK, DAYS, MASTER_BYTES, NAMES, District, list_days, read_list, require_whole
from tests.sshd import make_bytes
from tests.system.test_collect import Diary
from tests.unit.makers import make_programme
from tests.usb_stick import Stick


def test_a_stick_pulled_out_at_the_centre_keeps_what_it_had_and_is_finished_later(
    district: District, stick: Stick
) -> None:
    district.export(stick, NAMES[1])
    stick.plug_in()
    pulled: list[int] = []

    def pull_out(_station: StationId, file: str, done_bytes: int, _total_bytes: int) -> None:
        if file.endswith(".mp3") and done_bytes > MASTER_BYTES // 2 and not pulled:
            pulled.append(done_bytes)
            stick.pull_out()

    for path in (stick.root / "masters").iterdir():
        path.unlink()
    results = district.export(stick, on_event=pull_out)
    assert pulled
    assert all(one.error is not None for one in results)
    assert isinstance(results[0].error, BrokenTransferError)
    assert "the stick reports" in results[0].error.message
    stick.plug_in()
    assert [one.error for one in district.export(stick)] == [None, None]
    for name in NAMES:
        require_whole(stick, name)
    assert not list(stick.root.rglob("*.part"))


def test_what_was_told_to_be_whole_is_whole_on_a_stick_pulled_out_right_after(district: District, stick: Stick) -> None:
    first, second = (one.station.id for one in district.read_carried())

    def pull_out(station: StationId, _file: str, _done_bytes: int, _total_bytes: int) -> None:
        if station == second:
            stick.pull_out()

    results = district.export(stick, on_event=pull_out)
    assert [one.error is None for one in results] == [True, False]
    stick.plug_in()
    assert len(read_list(stick.place(first, "inbox")).files) == 3 * DAYS
    require_whole(stick, first)


def test_a_stick_pulled_out_at_the_box_leaves_nothing_half_and_is_taken_in_later(
    district: District, stick: Stick
) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    settings = read_settings(commune.settings)
    district.export(stick, name)
    stick.plug_in()
    told: list[Taken] = []

    def pull_out(taken: Taken) -> None:
        told.append(taken)
        if taken.name.endswith(".mp3") and taken.is_verified:
            stick.pull_out()

    with commune.running():
        with open_stick(stick.folder, settings) as root:
            contents = read_stick(root, settings)
            assert contents is not None
            assert not take_in(root, contents, settings, CLOCK, pull_out)
            with pytest.raises(StationDiskError, match="Input/output error"):
                write_back(root, settings, CLOCK)
        assert [taken.is_verified for taken in told] == [True] * (DAYS + 1) + [False] * (DAYS - 1)
        assert {taken.outcome.rpartition(": ")[2] for taken in told[DAYS + 1 :]} == {"Input/output error"}
        assert list(commune.box.inbox.iterdir()) == []
        assert len(commune.list_library()) == 1
        stick.plug_in()
        assert district.take(stick)[name].as_of is None
        assert commune.usb(stick).count("  verified") == 2 * DAYS
    assert district.take(stick)[name].error is None
    assert district.masters < district.read_held(name)


def test_a_stick_that_fills_up_is_no_success_and_what_it_had_stays(district: District, stick: Stick) -> None:
    district.export(stick, NAMES[1])
    before = read_list(stick.place(NAMES[1], "inbox"))
    late = make_programme("tin-toi", on=list_days()[0])
    data = make_bytes(8 * MASTER_BYTES, seed=50)
    master = replace(late.master, sha256=hash_bytes(data), size_bytes=len(data))
    district.workspace.get_master(master.sha256).write_bytes(data)
    with district.record.write() as connection:
        write_programme(connection, replace(late, master=master))
    district.publish()

    def fill(_station: StationId, file: str, done_bytes: int, _total_bytes: int) -> None:
        if file == f"{master.sha256}.mp3" and done_bytes > MASTER_BYTES and not (stick.folder / "filler").exists():
            with (stick.folder / "filler").open("wb", buffering=0) as filler:
                os.posix_fallocate(filler.fileno(), 0, measure_room(stick.folder, []).free_bytes - (1 << 18))

    results = {result.station.id: result for result in district.export(stick, on_event=fill)}
    assert {type(result.error) for result in results.values()} == {StationFullError}
    assert all(result.error and "the stick" in result.error.hint for result in results.values())
    assert read_list(stick.place(NAMES[1], "inbox")) == before
    require_whole(stick, NAMES[1])
    with pytest.raises(StationFullError, match="has no room"):
        district.export(stick)
    (stick.folder / "filler").unlink()
    assert [one.error for one in district.export(stick)] == [None, None]
    require_whole(stick, NAMES[1])


def test_a_full_stick_at_the_box_takes_no_half_diary(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    with commune.running():
        commune.usb(stick)
        taken = district.take(stick)[name].new_lines
        Diary(commune.box.outbox, "aa").write_airing(0, 1)
        (commune.box.outbox / "journal-2023-10-10.jsonl").write_bytes(b'{"x":1}\n' * 100_000)
        with (stick.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, measure_room(stick.folder, []).free_bytes - (1 << 18))
        said = commune.usb(stick, code=54)
        assert "No space left on device" in said
        assert "nothing of the diary is lost" in said
        assert district.take(stick)[name].new_lines == 0
        (stick.folder / "filler").unlink()
        (commune.box.outbox / "journal-2023-10-10.jsonl").unlink()
        commune.usb(stick)
        assert not list(stick.root.rglob("*.tmp"))
    assert taken == 2 * DAYS
    assert district.take(stick)[name].new_lines > 0


def export_in_a_process(root: Path, schedules: Schedules, stick: Stick) -> None:
    """Do what `broadcaster usb export` does, in a process of its own that may be killed."""
    workspace = Workspace(root)
    record = open_record(workspace.state / "record.sqlite3")
    carried = read_carried(workspace, record, schedules, schedules.stations, CLOCK.now_at())
    export_to_stick(workspace, record, carried, stick.folder, CLOCK, lambda *_: time.sleep(0.002))  # a slow stick
    record.close()


def test_killed_at_random_moments_nothing_on_the_stick_or_in_the_inbox_is_half(
    district: District, stick: Stick
) -> None:
    name = NAMES[0]
    dice = secrets.SystemRandom()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = (district.workspace.root, district.schedules, stick)
    is_torn = False
    for turn in range(8):
        process = context.Process(target=export_in_a_process, args=arguments)
        process.start()
        if turn == 0:  # one that is certainly in the middle of a file, however busy the machine is
            while process.is_alive() and not any(stick.root.rglob("*.part")):
                pass
        else:
            time.sleep(dice.uniform(0.0, 0.6))
        process.kill()
        process.join()
        for one in NAMES:
            require_whole(stick, one)
        if (stick.root / "masters").exists():
            is_torn |= any(stick.root.rglob("*.part"))
            for path in (stick.root / "masters").glob("*.mp3"):
                assert hash_file(path) == path.stem
    process = context.Process(target=export_in_a_process, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert is_torn
    assert not any(stick.root.rglob("*.part"))
    assert len(read_list(stick.place(name, "inbox")).files) == 3 * DAYS
    commune = district.communes[name]
    with commune.running():
        for _ in range(5):
            reader = subprocess.Popen([*commune.command(), "usb", str(stick.folder)], stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.2, 2.6))
            reader.send_signal(signal.SIGKILL)
            reader.wait()
            half = district.take(stick)[name]
            assert half.breaks == ()
            assert half.error is None or isinstance(half.error, DocumentError | SignatureError)
        assert commune.usb(stick).count("  verified") == 2 * DAYS
        assert commune.list_library() == district.masters
        receipts = commune.box.read_receipts()
        assert {receipt.verdict for receipt in receipts} == {Verdict.VERIFIED}
        assert list(commune.box.inbox.iterdir()) == []
    result = district.take(stick)[name]
    assert (result.error, result.breaks) == (None, ())
    assert district.masters < district.read_held(name)

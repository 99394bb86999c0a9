"""The real agent as its own process, with real players: at its second, through kill -9, with a full disk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broadcaster.core.ids import AiringId
from broadcaster.core.model import Airing, StartRule
from broadcaster.wire.journal import Ending, Happening, SkipReason
from broadcaster.wire.receipt import Verdict
from broadcaster.wire.status import StationStatus, read_status
from tests.station_box import ZONE_NAME, StationBox, make_airing_of, make_master, make_plan, start_agent, wait_until
from tests.unit.makers import make_airing

SECONDS = 1.0


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_master(tmp_path_factory.mktemp("tone"), SECONDS)[0]


@pytest.fixture(scope="module")
def long_tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_master(tmp_path_factory.mktemp("tone"), 8.0, 660)[0]


@contextmanager
def running(box: StationBox, settings: Path) -> Iterator[subprocess.Popen[bytes]]:
    (box.outbox / "status.json").unlink(missing_ok=True)
    agent = start_agent(settings, box.folder / "agent.log")
    try:
        wait_until((box.outbox / "status.json").exists)
        yield agent
    finally:
        if agent.poll() is None:
            agent.terminate()
        assert agent.wait(20) in (0, -signal.SIGKILL), (box.folder / "agent.log").read_text()


def read_box_status(box: StationBox) -> StationStatus:
    return read_status((box.outbox / "status.json").read_bytes())


def soon(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def deliver(box: StationBox, master: Path, *airings: Airing) -> None:
    on = airings[0].start_at.astimezone(ZoneInfo(ZONE_NAME)).date()
    box.send_plan(make_plan(on, airings))
    box.send_bytes(master.read_bytes())


@pytest.mark.parametrize("player", ["mpv", "pcm"])
def test_rundown_plays_at_its_second_and_the_journal_is_whole(tmp_path: Path, tone: Path, player: str) -> None:
    box = StationBox(tmp_path / "box")
    with running(box, box.write_settings(player=player)):
        first = make_airing_of(make_airing("first", soon(3)), tone, SECONDS)
        second = replace(
            first, id=AiringId("second"), start_rule=StartRule.AFTER,
            start_at=first.start_at + timedelta(seconds=SECONDS),
        )  # fmt: skip
        deliver(box, tone, first, second)
        wait_until(lambda: len(box.read_journal()) == 4)
    journal = box.read_journal()
    assert [(line.airing, line.happening) for line in journal] == [
        ("first", Happening.START), ("first", Happening.END), ("second", Happening.START), ("second", Happening.END),
    ]  # fmt: skip
    for line in (journal[1], journal[3]):
        assert line.ending is Ending.COMPLETE
        assert SECONDS * 1000 - 300 <= line.output_ms <= SECONDS * 1000 + 100
    assert journal[0].at < first.start_at
    started_at = journal[1].started_at
    assert started_at is not None
    assert first.start_at <= started_at
    assert [receipt.verdict for receipt in box.read_receipts()] == [Verdict.VERIFIED, Verdict.VERIFIED]
    assert list(box.inbox.iterdir()) == []


def test_agent_tells_systemd_that_it_is_ready_alive_and_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(address))
        line.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        box = StationBox(tmp_path / "box")
        with running(box, box.write_settings()):
            assert [line.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        told = b""
        while told != b"STOPPING=1":
            told = line.recv(100)


def test_status_tells_what_plays_and_what_comes(tmp_path: Path, long_tone: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings()
    with running(box, settings):
        airing = make_airing_of(make_airing("a", soon(2)), long_tone, 8)
        deliver(
            box, long_tone, airing, replace(airing, id=AiringId("b"), start_at=airing.start_at + timedelta(hours=1))
        )
        wait_until(lambda: read_box_status(box).playing == "Tin")
        assert read_box_status(box).next_at == airing.start_at + timedelta(hours=1)
        assert read_box_status(box).trouble == ""
        shown = subprocess.run(
            [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "status", "--json"],
            capture_output=True, check=True,
        )  # fmt: skip
        assert json.loads(shown.stdout)["is_running"] is True
    assert box.read_journal()[-1].ending is Ending.STOPPED
    assert box.read_journal()[-1].output_ms > 0


def test_kill_in_mid_play_leaves_an_interrupted_line_and_the_rest_is_joined(tmp_path: Path, long_tone: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings()
    with running(box, settings) as agent:
        airing = make_airing_of(make_airing("a", soon(2)), long_tone, 8)
        deliver(box, long_tone, airing)
        playing = box.library / "playing.json"
        wait_until(lambda: playing.exists() and json.loads(playing.read_bytes())["output_ms"] > 1000)
        agent.kill()
        agent.wait()
    with (box.outbox / sorted(box.outbox.glob("journal-*"))[-1].name).open("ab") as journal:
        journal.write(b'{"log":"torn by the power')
    with running(box, settings):
        wait_until(lambda: len(box.read_journal()) == 4)
    lines = box.read_journal()
    assert [line.happening for line in lines] == [Happening.START, Happening.END, Happening.START, Happening.END]
    assert [line.ending for line in lines[1::2]] == [Ending.INTERRUPTED, Ending.COMPLETE]
    assert 1000 < lines[1].output_ms < 8000
    assert lines[3].output_ms < 8000 - lines[1].output_ms
    assert b"torn by the power" in (box.library / "torn-lines").read_bytes()


def list_children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("player", ["mpv", "pcm"])
def test_killed_agent_leaves_nothing_sounding(tmp_path: Path, long_tone: Path, player: str) -> None:
    box = StationBox(tmp_path / "box")
    with running(box, box.write_settings(player=player)) as agent:
        deliver(box, long_tone, make_airing_of(make_airing("a", soon(2)), long_tone, 8))
        wait_until((box.library / "playing.json").exists)
        children = list_children(agent.pid)
        assert len(children) == 1
        agent.kill()
        agent.wait()
        wait_until(lambda: not any(is_alive(child) for child in children))
    assert [line.happening for line in box.read_journal()] == [Happening.START]


def test_player_that_hangs_is_replaced_and_the_item_goes_on(tmp_path: Path, tone: Path) -> None:
    box = StationBox(tmp_path / "box")
    master = make_master(tmp_path, 16.0, 550)[0]
    with running(box, box.write_settings(player="mpv")) as agent:
        deliver(box, master, make_airing_of(make_airing("a", soon(2)), master, 16))
        wait_until((box.library / "playing.json").exists)
        (hung,) = list_children(agent.pid)
        os.kill(hung, signal.SIGSTOP)
        wait_until(lambda: read_box_status(box).silence == "Tin" or len(box.read_journal()) > 2)
        wait_until(lambda: len(box.read_journal()) == 4, 30)
        assert not is_alive(hung)
    lines = box.read_journal()
    assert [line.ending for line in lines] == [None, Ending.FAILED, None, Ending.COMPLETE]
    assert lines[3].output_ms < 16_000 - 5_000
    assert sum(line.output_ms for line in lines) < 16_000


def test_damaged_master_is_not_heard_and_is_asked_for_again(tmp_path: Path, tone: Path) -> None:
    box = StationBox(tmp_path / "box")
    with running(box, box.write_settings(player="mpv")):
        deliver(box, tone, make_airing_of(make_airing("a", soon(6)), tone, SECONDS))
        wait_until(lambda: len(box.read_receipts()) == 2)
        next(box.library.glob("*.mp3")).write_bytes(b"\0" * 20_000)
        wait_until(lambda: len(box.read_journal()) == 1)
    (line,) = box.read_journal()
    assert (line.reason, line.note.startswith("mpv cannot play")) == (SkipReason.PLAYER, True)
    assert [receipt.verdict for receipt in box.read_receipts()][2:] == [Verdict.REMOVED]
    assert list(box.library.glob("*.mp3")) == []


def test_kill_at_any_moment_of_receiving_loses_no_file_and_doubles_no_line(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings()
    names = set()
    for turn in range(6):
        with running(box, settings) as agent:
            names |= {box.send_bytes(f"{turn} {number}".encode() * 50_000) for number in range(20)}
            moment = threading.Event()
            threading.Timer(0.1 * turn, moment.set).start()
            moment.wait()
            agent.kill()
            agent.wait()
        box.read_receipts()
    with running(box, settings):
        wait_until(lambda: list(box.inbox.iterdir()) == [])
    receipts = box.read_receipts()
    assert {receipt.name for receipt in receipts} == names
    assert all(receipt.verdict is Verdict.VERIFIED for receipt in receipts)
    assert {path.name for path in box.library.glob("*.mp3")} == names
    assert list((box.library / ".incoming").iterdir()) == []


def test_full_disk_refuses_the_master_and_the_agent_lives(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(box.library)], check=True)
    try:
        with running(box, box.write_settings()):
            big = box.send_bytes(b"x" * 3_000_000)
            small = box.send_bytes(b"y" * 10_000)
            wait_until(lambda: len(box.read_receipts()) == 2)
            receipts = {receipt.name: receipt for receipt in box.read_receipts()}
            assert (receipts[big].verdict, receipts[big].reason) == (Verdict.REFUSED, "disk full")
            assert receipts[small].verdict is Verdict.VERIFIED
            wait_until(lambda: read_box_status(box).masters == 1)
        assert list(box.inbox.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(box.library)], check=True)


def test_second_agent_is_turned_away(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings()
    with running(box, settings):
        other = start_agent(settings, tmp_path / "other.log")
        assert other.wait(20) == 56
        assert "already running" in (tmp_path / "other.log").read_text()


def test_check_says_what_is_wrong(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings(player="mpv", output="alsa/no-such-device", reserve_mb=10**9)
    box.outbox.rmdir()
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "check", "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    wrong = {finding["what"] for finding in json.loads(done.stdout) if finding["is_wrong"]}
    assert wrong == {"outbox", "disk", "player"}


def test_box_that_is_right_passes_the_check(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings(player="mpv")
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "check"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_wrong_settings_are_told_with_file_and_field(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    settings = box.write_settings(volume="loud")
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "run"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 55
    assert f"error: {settings}: field 'volume' is 'loud', expected a whole number from 0 to 130" in done.stderr

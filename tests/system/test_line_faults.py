"""Lines and stations that fail in every way, on real sshd: noticed soon, told truly, and made good by the next try."""

from __future__ import annotations

import functools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from broadcaster.centre.fanout import push_missing
from broadcaster.centre.visit import Courier
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BrokenTransferError, DeliveryError, UnreachableError
from broadcaster.core.files import hash_file
from broadcaster.core.ids import StationId
from broadcaster.delivery.progress import StationNews, Step
from broadcaster.demo.openssh import start_sshd
from broadcaster.link.line import LinkLimits
from broadcaster.link.session import open_session
from broadcaster.link.sftp import POSIX_RENAME, SftpClient
from broadcaster.link.transfer import list_folder, send_file
from broadcaster.store.deliveries import read_attempts
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_held
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.relay import open_line
from tests.sshd import Box, make_bytes, open_box
from tests.unit.makers import make_schedules

IMPATIENT = LinkLimits(connect_s=2, banner_s=1.5, handshake_s=2, login_s=2, channel_s=2, stall_s=2)
SIZE_BYTES = 3_000_000
SCHEDULES = make_schedules()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path / "centre") as box:
        yield box


@pytest.fixture
def fleet(tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[Fleet]:
    with open_fleet(tmp_path / "boxes", workspace, record, ("an-nong",)) as fleet:
        yield fleet


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp3"
    path.write_bytes(make_bytes(SIZE_BYTES, seed=21))
    return path


@pytest.mark.timeout(120)
def test_a_line_that_freezes_in_whatever_phase_is_noticed_and_ended(box: Box, source: Path) -> None:
    with open_line(box.address.port) as line:
        with open_session(replace(box.address, port=line.port), box.key) as session:
            list_folder(session, "inbox")
        whole_bytes = line.passed_bytes  # of a session that only sets up and looks

    def try_frozen(after_bytes: int) -> float:
        with open_line(box.address.port, freeze_after_bytes=after_bytes) as line:
            began_s = time.monotonic()
            with (
                pytest.raises(DeliveryError) as caught,
                open_session(replace(box.address, port=line.port), box.key, IMPATIENT) as session,
            ):
                send_file(session, source, f"frozen-{after_bytes}.mp3", lambda _: None)
            assert line.is_frozen.is_set()
            assert caught.value.is_retryable, caught.value.message
            return time.monotonic() - began_s

    points = [whole_bytes * n // 14 for n in range(14)] + [whole_bytes + 200, whole_bytes + 1500]
    with ThreadPoolExecutor(8) as pool:
        took_s = list(pool.map(try_frozen, points))
    assert max(took_s) < 20, took_s
    assert not [thread for thread in threading.enumerate() if thread.name == "link-watchdog"]


def test_pauses_shorter_than_the_limit_are_no_alarm(box: Box, source: Path) -> None:
    with (
        open_line(box.address.port, pause_every_bytes=1_000_000, pause_s=0.6 * IMPATIENT.stall_s) as line,
        open_session(replace(box.address, port=line.port), box.key, IMPATIENT) as session,
    ):
        assert send_file(session, source, "a.mp3", lambda _: None).bytes_sent == SIZE_BYTES
    assert hash_file(box.inbox / "a.mp3") == hash_file(source)


def test_waiting_for_the_uplink_is_no_stall_of_the_station(box: Box, source: Path) -> None:
    limits = replace(IMPATIENT, stall_s=0.4)
    waits_s = iter([0.0, 0.0, 1.0, 0.0, 1.0])
    with open_session(box.address, box.key, limits, pace=lambda _: time.sleep(next(waits_s, 0.0))) as session:
        assert send_file(session, source, "a.mp3", lambda _: None).bytes_sent == SIZE_BYTES


def test_a_session_that_trickles_on_for_ever_is_ended(box: Box, source: Path) -> None:
    limits = replace(IMPATIENT, total_s=1.5)
    with (
        open_line(box.address.port, pause_every_bytes=100_000, pause_s=0.2) as line,
        pytest.raises(BrokenTransferError, match="took longer than"),
        open_session(replace(box.address, port=line.port), box.key, limits) as session,
    ):
        send_file(session, source, "a.mp3", lambda _: None)
    assert (box.inbox / "a.mp3.part").stat().st_size > 0


def test_a_server_that_has_no_posix_rename_still_gets_the_file(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "files"
    force = f"ForceCommand internal-sftp -P posix-rename -d {folder}"
    with (
        open_box(tmp_path / "centre", start=functools.partial(start_sshd, settings=(force,)), folder=folder) as box,
        open_session(box.address, box.key) as session,
    ):
        assert isinstance(session.sftp, SftpClient)
        assert POSIX_RENAME not in session.sftp.extensions
        (box.inbox / "a.mp3").write_bytes(b"old")
        send_file(session, source, "a.mp3", lambda _: None)
        assert box.list_inbox() == ["a.mp3"]
        assert hash_file(box.inbox / "a.mp3") == hash_file(source)


def take_the_only_login(port: int) -> socket.socket:
    """Stand at the login without logging in; the one that saw the server come up may take a moment to be gone."""
    until_s = time.monotonic() + 20
    while True:
        hog = socket.create_connection(("127.0.0.1", port))
        if hog.recv(4) == b"SSH-":
            return hog
        hog.close()
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_a_station_that_takes_no_more_logins_is_tried_again(
    tmp_path: Path, workspace: Workspace, record: Record
) -> None:
    start = functools.partial(start_sshd, settings=("MaxStartups 1:100:1", "LoginGraceTime 60"))
    with open_fleet(tmp_path / "boxes", workspace, record, ("an-nong",), start=start) as fleet:
        one = fleet.make_missing("an-nong", [fleet.make_master(1, 100_000)])
        with take_the_only_login(one.station.port) as hog:

            def hear(news: StationNews) -> None:
                if news.step is Step.AGAIN:
                    hog.close()

            courier = Courier(fleet.workspace, fleet.record, CLOCK)
            refused = courier.visit(one, 0)
            assert isinstance(refused.error, UnreachableError)
            (done,) = push_missing(fleet.workspace, fleet.record, SCHEDULES, [one], Impatient(), 20, hear, tries=3)
        assert done.is_confirmed
        assert fleet.list_library("an-nong") == set(one.hashes)
        assert fleet.boxes["an-nong"].list_inbox() == []
        with record.read() as connection:
            assert set(read_held(connection)[StationId("an-nong")]) == set(one.hashes)
            assert [a.sent_bytes for a in read_attempts(connection, StationId("an-nong"), 10)][-1] == 0


class Impatient:
    """The machine's clock, for which long waits are short."""

    now_at = staticmethod(CLOCK.now_at)

    def sleep_s(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.2))


def meddle_once(fleet: Fleet, act: Callable[[Path], None]) -> Callable[[StationNews], None]:
    """Do something to the .part in the inbox once, in the middle of its transfer."""
    has_acted = threading.Event()

    def hear(news: StationNews) -> None:
        if news.step is Step.SENDING and news.done_bytes > SIZE_BYTES // 2 and not has_acted.is_set():
            has_acted.set()
            act(fleet.boxes["an-nong"].inbox / f"{news.name}.part")

    return hear


def delete(part: Path) -> None:
    part.unlink()


def cut(part: Path) -> None:
    os.truncate(part, 1000)


def rewrite(part: Path) -> None:
    with part.open("r+b") as file:
        file.seek(500_000)
        file.write(bytes(100_000))


def replace_by_another(part: Path) -> None:
    other = part.parents[1] / "other"  # in the inbox the agent might clear it away first
    other.write_bytes(make_bytes(SIZE_BYTES, seed=99))
    other.replace(part)


@pytest.mark.parametrize("act", [delete, cut, rewrite, replace_by_another])
@pytest.mark.parametrize("has_agent", [True, False], ids=["agent", "no-agent"])
def test_a_part_that_somebody_meddles_with_is_never_taken_for_the_file(
    fleet: Fleet, act: Callable[[Path], None], has_agent: bool
) -> None:
    master = fleet.make_master(2, SIZE_BYTES)
    if not has_agent:
        fleet.agents["an-nong"].stop()
    one = fleet.make_missing("an-nong", [master], has_agent=has_agent)
    tell = meddle_once(fleet, act)
    (done,) = push_missing(fleet.workspace, fleet.record, SCHEDULES, [one], Impatient(), 20, tell, tries=3)
    assert (done.error, done.is_confirmed) == (None, True)
    box = fleet.boxes["an-nong"]
    if has_agent:
        assert fleet.list_library("an-nong") == {master.sha256}
        assert box.list_inbox() == []
    else:
        assert box.list_inbox() == [master.name]
        assert hash_file(box.inbox / master.name) == master.sha256
    with fleet.record.read() as connection:
        newest, first = read_attempts(connection, StationId("an-nong"), 10)
    assert newest.error == ""
    assert first.error == "BrokenTransferError"
    assert done.sent_bytes == newest.sent_bytes + first.sent_bytes


def test_no_log_holds_a_secret_even_at_debug(
    fleet: Fleet, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("", "paramiko", "broadcaster"):
        caplog.set_level(logging.DEBUG, name)
    paramiko_log = logging.getLogger("paramiko")
    paramiko_log.addHandler(caplog.handler)
    try:
        one = fleet.make_missing("an-nong", [fleet.make_master(3, 100_000)])
        assert Courier(fleet.workspace, fleet.record, CLOCK).visit(one, 20).is_confirmed
    finally:
        paramiko_log.removeHandler(caplog.handler)
    assert "aes128-gcm" in caplog.text  # paramiko has told all it knows
    said = caplog.text + "".join(capfd.readouterr()) + (fleet.boxes["an-nong"].state / "sshd.log").read_text()
    secret = fleet.workspace.key.read_text().splitlines()
    assert not [line for line in secret[1:-1] if line in said]
    assert "PRIVATE KEY" not in said

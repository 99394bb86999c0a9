"""Pushing to real sshd stations, and everything that goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from broadcaster.core.errors import (
    BrokenTransferError,
    CentreKeyError,
    HostKeyChangedError,
    LoginRefusedError,
    StationFullError,
    UnreachableError,
)
from broadcaster.core.files import hash_file
from broadcaster.core.ids import Sha256, StationId
from broadcaster.delivery.push import MasterFile, PlanFile, StationJob
from broadcaster.demo.embedded import start_embedded
from broadcaster.link.line import LinkLimits
from broadcaster.link.session import open_session
from broadcaster.link.transfer import send_bytes, send_file
from broadcaster.wire.signature import write_key_pair
from tests.pushing import push_to_stations
from tests.sshd import Box, make_bytes, open_box

SIZE_BYTES = 24_000_003
PLAN = PlanFile("plan-2023-10-09.r1.json", b'{"kind": "broadcaster-day-plan"}\n', "-----BEGIN SSH SIGNATURE-----\n")
IMPATIENT = LinkLimits(banner_s=2.5, stall_s=2.0)

QUICK = LinkLimits(stall_s=1.0)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path / "centre") as box:
        yield box


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> MasterFile:
    path = tmp_path_factory.mktemp("masters") / "master"
    path.write_bytes(make_bytes(SIZE_BYTES, seed=11))
    return MasterFile(hash_file(path), path)


def once_after(at_bytes: int, act: Callable[[], None]) -> Callable[[int], None]:
    """A progress callback that does something once, when so many bytes are safe at the station."""
    done_bytes = 0
    has_acted = False

    def progress(more_bytes: int) -> None:
        nonlocal done_bytes, has_acted
        done_bytes += more_bytes
        if done_bytes >= at_bytes and not has_acted:
            has_acted = True
            act()

    return progress


@contextlib.contextmanager
def mounted_tmpfs(folder: Path, size_bytes: int) -> Iterator[Path]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_push_brings_plans_first_and_masters_whole(box: Box, master: MasterFile) -> None:
    events: list[tuple[str, str, int, int]] = []
    (result,) = push_to_stations(
        [StationJob(box.address, (PLAN,), (master,))], box.key, on_event=lambda *event: events.append(event)
    )
    assert result.error is None
    assert result.sent_names == (PLAN.name + ".sig", PLAN.name, master.name)
    assert result.sent_bytes == len(PLAN.document) + len(PLAN.signature) + SIZE_BYTES
    assert hash_file(box.inbox / master.name) == master.sha256
    assert (box.inbox / PLAN.name).read_bytes() == PLAN.document
    assert not [name for name in box.list_inbox() if name.endswith(".part")]
    assert events[0] == ("an-nong", PLAN.name + ".sig", len(PLAN.signature), len(PLAN.signature))
    assert events[-1] == ("an-nong", master.name, SIZE_BYTES, SIZE_BYTES)


def test_a_second_push_sends_nothing(box: Box, master: MasterFile) -> None:
    job = StationJob(box.address, (PLAN,), (master,))
    push_to_stations([job], box.key)
    (again,) = push_to_stations([job], box.key)
    assert again.error is None
    assert again.sent_bytes == 0
    assert again.sent_names == (PLAN.name + ".sig", PLAN.name, master.name)


def test_after_the_server_is_killed_in_mid_transfer_only_the_rest_is_sent(tmp_path: Path, master: MasterFile) -> None:
    with open_box(tmp_path) as box, open_session(box.address, box.key) as session:
        with pytest.raises(BrokenTransferError):
            send_file(session, master.path, master.name, once_after(SIZE_BYTES // 2, box.server.stop))
        assert box.list_inbox() == [f"{master.name}.part"]
    held_bytes = (box.inbox / f"{master.name}.part").stat().st_size
    assert held_bytes >= SIZE_BYTES // 2
    with open_box(tmp_path) as box, open_session(box.address, box.key) as session:
        sent = send_file(session, master.path, master.name, lambda _: None)
    assert (sent.bytes_sent, sent.resumed_from) == (SIZE_BYTES - held_bytes, held_bytes)
    assert box.list_inbox() == [master.name]
    assert hash_file(box.inbox / master.name) == master.sha256


def test_a_stalled_station_is_noticed_and_its_session_ended(box: Box, master: MasterFile) -> None:
    def stall() -> None:
        for pid in box.list_session_pids():
            os.kill(pid, signal.SIGSTOP)

    began_s = time.monotonic()
    with (
        pytest.raises(BrokenTransferError, match="nothing came back for 2 s"),
        open_session(box.address, box.key, IMPATIENT) as session,
    ):
        send_file(session, master.path, master.name, once_after(SIZE_BYTES // 4, stall))
    assert time.monotonic() - began_s < 20


def test_no_room_for_the_file_is_said_before_anything_is_sent(tmp_path: Path, master: MasterFile) -> None:
    with (
        mounted_tmpfs(tmp_path / "small", 8 << 20) as folder,
        open_box(tmp_path / "centre", folder=folder) as box,
    ):
        (result,) = push_to_stations([StationJob(box.address, (PLAN,), (master,))], box.key)
        assert isinstance(result.error, StationFullError)
        assert result.sent_names == (PLAN.name + ".sig", PLAN.name)
        assert box.list_inbox() == [PLAN.name, PLAN.name + ".sig"]


def test_a_disk_that_fills_up_in_mid_transfer_is_no_success(tmp_path: Path, master: MasterFile) -> None:
    with (
        mounted_tmpfs(tmp_path / "small", 32 << 20) as folder,
        open_box(tmp_path / "centre", folder=folder) as box,
        open_session(box.address, box.key) as session,
    ):

        def fill() -> None:
            with contextlib.suppress(OSError), (folder / "filler").open("ab", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))

        with pytest.raises(StationFullError):
            send_file(session, master.path, master.name, once_after(SIZE_BYTES // 8, fill))
        assert box.list_inbox() == []
        fill()
        with pytest.raises(StationFullError):
            send_bytes(session, PLAN.document, PLAN.name)
        assert box.list_inbox() == []
        (folder / "filler").unlink()
        send_file(session, master.path, master.name, lambda _: None)
        assert hash_file(box.inbox / master.name) == master.sha256


class FailsOneWrite(asyncssh.SFTPServer):
    """Refuses one write in the middle and takes all later ones, as a disk does that was full for a moment."""

    has_failed = False

    def write(self, file_obj: object, offset: int, data: bytes) -> int | Awaitable[int]:
        if offset > SIZE_BYTES // 2 and not FailsOneWrite.has_failed:
            FailsOneWrite.has_failed = True
            raise asyncssh.SFTPFailure("disk trouble")
        return super().write(file_obj, offset, data)


def test_one_refused_write_leaves_a_clean_prefix_and_no_success(tmp_path: Path, master: MasterFile) -> None:
    with (
        open_box(tmp_path, start=functools.partial(start_embedded, files=FailsOneWrite)) as box,
        open_session(box.address, box.key) as session,
    ):
        with pytest.raises(BrokenTransferError, match="disk trouble"):
            send_file(session, master.path, master.name, lambda _: None)
        part = (box.inbox / f"{master.name}.part").read_bytes()
        assert SIZE_BYTES // 2 < len(part) < SIZE_BYTES
        assert master.path.read_bytes().startswith(part)
        sent = send_file(session, master.path, master.name, lambda _: None)
        assert sent.resumed_from == len(part)
        assert hash_file(box.inbox / master.name) == master.sha256


class SyncsSlowly(asyncssh.SFTPServer):
    """Takes longer over bringing a file to its disk than anything else may take, as a worn memory card does."""

    async def fsync(self, file_obj: object) -> None:
        await asyncio.sleep(2 * QUICK.stall_s)


def test_a_slow_disk_is_no_stall(tmp_path: Path, master: MasterFile) -> None:
    with (
        open_box(tmp_path, start=functools.partial(start_embedded, files=SyncsSlowly)) as box,
        open_session(box.address, box.key, QUICK) as session,
    ):
        assert send_bytes(session, PLAN.document, PLAN.name).bytes_sent == len(PLAN.document)


def test_nothing_listening_is_unreachable(box: Box) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = replace(box.address, port=taken.getsockname()[1])
        with pytest.raises(UnreachableError, match=r"an-nong \(127\.0\.0\.1 port"), open_session(address, box.key):
            pass


def test_a_name_without_address_is_unreachable(box: Box) -> None:
    with pytest.raises(UnreachableError), open_session(replace(box.address, host="no-such.invalid"), box.key):
        pass


def test_a_port_that_answers_nothing_is_unreachable(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = replace(box.address, port=silent.getsockname()[1])
        with pytest.raises(UnreachableError, match="says nothing for"), open_session(address, box.key, IMPATIENT):
            pass


def test_a_changed_host_key_ends_the_session_before_any_login(box: Box, tmp_path: Path) -> None:
    address = replace(box.address, host_key=write_key_pair(tmp_path / "pinned", "pinned"))
    (result,) = push_to_stations([StationJob(address, (PLAN,))], box.key)
    assert isinstance(result.error, HostKeyChangedError)
    assert not result.error.is_retryable
    assert "publickey" not in (box.state / "sshd.log").read_text()
    assert box.list_inbox() == []


def test_a_refused_login_is_told(box: Box, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "stranger", "stranger")
    (result,) = push_to_stations([StationJob(box.address, (PLAN,))], tmp_path / "stranger")
    assert isinstance(result.error, LoginRefusedError)


def test_a_key_file_open_to_others_stops_before_the_line_is_opened(box: Box) -> None:
    box.key.chmod(0o644)
    (result,) = push_to_stations([StationJob(box.address, (PLAN,))], box.key)
    assert isinstance(result.error, CentreKeyError)
    assert (box.state / "sshd.log").read_text().count("Connection from") == 1  # the fixture's own, when it came up


def test_one_dead_and_one_silent_station_do_not_stop_the_others(tmp_path: Path, master: MasterFile) -> None:
    with (
        open_box(tmp_path, "an-nong") as one,
        open_box(tmp_path, "minh-son") as other,
        open_box(tmp_path, "hop-ly") as dead,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        dead.server.stop()
        mute = replace(one.address, station=StationId("tho-dan"), port=silent.getsockname()[1])
        jobs = [StationJob(address, (PLAN,), (master,)) for address in (mute, dead.address, one.address, other.address)]
        results = push_to_stations(jobs, one.key, limits=IMPATIENT)
        assert [result.station for result in results] == ["tho-dan", "hop-ly", "an-nong", "minh-son"]
        assert [type(result.error) for result in results[:2]] == [UnreachableError, UnreachableError]
        assert [result.error for result in results[2:]] == [None, None]
        for box in (one, other):
            assert hash_file(box.inbox / master.name) == master.sha256


def test_a_master_that_is_gone_at_the_centre_is_the_stations_result(box: Box, tmp_path: Path) -> None:
    gone = MasterFile(Sha256("0" * 64), tmp_path / "gone.mp3")
    (result,) = push_to_stations([StationJob(box.address, (PLAN,), (gone,))], box.key)
    assert result.error is not None
    assert "gone.mp3" in result.error.message
    assert result.sent_names == (PLAN.name + ".sig", PLAN.name)


def test_broken_lines_print_nothing(tmp_path: Path, master: MasterFile, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        open_box(tmp_path) as box,
        pytest.raises(BrokenTransferError, match="the line broke"),
        open_session(box.address, box.key) as session,
    ):
        send_file(session, master.path, master.name, once_after(1_000_000, box.server.stop))
    assert capfd.readouterr() == ("", "")

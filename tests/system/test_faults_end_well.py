"""Whatever breaks on the way: afterwards the station holds exactly the right bytes, and the record agrees.

One fault in mid-transfer for each test, on real sshd with the receiving room of the agent behind it; then the fault is
over and the station is visited again.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from broadcaster.centre.deliver import Missing
from broadcaster.centre.visit import Courier
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import (
    BrokenTransferError,
    DeliveryError,
    HostKeyChangedError,
    LoginRefusedError,
    StationFullError,
)
from broadcaster.core.ids import StationId
from broadcaster.delivery.progress import StationNews, Step
from broadcaster.delivery.push import MasterFile
from broadcaster.demo.openssh import start_sshd
from broadcaster.demo.server import RunningServer
from broadcaster.link.line import LinkLimits
from broadcaster.store.deliveries import read_attempts
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_held
from broadcaster.wire.signature import write_key_pair
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.relay import open_line
from tests.sshd import open_box
from tests.system.test_push import mounted_tmpfs

IMPATIENT = LinkLimits(connect_s=2, banner_s=2, handshake_s=2, login_s=2, channel_s=2, stall_s=2)
NAME = "an-nong"
SIZE_BYTES = 6_000_000


@dataclass
class Fault:
    """What the first visit goes to, what happens in the middle of it, and what ends it."""

    missing: Missing
    act: Callable[[], None] = lambda: None
    mend: Callable[[], None] = lambda: None


MakeFault = Callable[[Fleet, Missing, ExitStack], Fault]


def kill_server(fleet: Fleet, one: Missing, stack: ExitStack) -> Fault:
    box = fleet.boxes[NAME]

    def start_again() -> None:
        fleet.boxes[NAME] = stack.enter_context(open_box(box.key.parent, NAME))

    return Fault(one, box.server.stop, start_again)


def swallow_all(fleet: Fleet, one: Missing, stack: ExitStack) -> Fault:
    line = stack.enter_context(open_line(one.station.port))
    return Fault(replace(one, station=replace(one.station, port=line.port)), line.is_frozen.set)


def stall_server(fleet: Fleet, one: Missing, stack: ExitStack) -> Fault:
    stalled: list[int] = []

    def stall() -> None:
        stalled.extend(fleet.boxes[NAME].list_session_pids())
        for pid in stalled:
            os.kill(pid, signal.SIGSTOP)

    def go_on() -> None:
        for pid in stalled:
            os.kill(pid, signal.SIGCONT)

    return Fault(one, stall, go_on)


def refuse_login(fleet: Fleet, one: Missing, stack: ExitStack) -> Fault:
    keys = fleet.boxes[NAME].state / "authorized_keys"
    own = keys.read_text()
    keys.write_text(one.station.host_key or "")  # anybody's but the centre's

    def let_in() -> None:
        keys.write_text(own)

    return Fault(one, mend=let_in)


def change_key(fleet: Fleet, one: Missing, stack: ExitStack) -> Fault:
    other = write_key_pair(fleet.boxes[NAME].state / "other", "other").rpartition(" ")[0]
    return Fault(replace(one, station=replace(one.station, host_key=other)))


@pytest.fixture
def fleet(tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[Fleet]:
    with open_fleet(tmp_path / "boxes", workspace, record, (NAME,)) as fleet:
        yield fleet


def visit(fleet: Fleet, one: Missing, act: Callable[[], None]) -> DeliveryError | None:
    """Visit the station, and let something happen when half of the file is there."""
    has_acted = threading.Event()

    def hear(news: StationNews) -> None:
        if news.step is Step.SENDING and news.done_bytes > SIZE_BYTES // 2 and not has_acted.is_set():
            has_acted.set()
            act()

    courier = Courier(fleet.workspace, fleet.record, CLOCK, tell=hear, limits=IMPATIENT, confirm_every_s=0.1)
    done = courier.visit(one, confirm_s=20)
    assert done.is_confirmed is (done.error is None)
    assert done.error is None or isinstance(done.error, DeliveryError)
    return done.error


def check_end(fleet: Fleet, master: MasterFile, most_bytes: int = SIZE_BYTES) -> None:
    """Right bytes, nothing twice in full, no .part left, and the record agrees with the disk."""
    assert fleet.list_library(NAME) == {master.sha256}
    assert fleet.boxes[NAME].list_inbox() == []
    with fleet.record.read() as connection:
        attempts = read_attempts(connection, StationId(NAME), 100)
        assert set(read_held(connection)[StationId(NAME)]) == {master.sha256}
    assert attempts[0].error == ""
    assert sum(attempt.sent_bytes for attempt in attempts) <= most_bytes
    assert visit(fleet, fleet.make_missing(NAME, [master]), lambda: None) is None
    with fleet.record.read() as connection:
        assert read_attempts(connection, StationId(NAME), 1)[0].sent_bytes == 0


@pytest.mark.parametrize(
    ("make_fault", "error"),
    [
        (kill_server, BrokenTransferError),
        (swallow_all, BrokenTransferError),
        (stall_server, BrokenTransferError),
        (refuse_login, LoginRefusedError),
        (change_key, HostKeyChangedError),
    ],
)
def test_after_the_fault_the_station_holds_the_file_once_and_the_record_says_so(
    fleet: Fleet, make_fault: MakeFault, error: type[DeliveryError]
) -> None:
    master = fleet.make_master(31, SIZE_BYTES)
    with ExitStack() as stack:
        fault = make_fault(fleet, fleet.make_missing(NAME, [master]), stack)
        assert isinstance(visit(fleet, fault.missing, fault.act), error)
        assert fleet.list_library(NAME) == set()
        fault.mend()
        assert visit(fleet, fleet.make_missing(NAME, [master]), lambda: None) is None
        check_end(fleet, master)


def test_after_a_disk_was_full_in_mid_transfer_the_file_is_there_once(
    tmp_path: Path, workspace: Workspace, record: Record
) -> None:
    with (
        mounted_tmpfs(tmp_path / "boxes" / NAME / "files", 16 << 20) as folder,
        open_fleet(tmp_path / "boxes", workspace, record, (NAME,)) as fleet,
    ):
        filler = folder / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                while True:
                    try:
                        file.write(bytes(4096))
                    except OSError:
                        return

        master = fleet.make_master(32, SIZE_BYTES)
        one = fleet.make_missing(NAME, [master])
        fleet.agents[NAME].stop()  # it would lose its own files to the full disk, which is another test's matter
        assert isinstance(visit(fleet, one, fill), StationFullError)
        assert fleet.boxes[NAME].list_inbox() == []  # the .part gave its room back
        filler.unlink()
        fleet.agents[NAME].start()
        assert visit(fleet, one, lambda: None) is None
        check_end(fleet, master, most_bytes=2 * SIZE_BYTES - 1)


def test_a_server_without_posix_rename_ends_with_the_file_once(
    tmp_path: Path, workspace: Workspace, record: Record
) -> None:
    def start(folder: Path, state: Path, key: str) -> RunningServer:
        return start_sshd(folder, state, key, (f"ForceCommand internal-sftp -P posix-rename -d {folder}",))

    with open_fleet(tmp_path / "boxes", workspace, record, (NAME,), start=start) as fleet:
        master = fleet.make_master(33, SIZE_BYTES)
        assert visit(fleet, fleet.make_missing(NAME, [master]), lambda: None) is None
        check_end(fleet, master)

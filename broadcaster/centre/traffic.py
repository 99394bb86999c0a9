"""Who may use the lines: an emergency goes before everything, the rest shares the uplink under its cap."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from broadcaster.core.errors import AlreadyRunningError, GaveWayError
from broadcaster.core.files import hold_lock
from broadcaster.core.model import Station
from broadcaster.core.time import Clock
from broadcaster.delivery.progress import FleetListener, StationNews, Step
from broadcaster.link.uplink import Uplink

EMERGENCY_LOCK = "emergency.lock"
UPLINK_FILE = "uplink"
LINES = "lines"
GIVE_WAY = timedelta(seconds=3)
_LOOK_EVERY_S = 0.2
_SMALL_BYTES = 1024
_DOUBTS = 10


class Traffic:
    """What every ordinary transfer asks before it sends: does an emergency go first, is the uplink free.

    Args:
        state: The workspace's own folder.
        read_cap: Gives what all senders together may use now (bytes per second); None for no cap.
    """

    def __init__(self, state: Path, read_cap: Callable[[], float | None]) -> None:
        self._lock_path = state / EMERGENCY_LOCK
        self._uplink = Uplink(state / UPLINK_FILE)
        self._read_cap = read_cap
        self._stopping = threading.Event()
        self._looking = threading.Lock()
        self._looked_s = 0.0
        self._has_emergency = False

    def stop(self) -> None:
        """Have every transfer end at its next block."""
        self._stopping.set()

    def is_stopping(self) -> bool:
        """Tell whether transfers are to end."""
        return self._stopping.is_set()

    def is_free(self) -> bool:
        """Tell whether no emergency is under way, in this process or another."""
        with self._looking:
            now_s = time.monotonic()
            if now_s - self._looked_s >= _LOOK_EVERY_S:
                self._looked_s = now_s
                self._has_emergency = _is_held(self._lock_path)
            return not self._has_emergency

    def pace(self, size_bytes: int) -> None:
        """Wait until bytes may go out; requests of a few bytes are not counted.

        Raises:
            GaveWayError: An emergency goes first, or the centre is being stopped.
        """
        self._require_way()
        rate = self._read_cap() if size_bytes > _SMALL_BYTES else None
        if rate is None:
            return
        until_s = time.monotonic() + self._uplink.reserve_s(size_bytes, rate)
        while (left_s := until_s - time.monotonic()) > 0:
            self._stopping.wait(min(left_s, _LOOK_EVERY_S))
            self._require_way()

    def _require_way(self) -> None:
        if self._stopping.is_set():
            raise GaveWayError("the centre is being stopped")
        if not self.is_free():
            raise GaveWayError("an emergency goes first")


@contextlib.contextmanager
def hold_emergency(state: Path) -> Iterator[None]:
    """Have all ordinary transfers of a workspace give way for as long as the block runs; several may do it at once.

    The kernel ends it when the process dies, however it dies.
    """
    with (state / EMERGENCY_LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


class EmergencyLane:
    """One station's place in the emergency's lane, entered when its line is open and left when the orders lie there.

    A station that is switched off stops nobody's transfer that way, and one that is slow to confirm no longer than it
    has to. Used as a context manager, so that it is left however the visit ends.
    """

    def __init__(self, state: Path, station: Station, clock: Clock) -> None:
        self._state = state
        self._station = station
        self._clock = clock
        self._stack = contextlib.ExitStack()
        self._is_entered = False

    def __enter__(self) -> EmergencyLane:
        """Enter nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the others go on."""
        self._stack.close()

    def pace(self, _size_bytes: int) -> None:
        """Before the first bytes go out, have ordinary transfers give way; wait a moment for the one to this station.

        One that hangs does not give way: the emergency goes on beside it.
        """
        if self._is_entered:
            return
        self._is_entered = True
        self._stack.enter_context(hold_emergency(self._state))
        until_at = self._clock.now_at() + GIVE_WAY
        while self._clock.now_at() < until_at:
            try:
                self._stack.enter_context(hold_line(self._state, self._station))
            except AlreadyRunningError:
                self._clock.sleep_s(0.05)
            else:
                return

    def listen(self, tell: FleetListener) -> FleetListener:
        """Make a listener that leaves the lane when everything lies at the station, and tells on."""

        def hear(news: StationNews) -> None:
            if news.step is Step.CONFIRMING:
                self._stack.close()
            tell(news)

        return hear


@contextlib.contextmanager
def hold_line(state: Path, station: Station) -> Iterator[None]:
    """Hold a station's line, so that two never send to it at the same time.

    Raises:
        AlreadyRunningError: Another push does, in this process or another.
    """
    folder = state / LINES
    folder.mkdir(mode=0o700, exist_ok=True)
    with hold_lock(folder / f"{station.id}.lock", f"a push to {station.name}"):
        yield


def _is_held(path: Path) -> bool:
    """Tell whether an emergency holds the lock; another process that only looks, for microseconds, is told apart."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        for _ in range(_DOUBTS):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.001)
            else:
                return False
        return True
    finally:
        os.close(handle)

"""The agent's clock: the system's while that is right, else the monotonic one since the last good time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broadcaster.core.errors import DocumentError
from broadcaster.core.files import write_atomic
from broadcaster.core.time import format_instant
from broadcaster.station.clock import ClockWord, read_clock_error_ms
from broadcaster.wire.fields import FieldReader, read_object

FILE_NAME = "clock.json"
BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")
STEP = timedelta(milliseconds=500)
SAVE_EVERY_S = 600.0
_log = logging.getLogger(__name__)


def _read_wall() -> datetime:
    return datetime.now(UTC)


def _read_boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read_boot_id() -> str:
    try:
        return BOOT_ID_PATH.read_text().strip()
    except OSError:
        return ""


class SteadyClock:
    """A clock that does not jump while an item sounds, and that a wrong system clock does not lead astray.

    While the kernel says that the system clock is synchronised, it is followed: at once when it differs by less than
    half a second, else as soon as nothing sounds. When it is not, time goes on by the monotonic clock from the last
    good time, whatever the system clock is set to. Where no good time is known since the machine came up, the system
    clock is all there is; only the last good time of before is kept as the earliest that it can be.

    Args:
        folder: Where the last good time is kept, for an agent that starts again; None keeps it in memory alone.
        read_wall: The system clock.
        read_monotonic_s: Seconds since the machine came up, suspension counted.
        read_error_ms: The kernel's bound on the clock's error, None when it is not synchronised.
        sleep: Waits.
        boot_id: Names this coming up of the machine.
    """

    def __init__(
        self,
        folder: Path | None,
        read_wall: Callable[[], datetime] = _read_wall,
        read_monotonic_s: Callable[[], float] = _read_boot_s,
        read_error_ms: Callable[[], int | None] = read_clock_error_ms,
        sleep: Callable[[float], None] = time.sleep,
        boot_id: str | None = None,
    ) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._read_wall = read_wall
        self._read_monotonic_s = read_monotonic_s
        self._read_error_ms = read_error_ms
        self._sleep = sleep
        self._boot_id = _read_boot_id() if boot_id is None else boot_id
        self._anchor = (read_wall(), read_monotonic_s())
        self._is_good = False
        self._earliest_at: datetime | None = None
        self._saved_s: float | None = None
        self._restore()
        self.follow(is_on_air=False)

    def now_at(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        at, then_s = self._anchor
        return at + timedelta(seconds=self._read_monotonic_s() - then_s)

    def sleep_s(self, seconds: float) -> None:
        """Wait; zero and less return at once."""
        if seconds > 0:
            self._sleep(seconds)

    def read_word(self) -> ClockWord:
        """Read what is known of the time: the kernel's bound, and how far it is ahead of the system clock."""
        ahead = self.now_at() - self._read_wall()
        return ClockWord(self._read_error_ms(), round(ahead / timedelta(milliseconds=1)) if abs(ahead) > STEP else 0)

    def follow(self, *, is_on_air: bool) -> timedelta:
        """Take over the system clock's time where that is right.

        Returns:
            How far the time stepped; zero when it was followed closely, or not at all.
        """
        is_synchronised = self._read_error_ms() is not None
        is_before = self._earliest_at is not None and self._read_wall() < self._earliest_at
        if not is_synchronised and (self._is_good or is_before):
            return timedelta()
        ahead = self.now_at() - self._read_wall()
        is_step = abs(ahead) > STEP
        if is_step and is_on_air:
            return timedelta()
        self._anchor = (self._read_wall(), self._read_monotonic_s())
        if is_step:
            _log.warning("the time was put right by %+.1f s", -ahead.total_seconds())
        if is_synchronised:
            self._is_good = True
            self._save()
        return -ahead if is_step else timedelta()

    def _save(self) -> None:
        at, then_s = self._anchor
        if self._path is None or (self._saved_s is not None and then_s - self._saved_s < SAVE_EVERY_S):
            return
        self._saved_s = then_s
        fields = {"boot": self._boot_id, "at": format_instant(at), "monotonic_ms": round(then_s * 1000)}
        try:
            write_atomic(self._path, json.dumps(fields).encode())
        except OSError as error:
            _log.error("%s cannot be written: %s", self._path, error)

    def _restore(self) -> None:
        """Go on from the last good time: in the same coming up of the machine exactly, after it as the earliest."""
        if self._path is None:
            return
        try:
            reader = FieldReader(read_object(self._path.read_bytes(), "last good time"), "last good time")
            boot, good_at = reader.read_text("boot"), reader.read_moment("at")
            then_s = reader.read_int("monotonic_ms") / 1000
        except (OSError, DocumentError):
            return
        if boot and boot == self._boot_id:
            self._anchor = (good_at, then_s)
            self._is_good = True
        elif good_at > self._anchor[0]:
            _log.warning("the clock stands before the last good time, %s: it goes on from there", good_at)
            self._anchor = (good_at, self._anchor[1])
            self._earliest_at = good_at

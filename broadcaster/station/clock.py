"""What playing asks of time, and how far off the box's clock may be: the kernel's own word."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from broadcaster.core.time import Clock

_TIME_ERROR = 5
_STA_UNSYNC = 0x40


@dataclass(frozen=True, slots=True)
class ClockWord:
    """What is known of the time now.

    `error_ms` is the kernel's bound on the system clock's error, None when that is not synchronised. `offset_ms` is how
    far the agent's time is ahead of the system clock, 0 while it follows it.
    """

    error_ms: int | None
    offset_ms: int = 0


class StationClock(Clock, Protocol):
    """A clock that is put right at the moments that playing allows."""

    def follow(self, *, is_on_air: bool) -> timedelta:
        """Take over the right time if it may; give how far it stepped."""
        ...

    def read_word(self) -> ClockWord:
        """Read what is known of the time."""
        ...


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def read_clock_error_ms() -> int | None:
    """Read the kernel's bound on the clock's error (ms); None when the clock is not synchronised or nothing is known.

    Sources: adjtimex(2), with modes 0, which changes nothing.
    """
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    timex = _Timex()
    state = adjtimex(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    return int(timex.maxerror) // 1000

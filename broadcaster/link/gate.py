"""A gate before the logins: a fleet that comes up at once must not begin a hundred handshakes in the same second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

LOGINS_AT_ONCE = 64
HOLD_S = 3.0


class LoginGate:
    """Lets in only so many half-open logins at a time.

    A login that takes longer than `hold_s` stands still and loads nobody: its place is given on, so that stations that
    answer nothing hold up the others by seconds and not by their whole limits.

    Args:
        places: Half-open logins at a time.
        hold_s: For how long one keeps its place at most.
    """

    def __init__(self, places: int = LOGINS_AT_ONCE, hold_s: float = HOLD_S) -> None:
        self._places = places
        self._hold_s = hold_s
        self._began_s: dict[int, float] = {}
        self._number = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold_place(self) -> Iterator[None]:
        """Wait for a place and keep it for as long as the block runs, or until its time is over."""
        with self._changed:
            while (wait_s := self._sum_wait_s()) > 0:
                self._changed.wait(wait_s)
            self._number += 1
            number = self._number
            self._began_s[number] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._began_s[number]
                self._changed.notify()

    def _sum_wait_s(self) -> float:
        """Say how long to wait until a place is given on for sure; 0 when there is one."""
        now_s = time.monotonic()
        fresh_s = sorted(began_s for began_s in self._began_s.values() if now_s - began_s < self._hold_s)
        return 0.0 if len(fresh_s) < self._places else fresh_s[0] + self._hold_s - now_s

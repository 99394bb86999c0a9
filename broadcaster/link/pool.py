"""Stations served one apart from the other, for as long as a service lives: a slow one delays nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from broadcaster.core.ids import StationId

logger = logging.getLogger(__name__)
Serve = Callable[[], float | None]
"""Serves a station once; returns after how many seconds it wants to be called again, None when it is done."""

AFTER_BUG_S = 60.0


@dataclass(slots=True)
class _Waiting:
    rank: float
    due_s: float
    serve: Serve


class StationPool:
    """Serves stations in threads of its own, at most `workers` at a time; of those that are due the lowest rank first.

    A station is never served twice at the same time. A thread ends when nothing waits any more, so nothing that a
    library leaks lives for long.

    Args:
        workers: Stations at a time; may be set anew at any moment.
        monotonic_s: A time that only runs forward.
    """

    def __init__(self, workers: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.workers = workers
        self._monotonic_s = monotonic_s
        self._waiting: dict[StationId, _Waiting] = {}
        self._running: set[StationId] = set()
        self._threads = 0
        self._is_stopped = False
        self._changed = threading.Condition()

    def submit(self, station: StationId, rank: float, serve: Serve, delay_s: float = 0.0) -> bool:
        """Have a station served; one that waits already only gets the new rank.

        Returns:
            False when it is waiting or being served already, or the pool was stopped.
        """
        with self._changed:
            known = self._waiting.get(station)
            if known is not None:
                known.rank = rank
            if known is not None or station in self._running or self._is_stopped:
                return False
            self._waiting[station] = _Waiting(rank, self._monotonic_s() + delay_s, serve)
            if self._threads < min(self.workers, len(self._waiting) + len(self._running)):
                self._threads += 1
                threading.Thread(target=self._work, name="station-pool", daemon=True).start()
            self._changed.notify_all()
            return True

    def hurry(self, station: StationId) -> None:
        """Have a waiting station served now, whatever its delay was."""
        with self._changed:
            if station in self._waiting:
                self._waiting[station].due_s = self._monotonic_s()
                self._changed.notify_all()

    def list_running(self) -> set[StationId]:
        """List the stations that are being served at this moment."""
        with self._changed:
            return set(self._running)

    def stop(self, wait_s: float) -> bool:
        """Serve nobody any more and wait for those that are being served.

        Returns:
            False when some were still at it after `wait_s`; their threads do not keep the process alive.
        """
        with self._changed:
            self._is_stopped = True
            self._waiting.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, wait_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                station, waiting = self._take()
                if waiting is None:
                    self._threads -= 1
                    return
                self._running.add(station)
            again_s = self._serve_one(station, waiting)
            with self._changed:
                self._running.discard(station)
                if again_s is not None and not self._is_stopped:
                    waiting.due_s = self._monotonic_s() + again_s
                    self._waiting[station] = waiting
                self._changed.notify_all()

    def _take(self) -> tuple[StationId, _Waiting | None]:
        """Wait for a station that is due, and take it; none when nothing waits or there are threads enough without."""
        while self._waiting and not self._is_stopped and self._threads <= max(1, self.workers):
            now_s = self._monotonic_s()
            due = [(one.rank, station) for station, one in self._waiting.items() if one.due_s <= now_s]
            if due:
                station = min(due)[1]
                return station, self._waiting.pop(station)
            self._changed.wait(min(one.due_s for one in self._waiting.values()) - now_s)
        return StationId(""), None

    def _serve_one(self, station: StationId, waiting: _Waiting) -> float | None:
        try:
            return waiting.serve()
        except Exception:
            logger.exception("serving station %s failed by a bug", station)
            return AFTER_BUG_S

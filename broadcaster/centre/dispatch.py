"""The service's standing push: every station apart from the others, tried again until it holds what it needs."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence

from broadcaster.centre.deliver import Missing, is_stopped
from broadcaster.centre.fanout import make_traffic
from broadcaster.centre.visit import Courier, Delivered
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import AlreadyRunningError, GaveWayError
from broadcaster.core.ids import StationId
from broadcaster.core.schedules import CentreSettings
from broadcaster.core.time import Clock
from broadcaster.delivery.retry import FIRST_WAIT, plan_next_try
from broadcaster.link.pool import StationPool
from broadcaster.store.deliveries import count_failures
from broadcaster.store.engine import Record

_LOG = logging.getLogger("broadcaster")
CONFIRM_S = 20.0
GIVE_WAY_S = 1.0
STOP_S = 10.0
_DICE = secrets.SystemRandom()


class Dispatcher:
    """Serves whoever misses something, the one first that needs it first, and tries again with growing waits.

    How often a station failed is read from the record, so a service that is started anew goes on where it was. Nothing
    waits for anything else: a station that takes hours, or hangs, holds up its own delivery alone.

    Args:
        workspace: Key and masters.
        record: Where tries and receipts are kept.
        clock: The time.
        read_settings: Gives the newest settings: number of workers, cap on the uplink.
    """

    def __init__(
        self, workspace: Workspace, record: Record, clock: Clock, read_settings: Callable[[], CentreSettings]
    ) -> None:
        self._record = record
        self._clock = clock
        self._read_settings = read_settings
        self._traffic = make_traffic(workspace, read_settings, clock)
        self._courier = Courier(workspace, record, clock, self._traffic.pace)
        self._pool = StationPool(read_settings().workers)
        self._wanted: dict[StationId, Missing] = {}
        self._lock = threading.Lock()

    def take_up(self, missing: Sequence[Missing]) -> int:
        """Have these stations served, as far as they are not being served already; returns at once.

        Who is not named any more holds what it needs: its next try is given up. A station that is not connected or
        that a person has to confirm first is left alone.

        Args:
            missing: As `read_missing` gave it: all that is missing now.

        Returns:
            How many stations were taken up.
        """
        chosen = [one for one in missing if one.station.is_connected() and not is_stopped(self._record, one.station)]
        with self._lock:
            self._wanted = {one.station.id: one for one in chosen}
        self._pool.workers = self._read_settings().workers
        return sum(self._submit(rank, one) for rank, one in enumerate(chosen))

    def hurry(self, stations: Iterable[StationId]) -> None:
        """Try stations now that wait for their next try: they were just reached."""
        for station in stations:
            self._pool.hurry(station)

    def stop(self) -> None:
        """Have every transfer end at its next block, and wait a little for it; the next start resumes them."""
        self._traffic.stop()
        if not self._pool.stop(STOP_S):
            _LOG.warning("some stations hang: their transfers are cut off")

    def _submit(self, rank: int, one: Missing) -> bool:
        station = one.station.id
        return self._pool.submit(station, rank, lambda: self._serve(station), self._plan_delay_s(one))

    def _serve(self, station: StationId) -> float | None:
        with self._lock:
            one = self._wanted.get(station)
        if one is None:
            return None
        if not self._traffic.is_free():
            return GIVE_WAY_S
        delivered = self._courier.visit(one, CONFIRM_S)
        self._log(delivered)
        if self._traffic.is_stopping() or is_stopped(self._record, one.station):
            return None
        if delivered.is_confirmed:
            return 0.0 if self._has_news(one) else None
        if isinstance(delivered.error, GaveWayError):
            return GIVE_WAY_S
        if isinstance(delivered.error, AlreadyRunningError):
            return FIRST_WAIT.total_seconds()
        return self._plan_delay_s(one)

    def _has_news(self, served: Missing) -> bool:
        """Tell whether the station misses something else by now than what it was served with."""
        with self._lock:
            newest = self._wanted.get(served.station.id)
        return newest is not None and not set(newest.hashes) <= set(served.hashes)

    def _plan_delay_s(self, one: Missing) -> float:
        with self._record.read() as connection:
            failures, ended_at = count_failures(connection, one.station.id)
        if ended_at is None:
            return 0.0
        again_at = plan_next_try(failures, ended_at, one.first_needed_at, _DICE.random())
        return max(0.0, (again_at - self._clock.now_at()).total_seconds())

    def _log(self, delivered: Delivered) -> None:
        if delivered.error is not None:
            _LOG.warning("push: %s", delivered.error.message)
        elif delivered.is_confirmed:
            _LOG.info("push: %s (%s) holds everything", delivered.station.name, delivered.station.id)
        else:
            _LOG.warning("push: %s (%s) gave no receipt yet", delivered.station.name, delivered.station.id)

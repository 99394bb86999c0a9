"""One leader: of several services on one record, also on several machines, one works and the others stand by."""

from __future__ import annotations

import logging
import platform
import secrets
import threading
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broadcaster.core.errors import BroadcasterError
from broadcaster.core.time import Clock
from broadcaster.store.engine import Record
from broadcaster.store.leases import LeaseNote, read_lease, remove_lease, write_lease

_LOG = logging.getLogger("broadcaster")
NAME = "service"
LIFE = timedelta(seconds=90)


class Lease:
    """This service's claim to lead.

    A leader writes a beat into the record again and again. Who stands by takes over when it has seen the same beat for
    90 s by its own clock: the clocks of two machines are never compared. A leader that slept or hung finds the other's
    name in the row before it does anything, and stands by. On one machine the workspace's lock file has already kept a
    second one out, so a row of this machine is of a run that is dead, and is taken over at once.

    Args:
        record: Where the row is.
        clock: For the waiting.
        host: This machine.
    """

    def __init__(self, record: Record, clock: Clock, host: str = "") -> None:
        self._record = record
        self._clock = clock
        self._host = host or platform.node()
        self._holder = secrets.token_hex(8)
        self._seen: tuple[str, int, datetime] | None = None
        self._is_leader: bool | None = None
        self._lock = threading.Lock()

    def hold(self) -> bool:
        """Take or renew the lead.

        Returns:
            False when another leads, or when the record does not say: then nothing is to be done.
        """
        with self._lock:
            return self._hold()

    def _hold(self) -> bool:
        try:
            with self._record.write() as connection:
                found = read_lease(connection, NAME)
                is_mine = found is None or self._holder == found.holder
                is_free = is_mine or (found is not None and (found.host == self._host or self._is_stale(found)))
                if is_free:
                    beat = found.beat + 1 if found is not None else 1
                    write_lease(connection, NAME, LeaseNote(self._holder, self._host, beat, self._clock.now_at()))
        except BroadcasterError as error:
            _LOG.warning("who leads cannot be read: %s", error.message)
            return False
        if is_free != self._is_leader:
            _LOG.info("leading" if is_free or found is None else f"standing by: {found.host} leads")
        self._is_leader = is_free
        return is_free

    def read_dead_run(self) -> datetime | None:
        """Read when a run of this machine that did not end cleanly was last at work; None when there is none."""
        try:
            with self._record.read() as connection:
                found = read_lease(connection, NAME)
        except BroadcasterError as error:
            _LOG.warning("who led cannot be read: %s", error.message)
            return None
        if found is None or found.host != self._host or found.holder == self._holder:
            return None
        return found.renewed_at

    def may_go_on(self, connection: Connection) -> bool:
        """Tell within a transaction whether no other service leads by now: this one may have slept since it looked."""
        found = read_lease(connection, NAME)
        return found is None or found.holder == self._holder

    def release(self) -> None:
        """Give the lead up, so that another need not wait."""
        try:
            with self._record.write() as connection:
                remove_lease(connection, NAME, self._holder)
        except BroadcasterError as error:
            _LOG.warning("the lead cannot be given up, another waits for it: %s", error.message)

    def _is_stale(self, found: LeaseNote) -> bool:
        """Tell whether another's beat has stood still for so long; a clock that was set back begins anew."""
        now_at = self._clock.now_at()
        if self._seen is None or self._seen[:2] != (found.holder, found.beat) or now_at < self._seen[2]:
            self._seen = (found.holder, found.beat, now_at)
        return now_at - self._seen[2] >= LIFE

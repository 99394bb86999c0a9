"""What many workers collected at the same moment, kept together: one commit, and one waiting for the disk."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from broadcaster.airtime.collect import Collection, keep_collection
from broadcaster.core.time import Clock
from broadcaster.store.engine import Record


@dataclass(slots=True)
class _Waiting:
    """A collection that waits to be kept; `lines` is how many of it were new, None before."""

    found: Collection
    lines: int | None = None


class Keeper:
    """Keeps collections. Whoever comes while another writes is written with all others who came, in one transaction.

    Args:
        record: Where they are kept.
        clock: The time.
    """

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._listing = threading.Lock()
        self._writing = threading.Lock()

    def keep(self, found: Collection) -> int:
        """Keep a collection; when this returns it is on the disk.

        Returns:
            How many lines were new.

        Raises:
            RecordError: It could not be kept, alone or with those that waited; the others try anew.
        """
        mine = _Waiting(found)
        with self._listing:
            self._waiting.append(mine)
        with self._writing:
            if mine.lines is None:
                self._write(mine)
        return mine.lines or 0

    def _write(self, mine: _Waiting) -> None:
        with self._listing:
            batch = [mine, *(one for one in self._waiting if one is not mine)]
            self._waiting.clear()
        with self._record.write() as connection:
            # The time is read with the lock in hand: a report that knows of this instant has seen these lines.
            at = self._clock.now_at()
            counted = [keep_collection(connection, one.found, at) for one in batch]
        for one, lines in zip(batch, counted, strict=True):
            one.lines = lines

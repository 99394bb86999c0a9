"""Alarms that begin and end: each is told once when it begins and once when it is over, and nothing in between."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.centre.publish import preview_day
from broadcaster.core.files import write_atomic
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.timetable.expand import Occurrence

_LOG = logging.getLogger("broadcaster")
EMPTY_AHEAD = timedelta(hours=24)
OVER = "over"


class AlarmBook:
    """What is wrong now, in a file: a restart, or another machine that takes over, repeats nothing and forgets nothing.

    Everybody who finds faults has a page; a fault has a key that stays the same while it lasts. Any thread may write.

    Args:
        tell: Called with one sentence when an alarm begins and when it is over.
        path: The file.
    """

    def __init__(self, tell: Callable[[str], None], path: Path) -> None:
        self._tell = tell
        self._path = path
        self._lock = threading.Lock()
        self._unwritten: dict[str, dict[str, str]] | None = None

    def update(self, page: str, standing: Mapping[str, str], now_at: datetime | None = None) -> None:
        """Compare what is wrong now, key and sentence, with what was wrong before, and tell the difference.

        Args:
            page: Who says so: "watch", "push" …; what others said stays as it is.
            standing: All that is wrong in the eyes of this one.
            now_at: Where it is given, a fault whose key ends with an earlier time (`name_moment`) was not mended, its
                hour went by; that is told.
        """
        with self._lock:
            book = self._read()
            before = book.get(page, {})
            for key in sorted(standing.keys() - before.keys()):
                self._tell(f"ALARM {standing[key]}")
            for key in sorted(before.keys() - standing.keys()):
                how = ", its time has passed" if now_at is not None and _has_passed(key, now_at) else ""
                self._tell(f"{OVER}{how}: {before[key]}")
            if before != standing:
                self._write({**book, page: dict(standing)})

    def _read(self) -> dict[str, dict[str, str]]:
        if self._unwritten is not None:
            return self._unwritten
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return {page: one for page, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}

    def _write(self, book: dict[str, dict[str, str]]) -> None:
        """Write the book; what the disk does not take is kept here until it does."""
        self._unwritten = None
        try:
            write_atomic(self._path, json.dumps(book, ensure_ascii=False).encode())
        except OSError as error:
            self._unwritten = book
            _LOG.warning("%s cannot be written: %s", self._path, error)


def name_moment(what: str, at: datetime) -> str:
    """Name a fault that matters until a moment: the moment ends its key."""
    return f"{what} {at.isoformat()}"


def _has_passed(key: str, now_at: datetime) -> bool:
    try:
        return datetime.fromisoformat(key.rpartition(" ")[2]) <= now_at
    except (ValueError, TypeError):
        return False


def match_empty_slots(occurrences: list[Occurrence], schedules: Schedules, now_at: datetime) -> dict[str, str]:
    """Find slots that will be silent: nothing to play within 24 hours, or something missing at their lead time."""
    found: dict[str, str] = {}
    for one in occurrences:
        ahead = one.start_at - now_at
        if not timedelta() < ahead <= EMPTY_AHEAD or not schedules.list_slot_stations(one.slot, one.on):
            continue
        what = f"{one.slot.id} at {one.start_at.astimezone(schedules.centre.zone):%H:%M %d/%m}"
        why = ", ".join(one.missing)
        if not one.items:
            found[name_moment(f"empty {one.slot.id}", one.start_at)] = f"nothing to play in {what}" + (
                f": {why}" if why else ""
            )
        elif one.missing and one.slot.lead is not None and ahead <= one.slot.lead:
            found[name_moment(f"lead {one.slot.id}", one.start_at)] = (
                f"{what} is not ready at its lead time, it misses {why}"
            )
    return found


def read_empty_slots(record: Record, schedules: Schedules, now_at: datetime) -> dict[str, str]:
    """Read the slots of the next 24 hours that would be silent or are not ready by their lead time."""
    today = now_at.astimezone(schedules.centre.zone).date()
    occurrences = [one for n in range(2) for one in preview_day(record, schedules, today + timedelta(days=n), now_at)]
    return match_empty_slots(occurrences, schedules, now_at)

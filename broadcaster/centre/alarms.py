"""Alarms that begin and end: each is told once when it begins and once when it is over, and nothing in between."""

from __future__ import annotations

import json
import logging
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


class AlarmBook:
    """What is wrong now, by a key that stays the same while it lasts. It is kept in a file: a restart repeats nothing.

    Args:
        tell: Called with one sentence when an alarm begins and when it is over.
        path: The file.
    """

    def __init__(self, tell: Callable[[str], None], path: Path) -> None:
        self._tell = tell
        self._path = path
        self._standing = _read_standing(path)

    def update(self, standing: Mapping[str, str]) -> None:
        """Compare what is wrong now, key and sentence, with what was wrong before, and tell the difference."""
        for key, message in standing.items():
            if key not in self._standing:
                self._tell(f"ALARM {message}")
        for key, message in self._standing.items():
            if key not in standing:
                self._tell(f"over: {message}")
        if self._standing != standing:
            self._standing = dict(standing)
            try:
                write_atomic(self._path, json.dumps(self._standing, ensure_ascii=False).encode())
            except OSError as error:
                _LOG.warning("%s cannot be written: %s", self._path, error)


def _read_standing(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(key): str(text) for key, text in found.items()} if isinstance(found, dict) else {}


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
            found[f"empty {one.slot.id} {one.on}"] = f"nothing to play in {what}: {why}"
        elif one.missing and one.slot.lead is not None and ahead <= one.slot.lead:
            found[f"lead {one.slot.id} {one.on}"] = f"{what} is not ready at its lead time, it misses {why}"
    return found


def read_empty_slots(record: Record, schedules: Schedules, now_at: datetime) -> dict[str, str]:
    """Read the slots of the next 24 hours that would be silent or are not ready by their lead time."""
    today = now_at.astimezone(schedules.centre.zone).date()
    occurrences = [one for n in range(2) for one in preview_day(record, schedules, today + timedelta(days=n))]
    return match_empty_slots(occurrences, schedules, now_at)

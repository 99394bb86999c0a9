"""Alarms that begin and end: each is told once when it begins and once when it is over, and nothing in between."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from broadcaster.centre.publish import preview_day
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.timetable.expand import Occurrence

_LOG = logging.getLogger("broadcaster")
EMPTY_AHEAD = timedelta(hours=24)
WEBHOOK_TIMEOUT_S = 10.0
MAX_PENDING = 200


class AlarmBook:
    """What is wrong now, by a key that stays the same while it lasts.

    Args:
        tell: Called with one sentence when an alarm begins and when it is over.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._standing: dict[str, str] = {}

    def update(self, standing: Mapping[str, str]) -> None:
        """Compare what is wrong now, key and sentence, with what was wrong before, and tell the difference."""
        for key, message in standing.items():
            if key not in self._standing:
                self._tell(f"ALARM {message}")
        for key, message in self._standing.items():
            if key not in standing:
                self._tell(f"over: {message}")
        self._standing = dict(standing)


class Webhook:
    """Posts alarms as JSON `{"centre", "text"}`; what could not be posted is tried again the next time.

    Only the newest 200 are kept meanwhile, in memory.
    """

    def __init__(self) -> None:
        self._pending: list[str] = []

    def add(self, message: str) -> None:
        """Put a sentence into the queue."""
        self._pending = [*self._pending, message][-MAX_PENDING:]

    def send_pending(self, url: str, centre: str) -> None:
        """Post what waits, oldest first, and stop at the first that fails. Never raises: a log line says why."""
        while self._pending:
            body = json.dumps({"centre": centre, "text": self._pending[0]}, ensure_ascii=False).encode()
            try:
                _post(url, body)
            except (http.client.HTTPException, OSError) as error:
                _LOG.warning("the alarm could not be posted, trying again: %s", error)
                return
            del self._pending[0]


def _post(url: str, body: bytes) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=WEBHOOK_TIMEOUT_S)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json; charset=utf-8"})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise http.client.HTTPException(f"{answer.status} {answer.reason}")
    finally:
        connection.close()


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

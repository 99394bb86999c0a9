"""The status document: what a box says of itself, rewritten every few seconds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.core.ids import LogId, StationId
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.fields import FieldReader, read_object

KIND = "broadcaster-status"
FORMAT = 1
FILE_NAME = "status.json"
STALE_AFTER = timedelta(seconds=30)  # an agent that has said nothing for so long does not run


@dataclass(frozen=True, slots=True)
class StationStatus:
    """What a box says of itself.

    `clock_error_ms` is the kernel's own bound, None when the clock is not synchronised. `playing` is the title that is
    on air, "" when none is. `next_at` is the next airing it will start by itself, None when it knows of none. `silence`
    is the title in whose place nothing sounded, "" since anything has sounded again.
    """

    station: StationId
    log: LogId
    at: datetime
    version: str
    player: str
    clock_error_ms: int | None
    disk_free_bytes: int
    masters: int
    plan: str
    playing: str
    next_at: datetime | None
    trouble: str
    silence: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", require_aware(self.at))


def write_status(status: StationStatus) -> bytes:
    """Write a status document."""
    fields = {
        "kind": KIND,
        "format": FORMAT,
        "station": status.station,
        "log": status.log,
        "at": format_instant(status.at),
        "version": status.version,
        "player": status.player,
        "clock_error_ms": status.clock_error_ms,
        "disk_free_bytes": status.disk_free_bytes,
        "masters": status.masters,
        "plan": status.plan,
        "playing": status.playing,
        "next_at": None if status.next_at is None else format_instant(status.next_at),
        "trouble": status.trouble,
    } | ({"silence": status.silence} if status.silence else {})
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def read_status(data: bytes) -> StationStatus:
    """Read a status document.

    Raises:
        DocumentError: Not a status document, of a newer format, or with a wrong field (named).
    """
    reader = FieldReader(read_object(data, "status"), "status")
    reader.require(KIND, FORMAT)
    return StationStatus(
        station=StationId(reader.read_text("station")),
        log=LogId(reader.read_text("log")),
        at=reader.read_moment("at"),
        version=reader.read_text("version"),
        player=reader.read_text("player"),
        clock_error_ms=reader.read_optional("clock_error_ms", reader.read_int),
        disk_free_bytes=reader.read_int("disk_free_bytes"),
        masters=reader.read_int("masters"),
        plan=reader.read_text("plan"),
        playing=reader.read_text("playing"),
        next_at=reader.read_optional("next_at", reader.read_moment),
        trouble=reader.read_text("trouble"),
        silence=reader.read_optional("silence", reader.read_text) or "",
    )

"""The commune's own items: what its officer plays beside the centre's plan. Pure.

An item is one sound, or several that follow each other, on one date or on days of the week. Priorities are ordered as
Decree 49/2024/NĐ-CP on grass-roots information has them: emergency at once, then priority, whose order the commune
decides, then normal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import AiringId, ProgrammeId, Sha256, SlotId, StationId, is_id
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.core.time import format_instant, wall_to_utc
from broadcaster.station.board import Planned
from broadcaster.wire.fields import FieldReader

PREFIX = "local-"
LOCAL_PRIORITY_RANK = 1
LOCAL_FIRST_RANK = 3
MAX_PIECES = 50


@dataclass(frozen=True, slots=True)
class Piece:
    """One sound of the commune's own, as it lies in the library."""

    title: str
    sha256: Sha256
    size_bytes: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class LocalItem:
    """What the commune plays, and when.

    It plays on the date `on`, or on `days` (0 Monday to 6 Sunday) from `starts_on` to `ends_on`, both included. An item
    with `goes_first` also comes before the centre's items of the same priority.
    """

    id: str
    title: str
    pieces: tuple[Piece, ...]
    at: time
    zone: str
    on: date | None = None
    days: frozenset[int] = frozenset()
    starts_on: date | None = None
    ends_on: date | None = None
    priority: Priority = Priority.NORMAL
    goes_first: bool = False
    volume: int = 100
    added_at: datetime | None = None
    added_by: str = ""

    def is_on(self, on: date) -> bool:
        """Tell whether it plays on a date."""
        if self.on is not None:
            return on == self.on
        is_inside = (self.starts_on or on) <= on <= (self.ends_on or on)
        return is_inside and on.weekday() in self.days

    def is_over(self, now_at: datetime) -> bool:
        """Tell whether none of it lies ahead any more."""
        last = self.on or self.ends_on
        return last is not None and last < now_at.astimezone(ZoneInfo(self.zone)).date()

    def sum_ms(self) -> int:
        """Sum the length of its pieces."""
        return sum(piece.duration_ms for piece in self.pieces)

    def get_rank(self) -> int:
        """Give its place in the order of priorities, as `Planned.get_rank` compares it."""
        if self.priority is not Priority.PRIORITY:
            return 0
        return LOCAL_FIRST_RANK if self.goes_first else LOCAL_PRIORITY_RANK


def expand_local(
    items: Iterable[LocalItem], station: StationId, quiet_hours: tuple[QuietHours, ...], dates: Iterable[date]
) -> list[Planned]:
    """Expand the commune's items into airings on some dates.

    A normal one waits for what plays; a priority one begins at its second, also over the centre's normal programme.
    What lies before its adding was never asked for.
    """
    wanted = tuple(dates)
    found: list[Planned] = []
    for item in items:
        zone = ZoneInfo(item.zone)
        for on in wanted:
            if item.is_on(on):
                airings = _expand_day(item, station, on, zone)
                found += [Planned(one, zone, quiet_hours, local_rank=item.get_rank()) for one in airings]
    return found


def _expand_day(item: LocalItem, station: StationId, on: date, zone: ZoneInfo) -> list[Airing]:
    start_at = wall_to_utc(on, item.at, zone)
    airings: list[Airing] = []
    if item.added_at is not None and start_at < item.added_at:
        return airings
    first_rule = StartRule.HARD if item.priority is Priority.PRIORITY else StartRule.AFTER
    for place, piece in enumerate(item.pieces):
        airings.append(
            Airing(
                id=AiringId(f"{PREFIX}{item.id}-{on:%Y%m%d}-{place + 1}-{piece.sha256[:8]}"),
                station=station,
                slot=SlotId(f"{PREFIX}{item.id}"),
                start_at=start_at,
                duration_ms=piece.duration_ms,
                programme=ProgrammeId(item.id),
                sha256=piece.sha256,
                size_bytes=piece.size_bytes,
                title=piece.title,
                column=None,
                campaign=None,
                priority=item.priority,
                volume=item.volume,
                start_rule=StartRule.AFTER if place else first_rule,
                late_rule=LateRule.BEGINNING,
            )
        )
        start_at += timedelta(milliseconds=piece.duration_ms)
    return airings


def write_item(item: LocalItem) -> dict[str, object]:
    """Give the fields of an item for the box's own file."""
    return {
        "id": item.id,
        "title": item.title,
        "pieces": [write_piece(piece) for piece in item.pieces],
        "at": item.at.isoformat(),
        "zone": item.zone,
        "on": None if item.on is None else item.on.isoformat(),
        "days": sorted(item.days),
        "from": None if item.starts_on is None else item.starts_on.isoformat(),
        "to": None if item.ends_on is None else item.ends_on.isoformat(),
        "priority": item.priority.value,
        "first": item.goes_first,
        "volume": item.volume,
        "added_at": None if item.added_at is None else format_instant(item.added_at),
        "added_by": item.added_by,
    }


def write_piece(piece: Piece) -> dict[str, object]:
    """Give the fields of one sound."""
    return {
        "title": piece.title,
        "sha256": piece.sha256,
        "size_bytes": piece.size_bytes,
        "duration_ms": piece.duration_ms,
    }


def read_item(entry: object) -> LocalItem:
    """Read an item.

    Raises:
        DocumentError: A field is missing or wrong.
    """
    if not isinstance(entry, dict):
        raise DocumentError("a local item is not an object")
    reader = FieldReader(entry, "local item")
    name = reader.read_text("id")
    zone = reader.read_text("zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DocumentError(f"the local item's time zone {zone!r} does not exist") from error
    days = reader.read_list("days")
    pieces = tuple(read_piece(piece) for piece in reader.read_list("pieces"))
    if not is_id(name) or not pieces or any(day not in range(7) for day in days):
        raise DocumentError(f"the local item {name!r} is not an item: id, pieces or days are wrong")

    def read_day(field: str) -> date:
        return reader.read_as(field, date.fromisoformat, "a date")

    return LocalItem(
        id=name,
        title=reader.read_text("title"),
        pieces=pieces,
        at=reader.read_as("at", time.fromisoformat, "a time"),
        zone=zone,
        on=reader.read_optional("on", read_day),
        days=frozenset(days),
        starts_on=reader.read_optional("from", read_day),
        ends_on=reader.read_optional("to", read_day),
        priority=reader.read_as("priority", Priority, "normal or priority"),
        goes_first=reader.read_bool("first"),
        volume=reader.read_int("volume", 0, 130),
        added_at=reader.read_optional("added_at", reader.read_moment),
        added_by=reader.read_text("added_by"),
    )


def read_piece(entry: object) -> Piece:
    """Read one sound.

    Raises:
        DocumentError: A field is missing or wrong.
    """
    if not isinstance(entry, dict):
        raise DocumentError("a piece is not an object")
    reader = FieldReader(entry, "piece")
    return Piece(
        title=reader.read_text("title"),
        sha256=reader.read_sha256("sha256"),
        size_bytes=reader.read_int("size_bytes", 1),
        duration_ms=reader.read_int("duration_ms", 1, 86_400_000),
    )

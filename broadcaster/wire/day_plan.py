"""The day plan: what one station is to play on one date, as signed JSON.

File names carry the date and the revision (`plan-2023-10-09.r2.json`, its signature with `.sig` behind), so that a
newer plan never overwrites an older one that the station is just reading.

A plan has the oldest format in which it can be written, so that a box that was not updated plays it as long as it can:
format 2 brought the start rule within. Fields that an older box may pass over came without a new format.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import AiringId, CampaignId, ColumnId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.fields import FieldReader, read_object

KIND = "broadcaster-day-plan"
FORMAT = 2
FIRST_FORMAT = 1
MAX_WITHIN_MS = 7_200_000
_NAME = re.compile(r"plan-(\d{4}-\d{2}-\d{2})\.r(\d{1,6})\.json")


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What one station is to play on one date. Airings are in the order of their start."""

    station: StationId
    centre: str
    on: date
    zone: str
    revision: int
    published_at: datetime
    quiet_hours: tuple[QuietHours, ...]
    airings: tuple[Airing, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "published_at", require_aware(self.published_at))


def plan_file_name(on: date, revision: int) -> str:
    """Name a day plan's file.

    >>> plan_file_name(date(2023, 10, 9), 2)
    'plan-2023-10-09.r2.json'
    """
    return f"plan-{on.isoformat()}.r{revision}.json"


def read_file_name(name: str) -> tuple[date, int] | None:
    """Read date and revision from a day plan's file name; None when it is no such name."""
    match = _NAME.fullmatch(name)
    if not match:
        return None
    try:
        return date.fromisoformat(match[1]), int(match[2])
    except ValueError:
        return None


def write_day_plan(plan: DayPlan) -> bytes:
    """Write a day plan; equal plans give equal bytes."""
    zone = ZoneInfo(plan.zone)
    fields = {
        "kind": KIND,
        "format": _choose_format(plan),
        "centre": plan.centre,
        "station": plan.station,
        "date": plan.on.isoformat(),
        "zone": plan.zone,
        "revision": plan.revision,
        "published_at": format_instant(plan.published_at),
        "quiet_hours": [
            {"from": q.start.isoformat("minutes"), "to": q.end.isoformat("minutes")} for q in plan.quiet_hours
        ],
        "airings": [_airing_fields(airing, zone) for airing in plan.airings],
    }
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def _choose_format(plan: DayPlan) -> int:
    has_within = any(airing.start_rule is StartRule.WITHIN for airing in plan.airings)
    return FORMAT if has_within else FIRST_FORMAT


def has_same_airings(one: DayPlan, other: DayPlan) -> bool:
    """Tell whether two plans ask the same of the station, whatever their revision and hour of publication."""
    return replace(one, revision=0, published_at=other.published_at) == replace(other, revision=0)


def read_day_plan(data: bytes) -> DayPlan:
    """Read a day plan.

    Raises:
        DocumentError: Not a day plan, of a newer format, or with a wrong field (named).
    """
    reader = FieldReader(read_object(data, "day plan"), "day plan")
    reader.require(KIND, FORMAT)
    station = StationId(reader.read_text("station"))
    on = reader.read_as("date", date.fromisoformat, "a date")
    zone_name = reader.read_text("zone")
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DocumentError(f"the day plan's time zone {zone_name!r} does not exist") from error
    quiet = tuple(_read_quiet(entry) for entry in reader.read_list("quiet_hours"))
    airings = tuple(_read_airing(entry, station, zone) for entry in reader.read_list("airings"))
    return DayPlan(
        station=station,
        centre=reader.read_text("centre"),
        on=on,
        zone=zone_name,
        revision=reader.read_int("revision", 1, 999_999),
        published_at=reader.read_moment("published_at"),
        quiet_hours=quiet,
        airings=tuple(sorted(airings, key=lambda airing: (airing.start_at, airing.id))),
    )


def _airing_fields(airing: Airing, zone: ZoneInfo) -> dict[str, object]:
    at = airing.start_at.astimezone(zone)
    fields: dict[str, object] = {
        "id": airing.id,
        "slot": airing.slot,
        "at": at.replace(tzinfo=None).isoformat(timespec="milliseconds"),
        "fold": at.fold,
        "duration_ms": airing.duration_ms,
        "programme": airing.programme,
        "sha256": airing.sha256,
        "size_bytes": airing.size_bytes,
        "title": airing.title,
        "column": airing.column,
        "campaign": airing.campaign,
        "priority": airing.priority.value,
        "volume": airing.volume,
        "start_rule": airing.start_rule.value,
        "late_rule": airing.late_rule.value,
        "repeat": airing.is_repeat,
    }
    if airing.start_rule is StartRule.WITHIN:
        fields["within_ms"] = airing.within_ms
    for name, is_set in (("repeat_if_missing", airing.may_repeat), ("ident", airing.is_ident)):
        if is_set:
            fields[name] = True
    return fields


def _read_airing(entry: object, station: StationId, zone: ZoneInfo) -> Airing:
    if not isinstance(entry, dict):
        raise DocumentError("an airing in the day plan is not an object")
    reader = FieldReader(entry, "airing")
    local = reader.read_as("at", datetime.fromisoformat, "a wall time such as 2023-10-09T17:00:00.000")
    if local.tzinfo is not None:
        raise DocumentError("an airing's wall time must not name a zone: the plan's zone holds for all")
    column = reader.read_optional("column", reader.read_text)
    campaign = reader.read_optional("campaign", reader.read_text)
    return Airing(
        id=AiringId(reader.read_text("id")),
        station=station,
        slot=SlotId(reader.read_text("slot")),
        start_at=local.replace(tzinfo=zone, fold=reader.read_int("fold", 0, 1)),
        duration_ms=reader.read_int("duration_ms", 1, 86_400_000),
        programme=ProgrammeId(reader.read_text("programme")),
        sha256=reader.read_sha256("sha256"),
        size_bytes=reader.read_int("size_bytes", 1),
        title=reader.read_text("title"),
        column=None if column is None else ColumnId(column),
        campaign=None if campaign is None else CampaignId(campaign),
        priority=reader.read_as("priority", Priority, "normal, priority or emergency"),
        volume=reader.read_int("volume", 0, 130),
        start_rule=reader.read_as("start_rule", StartRule, "hard, after or within"),
        late_rule=reader.read_as("late_rule", LateRule, "join, beginning or skip"),
        is_repeat=reader.read_bool("repeat"),
        within_ms=reader.read_optional("within_ms", lambda name: reader.read_int(name, 0, MAX_WITHIN_MS)) or 0,
        may_repeat=reader.read_optional("repeat_if_missing", reader.read_bool) or False,
        is_ident=reader.read_optional("ident", reader.read_bool) or False,
    )


def _read_quiet(entry: object) -> QuietHours:
    if not isinstance(entry, dict):
        raise DocumentError("quiet hours in the day plan are not an object with from and to")
    reader = FieldReader(entry, "quiet hours")
    return QuietHours(
        reader.read_as("from", time.fromisoformat, "a time"),
        reader.read_as("to", time.fromisoformat, "a time"),
    )

"""What people decide: the contents of schedules/ as frozen values, after they were read and found right."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from broadcaster.core.ids import ColumnId, ProgrammeId, SlotId
from broadcaster.core.model import (
    Campaign,
    Column,
    LateRule,
    MasteringTarget,
    Priority,
    QuietHours,
    StartRule,
    Station,
)

ALL_STATIONS = "all"


@dataclass(frozen=True, slots=True)
class ReportHead:
    """Who issues and signs the report: the head and end of an official document (Decree 30/2020/NĐ-CP).

    `communes` is what the communes are called together, such as "xã, phường"; "" leaves the language's own words.
    """

    parent_body: str = ""
    issuing_body: str = ""
    place: str = ""
    number_suffix: str = ""
    signer_authority: str = ""
    signer_title: str = ""
    signer_name: str = ""
    communes: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UplinkCap:
    """What all transfers together may use of the centre's line: at most hours, and otherwise in some spans of the day.

    `kbit_s` is None when there is no cap. A span is read like quiet hours: its end does not belong to it.
    """

    kbit_s: int | None = None
    hours: tuple[tuple[QuietHours, int], ...] = ()

    def choose_bytes_per_s(self, at: time) -> float | None:
        """Choose the cap for a wall time; the first span that holds it counts, None is no cap.

        >>> cap = UplinkCap(None, ((QuietHours(time(7), time(17)), 4000),))
        >>> cap.choose_bytes_per_s(time(16, 59)), cap.choose_bytes_per_s(time(17))
        (500000.0, None)
        """
        kbit_s = next((rate for span, rate in self.hours if span.has(at)), self.kbit_s)
        return None if kbit_s is None else kbit_s * 125.0


@dataclass(frozen=True, slots=True)
class AlertArea:
    """An area as alerts write it, description or code, and the stations, groups or `all` that lie in it."""

    area: str
    stations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What becomes of alerts from outside. `is_automatic`: emergencies of `senders` sound without a person."""

    areas: tuple[AlertArea, ...] = ()
    priority_column: str = ""
    normal_column: str = ""
    is_automatic: bool = False
    senders: tuple[str, ...] = ()


class MailSecurity(StrEnum):
    """How the line to the mail server is protected: encrypted after a greeting, from the first byte, or not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The office's mail server. `user` is empty where it asks for none.

    `alarms_to` are told of alarms, `reports_to` get the weekly report and its corrections.
    """

    host: str
    port: int
    security: MailSecurity
    sender: str
    user: str = ""
    password_file: str = ""
    alarms_to: tuple[str, ...] = ()
    reports_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CentreSettings:
    """The centre itself: schedules/centre.yaml.

    `push_ahead` is how long before its start a master is sent at the latest asked for; `publish_days` how many dates,
    today included, have a day plan at the stations; `start_tolerance_s` and `short_tolerance_s` are how much later an
    airing may start and how much shorter it may be and still count as played in full. `warn_ahead` is how long before
    air a station that is not ready is an alarm. `speech_command` speaks a text; espeak-ng does when it is empty.
    `tunnel` is the host and port at which boxes reach the centre's sshd, None when it takes no tunnels.
    """

    name: str
    zone: ZoneInfo
    quiet_hours: tuple[QuietHours, ...] = ()
    target: MasteringTarget = field(default_factory=MasteringTarget)
    push_ahead: timedelta = timedelta(hours=18)
    publish_days: int = 2
    collect_every: timedelta = timedelta(minutes=15)
    workers: int = 34
    needs_approval: bool = False
    alarm_webhook: str = ""
    speech_command: tuple[str, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    mail: MailSettings | None = None
    tunnel: tuple[str, int] | None = None
    start_tolerance_s: float = 5.0
    short_tolerance_s: float = 2.0
    clock_tolerance_s: float = 5.0
    report: ReportHead = field(default_factory=ReportHead)
    uplink: UplinkCap = UplinkCap()
    warn_ahead: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RundownItem:
    """One place in a slot's rundown: a programme by name, whatever a column has for the date, or a fill.

    A fill takes whole programmes of its column, of any date up to the slot's own, for what the rest of the rundown
    leaves of the slot's `max_min`.
    """

    programme: ProgrammeId | None = None
    column: ColumnId | None = None
    fill: ColumnId | None = None


class HolidayRule(StrEnum):
    """What a public holiday does to a slot: nothing, keeps it away, or is the only day on which it plays."""

    PLAY = "play"
    SKIP = "skip"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class DayCopy:
    """A date that has the slots of another date; what its columns hold stays that of its own date."""

    on: date
    like: date


@dataclass(frozen=True, slots=True)
class Slot:
    """A recurring place in the timetable.

    `days` are 0 Monday to 6 Sunday, none when only `dates` count; `every_weeks` counts from the week of `starts_on`;
    `nth` are places of the weekday in its month, 1 to 5, -1 the last, every place when empty; `excepted` are spans of
    dates, both ends included; `stations` names stations, groups or all. `broadcaster.timetable.recur` reads them.
    `start_rule` is that of its first item, `within` how long that may wait; `repeat_if_missing` lets what it played
    last stand in for a master that has not come.
    """

    id: SlotId
    title: str
    at: time
    max_min: int
    days: frozenset[int] = frozenset(range(7))
    starts_on: date | None = None
    ends_on: date | None = None
    stations: tuple[str, ...] = (ALL_STATIONS,)
    rundown: tuple[RundownItem, ...] = ()
    repeat_of: SlotId | None = None
    late_rule: LateRule = LateRule.JOIN
    priority: Priority = Priority.NORMAL
    volume: int = 100
    every_weeks: int = 1
    nth: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()
    excepted: tuple[tuple[date, date], ...] = ()
    holidays: HolidayRule = HolidayRule.PLAY
    lead: timedelta | None = None
    start_rule: StartRule = StartRule.HARD
    within: timedelta = timedelta()
    repeat_if_missing: bool = False

    def has_station(self, station: Station) -> bool:
        """Tell whether the slot is meant for a station: by name, by a group of it, or for all."""
        return any(name in (ALL_STATIONS, station.id, *station.groups) for name in self.stations)


@dataclass(frozen=True, slots=True)
class OwnHours:
    """A span that a commune keeps for its own programmes; over midnight `end` is before `start`."""

    start: time
    end: time
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Guard:
    """What the timetable may ask at most of the stations, groups or `all` that it names.

    `days` are 0 Monday to 6 Sunday. A session is what sounds without a pause of a minute; None is no limit.
    """

    stations: tuple[str, ...]
    quiet_hours: tuple[QuietHours, ...] = ()
    days: frozenset[int] = frozenset(range(7))
    session_max_min: int | None = None
    sessions_per_day: int | None = None
    own_hours: tuple[OwnHours, ...] = ()

    def has_station(self, station: Station) -> bool:
        """Tell whether the guard is for a station: by name, by a group of it, or for all."""
        return any(name in (ALL_STATIONS, station.id, *station.groups) for name in self.stations)


@dataclass(frozen=True, slots=True)
class Schedules:
    """All of schedules/."""

    centre: CentreSettings
    stations: tuple[Station, ...]
    columns: tuple[Column, ...]
    campaigns: tuple[Campaign, ...]
    slots: tuple[Slot, ...]
    copies: tuple[DayCopy, ...] = ()
    guards: tuple[Guard, ...] = ()
    _by_id: dict[str, Station] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id.update({station.id: station for station in reversed(self.stations)})

    def get_station(self, name: str) -> Station | None:
        """Give the station of an id; None when there is none."""
        return self._by_id.get(name)

    def list_targets(self) -> set[str]:
        """Give every word that names stations: ids, groups, and `all`."""
        groups = (group for station in self.stations for group in station.groups)
        return {ALL_STATIONS, *(station.id for station in self.stations), *groups}

    def list_slot_stations(self, slot: Slot, on: date) -> tuple[Station, ...]:
        """Give the stations that a slot is for on a date, in the order of the file."""
        return tuple(one for one in self.stations if slot.has_station(one) and one.is_valid_on(on))

    def list_quiet_hours(self, station: Station) -> tuple[QuietHours, ...]:
        """Give the quiet hours of a station: the centre's, then those of the guards that are for it."""
        own = (quiet for guard in self.guards if guard.has_station(station) for quiet in guard.quiet_hours)
        return tuple(dict.fromkeys((*self.centre.quiet_hours, *own)))

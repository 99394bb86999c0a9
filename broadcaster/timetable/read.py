"""Read schedules/: five files into one frozen value, or every fault at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from broadcaster.core.errors import ConfigError, Fault, TimetableError, WorkspaceError
from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Campaign, Column, LoudspeakerProfile, MasteringTarget, QuietHours, Station
from broadcaster.core.schedules import (
    AlertArea,
    AlertSettings,
    CentreSettings,
    DayCopy,
    Guard,
    MailSecurity,
    MailSettings,
    OwnHours,
    ReportHead,
    RundownItem,
    Schedules,
    Slot,
    UplinkCap,
)
from broadcaster.core.time import DAYS, plan_week, read_week
from broadcaster.timetable.forms import (
    CampaignForm,
    CampaignsFile,
    CentreFile,
    ColumnsFile,
    CopyForm,
    GuardForm,
    MailForm,
    SlotForm,
    StationForm,
    StationsFile,
    TimetableFile,
)
from broadcaster.timetable.policy import SchedulePlaces, match_policy
from broadcaster.timetable.stand_in import replace_files
from broadcaster.timetable.yaml_files import PlacedFile, read_placed

FILES = ("centre.yaml", "stations.yaml", "columns.yaml", "campaigns.yaml", "timetable.yaml")

MAIL_PORTS = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}


@dataclass(frozen=True)
class ReadSchedules:
    """What was read: the value when everything is right (None otherwise), what cannot be read, and all faults."""

    schedules: Schedules | None
    config_faults: tuple[Fault, ...]
    faults: tuple[Fault, ...]


def read_all(folder: Path) -> ReadSchedules:
    """Read schedules/ and find everything wrong in it at once.

    Args:
        folder: The workspace's schedules folder.

    Raises:
        WorkspaceError: There is no such folder.
    """
    if not folder.is_dir():
        raise WorkspaceError(f"there is no folder {folder}")
    shown = Path(folder.name)
    centre_file, centre, faults = read_placed(folder / FILES[0], CentreFile, shown / FILES[0])
    stations_file, stations, more = read_placed(folder / FILES[1], StationsFile, shown / FILES[1])
    faults += more
    columns_file, columns, more = read_placed(folder / FILES[2], ColumnsFile, shown / FILES[2])
    faults += more
    campaigns_file, campaigns, more = read_placed(folder / FILES[3], CampaignsFile, shown / FILES[3])
    faults += more
    timetable_file, timetable, more = read_placed(folder / FILES[4], TimetableFile, shown / FILES[4])
    faults += more
    made = replace_files(centre, stations, columns, campaigns, timetable)
    schedules = Schedules(
        centre=_make_centre(made.centre),
        stations=tuple(_make_station(form) for form in made.stations.stations),
        columns=tuple(Column(ColumnId(form.id), form.name) for form in made.columns.columns),
        campaigns=tuple(_make_campaign(form) for form in made.campaigns.campaigns),
        slots=tuple(make_slot(form) for form in made.timetable.slots),
        guards=tuple(_make_guard(form) for form in made.stations.guards),
        copies=tuple(
            copy
            for form in sorted(made.timetable.copies, key=lambda form: form.on is None)  # a date before its week
            for copy in _make_copies(form)
        ),
    )
    files = (centre_file, stations_file, columns_file, campaigns_file, timetable_file)
    copied = _match_copies(made.timetable.copies, timetable_file)
    policy = (*match_policy(schedules, SchedulePlaces(*files)), *copied)
    untrue = set().union(*(file.untrue for file in files))
    true = [fault for fault in policy if fault not in untrue]
    return ReadSchedules(None if faults or true else schedules, _order(faults), _order((*faults, *true)))


def _match_copies(forms: Sequence[CopyForm], places: PlacedFile) -> Iterator[Fault]:
    seen: set[date | str | None] = set()
    for n, form in enumerate(forms):
        name = form.on or form.week
        shown = f"{name:%d/%m/%Y}" if isinstance(name, date) else name
        if not _make_copies(form):
            yield places.make_fault(
                ("copies", n), "what is copied is a date like a date, or a week like a week", "both"
            )
        elif name == form.like:
            yield places.make_fault(("copies", n, "like"), f"{shown} is to be like itself", "another date or week")
        elif name in seen:
            yield places.make_fault(("copies", n), f"a second copy for {shown}", "one for each")
        seen.add(name)


def _order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: (FILES.index(fault.path.name), fault.line, fault.column)))


def read_schedules(folder: Path) -> Schedules:
    """Read schedules/.

    Raises:
        ConfigError: A file cannot be read as written; holds every fault, also breaks of rules.
        TimetableError: The files break a rule of the house; holds every break.
        WorkspaceError: There is no such folder.
    """
    found = read_all(folder)
    if found.config_faults:
        raise ConfigError(found.faults)
    if found.schedules is None:
        raise TimetableError(found.faults)
    return found.schedules


def _make_centre(form: CentreFile) -> CentreSettings:
    return CentreSettings(
        name=form.name,
        zone=ZoneInfo(form.zone),
        quiet_hours=tuple(QuietHours(quiet.start, quiet.end) for quiet in form.quiet_hours),
        target=MasteringTarget(
            loudness_lufs=form.loudness.target_lufs,
            ceiling_dbtp=form.loudness.ceiling_dbtp,
            bitrate_kbps=form.loudness.bitrate_kbps,
            profile=LoudspeakerProfile(form.loudspeakers.mono, form.loudspeakers.highpass_hz),
        ),
        push_ahead=timedelta(minutes=form.push_ahead_min),
        publish_days=form.publish_days,
        collect_every=timedelta(minutes=form.collect_every_min),
        workers=form.workers,
        uplink=UplinkCap(
            form.uplink.kbit_s,
            tuple((QuietHours(span.start, span.end), span.kbit_s) for span in form.uplink.hours),
        ),
        warn_ahead=timedelta(minutes=form.warn_ahead_min),
        alarm_webhook=form.alarm_webhook,
        speech_command=tuple(form.speech_command),
        mail=_make_mail(form.mail),
        tunnel=form.tunnel,
        alerts=AlertSettings(
            areas=tuple(AlertArea(one.area, tuple(one.stations)) for one in form.alerts.areas),
            priority_column=form.alerts.priority_column or "",
            normal_column=form.alerts.normal_column or "",
            is_automatic=form.alerts.take == "automatic",
            senders=tuple(form.alerts.senders),
        ),
        needs_approval=form.approval == "required",
        start_tolerance_s=form.tolerance.start_s,
        short_tolerance_s=form.tolerance.short_s,
        clock_tolerance_s=form.tolerance.clock_s,
        report=ReportHead(
            parent_body=form.report.parent_body,
            issuing_body=form.report.issuing_body or form.name,
            place=form.place,
            number_suffix=form.report.number_suffix,
            signer_authority=form.report.signer_authority,
            signer_title=form.report.signer_title,
            signer_name=form.report.signer_name,
            communes=form.report.communes,
            recipients=tuple(form.report.recipients),
        ),
    )


def _make_station(form: StationForm) -> Station:
    return Station(
        id=StationId(form.id),
        name=form.name,
        kind=form.kind,
        groups=tuple(form.groups),
        clusters=form.clusters,
        host=form.host,
        port=form.port,
        user=form.user,
        host_key=form.host_key,
        tunnel_key=form.tunnel_key,
        volume=form.volume,
        phone=form.phone,
        valid_from=form.valid_from,
        valid_to=form.valid_to,
        has_agent=form.agent,
    )


def _read_days(names: Sequence[str] | None) -> frozenset[int]:
    return frozenset(DAYS.index(day) for day in names or DAYS)


def _make_mail(form: MailForm | None) -> MailSettings | None:
    if form is None:
        return None
    return MailSettings(
        host=form.host,
        port=form.port or MAIL_PORTS[form.security],
        security=form.security,
        sender=form.sender,
        user=form.user,
        password_file=form.password_file,
        alarms_to=tuple(form.alarms_to),
        reports_to=tuple(form.reports_to),
    )


def _make_guard(form: GuardForm) -> Guard:
    return Guard(
        stations=tuple(form.stations),
        quiet_hours=tuple(QuietHours(quiet.start, quiet.end) for quiet in form.quiet_hours),
        days=_read_days(form.days),
        own_hours=tuple(OwnHours(own.start, own.end, _read_days(own.days)) for own in form.own_hours),
        session_max_min=form.session_max_min,
        sessions_per_day=form.sessions_per_day,
    )


def _make_campaign(form: CampaignForm) -> Campaign:
    return Campaign(
        id=CampaignId(form.id),
        name=form.name,
        starts_on=form.start,
        ends_on=form.end,
        baseline=None if form.baseline is None else (form.baseline.start, form.baseline.end),
        columns=tuple(ColumnId(name) for name in form.columns),
    )


def make_slot(form: SlotForm) -> Slot:
    """Make the slot that a form says; whether it keeps the rules is not looked at."""
    return Slot(
        id=SlotId(form.id),
        title=form.title,
        at=form.at,
        max_min=form.max_min,
        days=_choose_days(form),
        starts_on=form.start,
        ends_on=form.end,
        stations=tuple(form.stations),
        rundown=tuple(
            RundownItem(
                programme=None if item.programme is None else ProgrammeId(item.programme),
                column=None if item.column is None else ColumnId(item.column),
                fill=None if item.fill is None else ColumnId(item.fill),
            )
            for item in form.rundown
        ),
        repeat_of=None if form.repeat_of is None else SlotId(form.repeat_of),
        late_rule=form.late,
        priority=form.priority,
        volume=form.volume,
        every_weeks=form.every_weeks,
        nth=frozenset(form.nth or ()),
        dates=frozenset(form.dates),
        excepted=tuple((span.start, span.end) for span in form.excepted),
        holidays=form.holidays,
        lead=None if form.lead_min is None else timedelta(minutes=form.lead_min),
        start_rule=form.begins,
        within=timedelta(minutes=form.within_min or 0),
        repeat_if_missing=form.repeat_if_missing,
    )


def _choose_days(form: SlotForm) -> frozenset[int]:
    """Choose the weekdays: every day when none is named, but none when dates alone are."""
    if form.days is None and form.nth is None and form.dates:
        return frozenset()
    return _read_days(form.days)


def _make_copies(form: CopyForm) -> tuple[DayCopy, ...]:
    """Make one copy of a day or seven of a week; a form with both or neither makes none and is a fault of policy."""
    if form.on is not None and form.week is None and isinstance(form.like, date):
        return (DayCopy(form.on, form.like),)
    if form.week is not None and form.on is None and isinstance(form.like, str):
        return tuple(map(DayCopy, plan_week(read_week(form.week)), plan_week(read_week(form.like))))
    return ()

"""Find all that is wrong in a workspace at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.centre.publish import preview_day, read_played_before
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.files import hash_file
from broadcaster.core.ids import suggest_nearest
from broadcaster.core.programs import find_ffmpeg
from broadcaster.core.schedules import Schedules
from broadcaster.link.line import find_congestion_trouble
from broadcaster.mastering.speech import find_voice_trouble
from broadcaster.store.engine import Record
from broadcaster.store.programmes import read_programmes
from broadcaster.timetable.expand import UNAPPROVED
from broadcaster.timetable.read import read_all
from broadcaster.wire.signature import read_private_key


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to correct (`is_wrong`) or to know, and what to do next."""

    message: str
    hint: str = ""
    is_wrong: bool = True


def check_workspace(workspace: Workspace, now_at: datetime) -> list[Finding]:
    """Check schedules/, ffmpeg, the centre's key, the record, the masters, and the next two days.

    Raises:
        WorkspaceError: The workspace cannot be written at all.
    """
    workspace.prepare_state()
    findings: list[Finding] = []
    found = read_all(workspace.schedules)
    findings += [Finding(str(fault)) for fault in found.faults]
    for probe in (find_ffmpeg, lambda: read_private_key(workspace.key)):
        try:
            probe()
        except BroadcasterError as error:
            findings.append(Finding(error.message, error.hint))
    try:
        with workspace.open_record() as record:
            findings += _check_masters(workspace, record)
            if found.schedules is not None:
                findings += _check_days(record, found.schedules, now_at)
    except BroadcasterError as error:
        findings.append(Finding(error.message, error.hint))
    if found.schedules is not None:
        findings += _check_stations(found.schedules, now_at)
        findings += _check_voice(found.schedules)
    return findings + _check_lines()


def _check_masters(workspace: Workspace, record: Record) -> list[Finding]:
    with record.read() as connection:
        programmes = read_programmes(connection)
    findings: list[Finding] = []
    for programme in programmes:
        path = workspace.get_master(programme.master.sha256)
        if not path.exists():
            message = f"the master of {programme.id!r} is gone: {path}"
        elif hash_file(path) != programme.master.sha256:
            message = f"the master of {programme.id!r} was changed: {path}"
        else:
            continue
        findings.append(Finding(message, "remove the programme and add its recording again"))
    return findings


def _check_days(record: Record, schedules: Schedules, now_at: datetime) -> list[Finding]:
    findings: list[Finding] = []
    with record.read() as connection:
        names = [programme.id for programme in read_programmes(connection)]
    for slot in schedules.slots:
        for item in slot.rundown:
            if item.programme is not None and item.programme not in names:
                add = f"add it: broadcaster programme add FILE --id {item.programme}"
                hint = suggest_nearest(item.programme, names, add)
                message = f"slot {slot.id!r} wants the programme {item.programme!r}, which is not there"
                findings.append(Finding(message, hint, is_wrong=False))
    today = now_at.astimezone(schedules.centre.zone).date()
    for on in (today, today + timedelta(days=1)):
        for occurrence in preview_day(record, schedules, on, now_at):
            at = occurrence.start_at.astimezone(schedules.centre.zone)
            what = f"{occurrence.slot.id!r} on {at:%d/%m/%Y} at {at:%H:%M}"
            if not occurrence.items and occurrence.start_at > now_at:
                hint = "add a programme for one of its columns and that date"
                if any(why.startswith(UNAPPROVED) for why in occurrence.missing):
                    hint = "`broadcaster approvals` shows what waits for whom"
                why = ": " + ", ".join(occurrence.missing) if occurrence.missing else ""
                findings.append(Finding(f"nothing to play in {what}{why}", hint, is_wrong=False))
            for name, (played_at, earlier) in read_played_before(record, occurrence).items():
                last = played_at.astimezone(schedules.centre.zone)
                message = f"{name!r} in {what} was played already: {earlier} on {last:%d/%m/%Y} at {last:%H:%M}"
                hint = f"a repeat is a slot with `repeat_of: {earlier}`: only then is it counted as one"
                findings.append(Finding(message, hint, is_wrong=False))
            if occurrence.is_too_long():
                minutes = occurrence.sum_duration().total_seconds() / 60
                message = f"{what} is {minutes:.1f} min long, its slot has {occurrence.slot.max_min}"
                findings.append(Finding(message, "shorten it, or give the slot more minutes"))
    return findings


def _check_stations(schedules: Schedules, now_at: datetime) -> list[Finding]:
    today = now_at.astimezone(schedules.centre.zone).date()
    stations = [station for station in schedules.stations if station.is_valid_on(today)]
    loose = [station.id for station in stations if not station.is_connected()]
    if not loose:
        return []
    shown = ", ".join(loose[:5]) + (f" and {len(loose) - 5} more" if len(loose) > 5 else "")
    message = f"{len(loose)} of {len(stations)} stations are not connected yet: {shown}"
    hint = "`broadcaster station enrol ID` prints what there is to do (docs/station-box.md)"
    return [Finding(message, hint, is_wrong=False)]


def _check_voice(schedules: Schedules) -> list[Finding]:
    command = schedules.centre.speech_command
    message, hint = find_voice_trouble(command)
    return [Finding(message, hint, is_wrong=bool(command))] if message else []


def _check_lines() -> list[Finding]:
    trouble = find_congestion_trouble()
    if not trouble:
        return []
    message = f"on lines that lose packets masters will go at a fifth of the rate: {trouble}"
    hint = "permit BBR, two lines as root: docs/centre-service.md, 'Lines that lose packets'"
    return [Finding(message, hint, is_wrong=False)]

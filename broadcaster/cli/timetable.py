"""`broadcaster timetable`: show what would play, publish it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import click

from broadcaster.centre.publish import explain, list_publish_dates, preview_day, publish_days, read_played_before
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.screen import format_length, print_json, print_table
from broadcaster.cli.timetable_files import export, import_file
from broadcaster.core.errors import InputError, UnknownNameError
from broadcaster.core.ids import ProgrammeId, SlotId, suggest_nearest
from broadcaster.core.model import Station
from broadcaster.core.time import plan_week, read_date, read_week
from broadcaster.timetable.expand import Occurrence


@click.group()
def timetable() -> None:
    """See what plays where and when, and publish it."""


timetable.add_command(export)
timetable.add_command(import_file)


@timetable.command("show")
@click.option("--date", "on", help="One date, 2023-10-09 or 09/10/2023; today otherwise.")
@click.option("--week", help="One ISO week, 2023-W41.")
@click.option("--station", help="Only what one station plays.")
@click.option("--why", is_flag=True, help="Every slot, also those that do not play, with the rule that decided.")
@json_option
@click.pass_context
def show(
    context: click.Context, on: str | None, week: str | None, station: str | None, why: bool, as_json: bool
) -> None:
    """Show what plays where and when. Nothing is published or sent."""
    with open_desk(context) as desk:
        dates = _choose_dates(desk, on, week)
        if why:
            _show_reasons(desk, dates, None if station is None else _get_station(desk, station), as_json)
            return
        found = [one for day in dates for one in preview_day(desk.record, desk.schedules, day, desk.now_at())]
        if station is not None:
            chosen = _get_station(desk, station)
            found = [one for one in found if one.slot.has_station(chosen) and chosen.is_valid_on(one.on)]
        played = {id(one): read_played_before(desk.record, one) for one in found}
        counts = {id(one): len(desk.schedules.list_slot_stations(one.slot, one.on)) for one in found}
        zone = desk.schedules.centre.zone
    if as_json:
        print_json([_to_fields(one, counts[id(one)], played[id(one)]) for one in found])
        return
    rows: list[Sequence[object]] = []
    for one in found:
        at = one.start_at.astimezone(zone)
        length = format_length(round(one.sum_duration().total_seconds() * 1000))
        note = "TOO LONG" if one.is_too_long() else ""
        if not one.items:
            note = "NOTHING TO PLAY: " + ", ".join(one.missing)
        elif one.missing:
            note = (note + " without " + ", ".join(one.missing)).strip()
        rows.append((f"{at:%a %d/%m}", f"{at:%H:%M:%S}", one.slot.title, counts[id(one)], length, note))
        offset = timedelta()
        for item in one.items:
            begins, before = at + offset, played[id(one)].get(item.id)
            note = "fills up" if item.id in one.filling else ""
            if before:
                note = f"PLAYED ALREADY {before[0].astimezone(zone):%d/%m %H:%M}"
            rows.append(("", f"{begins:%H:%M:%S}", f"  {item.title}", "", format_length(item.master.duration_ms), note))
            offset += timedelta(milliseconds=item.master.duration_ms)
    print_table("", ("Day", "Time", "What", "Stations", "Length", "Note"), rows, right=(3, 4))


def _get_station(desk: Desk, name: str) -> Station:
    found = desk.schedules.get_station(name)
    if found is None:
        hint = suggest_nearest(name, [station.id for station in desk.schedules.stations])
        raise UnknownNameError(f"there is no station {name!r}", hint=hint)
    return found


def _show_reasons(desk: Desk, dates: Sequence[date], station: Station | None, as_json: bool) -> None:
    found = [reason for on in dates for reason in explain(desk.record, desk.schedules, on, desk.now_at(), station)]
    if as_json:
        print_json([
            {"slot": one.slot.id, "date": one.on, "at": one.slot.at, "plays": one.is_played, "why": one.reasons}
            for one in found
        ])  # fmt: skip
        return
    rows = [
        (f"{one.on:%a %d/%m}", f"{one.slot.at:%H:%M:%S}", one.slot.id, "yes" if one.is_played else "NO",
         "; ".join(one.reasons))
        for one in found
    ]  # fmt: skip
    print_table("", ("Day", "Time", "Slot", "Plays", "Why"), rows)


@timetable.command("publish")
@click.option("--date", "on", help="One date; otherwise today and as many days as centre.yaml says.")
@click.option("--week", help="One ISO week, 2023-W41.")
@json_option
@click.pass_context
def publish(context: click.Context, on: str | None, week: str | None, as_json: bool) -> None:
    """Sign a day plan for every station and date where something changed. `broadcaster push` sends them.

    A slot that has begun is never changed. `broadcaster timetable show` is the preview.
    """
    with open_desk(context) as desk:
        if on or week:
            dates: Sequence[date] = _choose_dates(desk, on, week)
        else:
            dates = list_publish_dates(desk.schedules, desk.now_at())
        published = publish_days(desk.workspace, desk.record, desk.schedules, dates, desk.now_at())
    if as_json:
        print_json([
            {"station": p.station, "date": p.on, "revision": p.revision, "airings": p.airings, "new": p.is_new}
            for p in published
        ])  # fmt: skip
        return
    for day in dates:
        mine = [one for one in published if one.on == day]
        new = sum(one.is_new for one in mine)
        airings = sum(one.airings for one in mine)
        click.echo(f"{day:%d/%m/%Y}: {new} new plans, {len(mine) - new} unchanged; {airings} airings")


def _choose_dates(desk: Desk, on: str | None, week: str | None) -> tuple[date, ...]:
    if on and week:
        raise InputError("--date and --week exclude each other", hint="give one of them")
    if week:
        return plan_week(read_week(week))
    return (read_date(on) if on else desk.now_at().astimezone(desk.schedules.centre.zone).date(),)


def _to_fields(
    one: Occurrence, stations: int, played: Mapping[ProgrammeId, tuple[datetime, SlotId]]
) -> dict[str, object]:
    return {
        "slot": one.slot.id,
        "date": one.on,
        "start_at": one.start_at.isoformat(),
        "stations": stations,
        "repeat": one.slot.repeat_of is not None,
        "too_long": one.is_too_long(),
        "missing": one.missing,
        "items": [
            {"programme": item.id, "title": item.title, "duration_ms": item.master.duration_ms,
             "sha256": item.master.sha256, "fill": item.id in one.filling,
             "played_at": played[item.id][0] if item.id in played else None}
            for item in one.items
        ],
    }  # fmt: skip

"""`broadcaster journal`: airtime that a person types in, for vehicles and stations without an agent."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import click

from broadcaster.centre.declare import (
    find_station,
    list_declared_lines,
    plan_declared,
    plan_declared_airing,
    plan_declared_sound,
    plan_taken_back,
    write_declared,
)
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.screen import format_length, format_local, print_json, print_table
from broadcaster.core.ids import AiringId, compose
from broadcaster.core.model import Station
from broadcaster.core.time import format_instant, plan_week, read_date, read_time, read_week, wall_to_utc
from broadcaster.wire.journal import JournalEntry

MOST_MINUTES = 1440
by_option = click.option("--by", required=True, help="Who says so: the commune's officer, the driver.")
preview_option = click.option("--preview", is_flag=True, help="Show what would be kept, and keep nothing.")


@click.group()
def journal() -> None:
    """Type in what sounded where no box keeps a diary; reports mark it as self-declared."""


def _take_name(by: str) -> str:
    who = compose(by).strip()
    if not who:
        raise click.UsageError("--by needs a name")
    return who


def _take_minutes(_context: click.Context, _option: click.Parameter, minutes: float | None) -> float | None:
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:  # not a number is neither
        raise click.BadParameter(f"{minutes} is not above 0 and at most {MOST_MINUTES}, a day")
    return minutes


@journal.command("add")
@click.argument("station")
@click.option("--on", help="Date, 2023-10-09 or 09/10/2023: everything planned for it sounded whole.")
@click.option("--slot", help="With --on: only this slot.")
@click.option("--airing", help="One planned airing.")
@click.option("--title", help="With --on and --at: something that was not planned.")
@click.option("--at", "at", help="With --title: wall time, 17:00.")
@click.option("--minutes", type=float, callback=_take_minutes, help="With --airing or --title: how long.")
@by_option
@preview_option
@json_option
@click.pass_context
def add(
    context: click.Context, station: str, on: str | None, slot: str | None, airing: str | None, title: str | None,
    at: str | None, minutes: float | None, by: str, preview: bool, as_json: bool,
) -> None:  # fmt: skip
    """Type in what sounded at STATION: a date's airings (--on), one of them (--airing), or something else (--title)."""
    output_ms = None if minutes is None else round(minutes * 60_000)
    who = _take_name(by)
    if title is not None and not compose(title).strip():
        raise click.UsageError("--title needs a title")
    with open_desk(context) as desk:
        place = find_station(desk.schedules, station)
        now_at = desk.now_at()
        if title is not None and on and at and output_ms is not None and not airing and not slot:
            started_at = wall_to_utc(read_date(on), read_time(at), desk.schedules.centre.zone)
            entries = [plan_declared_sound(place, title, started_at, output_ms, who, now_at)]
        elif airing is not None and not (on or slot or title or at):
            entries = [
                plan_declared_airing(desk.record, desk.schedules, place, AiringId(airing), output_ms, who, now_at)
            ]
        elif on and not (airing or title or at or minutes):
            entries = plan_declared(desk.record, desk.schedules, place, read_date(on), slot, who, now_at)
        else:
            raise click.UsageError(
                "give --on DATE (with --slot), or --airing ID (with --minutes), or --title, --on, --at and --minutes"
            )
        _keep(desk, place, entries, preview, as_json)


@journal.command("withdraw")
@click.argument("station")
@click.argument("airing")
@by_option
@preview_option
@json_option
@click.pass_context
def withdraw(context: click.Context, station: str, airing: str, by: str, preview: bool, as_json: bool) -> None:
    """Take back what was typed in about AIRING at STATION; both lines stay in the journal."""
    with open_desk(context) as desk:
        place = find_station(desk.schedules, station)
        entry = plan_taken_back(desk.record, place, AiringId(airing), _take_name(by), desk.now_at())
        _keep(desk, place, [entry], preview, as_json)


@journal.command("list")
@click.argument("station")
@click.option("--week", required=True, help="ISO week, 2023-W41.")
@json_option
@click.pass_context
def list_entries(context: click.Context, station: str, week: str, as_json: bool) -> None:
    """List what stands as typed in about a week of STATION."""
    days = plan_week(read_week(week))
    with open_desk(context) as desk:
        place = find_station(desk.schedules, station)
        entries = list_declared_lines(desk.record, place, days[0], days[-1], desk.schedules)
        _show(desk, place, entries, as_json)


def _keep(desk: Desk, station: Station, entries: Sequence[JournalEntry], preview: bool, as_json: bool) -> None:
    if not preview:
        write_declared(desk.record, station.id, entries, getpass.getuser(), desk.now_at())
    _show(desk, station, entries, as_json)
    if not as_json:
        done = "kept; reports mark it as self-declared (tự khai)"
        click.echo("nothing was kept: this is a preview" if preview else done)


def _show(desk: Desk, station: Station, entries: Sequence[JournalEntry], as_json: bool) -> None:
    if as_json:
        print_json([
            {"station": station.id, "airing": one.airing, "title": one.title, "event": one.happening.value,
             "started_at": format_instant(one.started_at) if one.started_at else None, "output_ms": one.output_ms,
             "declared_by": one.declared_by}
            for one in entries
        ])  # fmt: skip
        return
    rows = [
        (format_local(one.planned_at, desk.schedules.centre.zone), one.title, format_length(one.output_ms),
         one.declared_by, one.airing)
        for one in entries
    ]  # fmt: skip
    print_table(f"{station.name} (tự khai)", ("at", "title", "sounded", "says", "airing"), rows, right=(2,))

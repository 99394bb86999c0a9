"""`broadcaster timetable export` and `import`: the timetable as offices keep it, in Excel, CSV or a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from broadcaster.cli.context import open_desk
from broadcaster.cli.screen import print_table
from broadcaster.core.errors import InputError
from broadcaster.core.files import write_atomic
from broadcaster.core.time import read_date
from broadcaster.timetable.calendar_back import YEAR, match_calendar
from broadcaster.timetable.calendar_file import write_calendar
from broadcaster.timetable.calendar_in import read_calendar
from broadcaster.timetable.edit import BACKUP, Fields, SlotChange, plan_edit, read_slots, write_edit
from broadcaster.timetable.spreadsheet import read_csv, read_workbook, write_csv, write_workbook

TABLES = {".xlsx": read_workbook, ".csv": read_csv}
CALENDAR = ".ics"


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "first", help="Calendars: first date whose exceptions are written; today otherwise.")
@click.option("--to", "last", help="Calendars: last date; a year later otherwise.")
@click.pass_context
def export(context: click.Context, file: Path, first: str | None, last: str | None) -> None:
    """Write the timetable to FILE: .xlsx, .csv, or .ics for a calendar program."""
    ending = _choose_ending(file)
    with open_desk(context) as desk:
        if ending == CALENDAR:
            today = desk.now_at().astimezone(desk.schedules.centre.zone).date()
            first_on = read_date(first) if first else today
            last_on = read_date(last) if last else first_on + YEAR
            data = write_calendar(desk.schedules, first_on, last_on, desk.now_at())
        else:
            slots = read_slots(desk.workspace.schedules)
            data = write_workbook(slots) if ending == ".xlsx" else write_csv(slots)
        count = len(desk.schedules.slots)
    try:
        write_atomic(file, data)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"{count} slots written to {file}")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--keep", is_flag=True, help="Keep slots that FILE does not name; otherwise they go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def import_file(context: click.Context, file: Path, keep: bool, yes: bool) -> None:
    """Take the timetable from FILE (.xlsx, .csv, .ics): shows what would change, asks, then writes timetable.yaml.

    Comments and the order of the file stay; the file as it was lies beside it. Nothing is published by this.
    """
    ending = _choose_ending(file)
    slots: Sequence[Fields]
    with open_desk(context) as desk:
        folder = desk.workspace.schedules
        if ending == CALENDAR:
            zone = desk.schedules.centre.zone
            today_on = desk.now_at().astimezone(zone).date()
            taken = read_calendar(file, zone, desk.schedules.slots)
            slots = match_calendar(desk.schedules, read_slots(folder), taken, today_on)
        else:
            slots = TABLES[ending](file)
    edit = plan_edit(folder, slots, is_whole=not keep)
    if not edit.changes:
        click.echo("nothing would change")
        return
    print_table("What would change", ("", "Slot", "Field", "Now", "Then"), _list_rows(edit.changes))
    if not yes:
        many = "s" if len(edit.changes) > 1 else ""
        click.confirm(f"write {len(edit.changes)} change{many} to timetable.yaml?", abort=True)
    before = write_edit(folder, edit)
    click.echo(f"written; the timetable as it was is {before} (copy {BACKUP} over it to go back)")
    click.echo("`broadcaster timetable show` shows what plays, `timetable publish` makes it so")


def _list_rows(changes: tuple[SlotChange, ...]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for change in changes:
        details = change.details or (("", "", ""),)
        for place, (name, before, after) in enumerate(details):
            head = ("", "") if place else (change.kind.value, change.slot)
            rows.append((*head, name, before, after))
    return rows


def _choose_ending(file: Path) -> str:
    ending = file.suffix.casefold()
    if ending != CALENDAR and ending not in TABLES:
        raise InputError(f"{file.name}: what kind of file is it?", hint="name it with .xlsx, .csv or .ics")
    return ending

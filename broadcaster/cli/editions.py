"""`broadcaster report list`, `show` and `again`: which reports were made, what they rest on, the same bytes again."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from broadcaster.airtime.figures import Change, Report
from broadcaster.airtime.words import WORDINGS
from broadcaster.centre.editions import read_edition, write_again
from broadcaster.centre.report_mail import find_receivers, list_attached, send_edition
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import print_json, print_table
from broadcaster.core.files import hash_file
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant
from broadcaster.store.editions import Edition, read_editions

SHOWN_CHANGES = 20
MISSING, CHANGED, KEPT = "missing", "changed", "as kept"


language_option = click.option("--language", type=click.Choice(sorted(WORDINGS)), default="vi", show_default=True,
                               help="Language of the documents: Vietnamese or English.")  # fmt: skip


@click.command("list")
@json_option
@click.pass_context
def list_reports(context: click.Context, as_json: bool) -> None:
    """List the reports that were made of periods that are over, each edition, and which one corrects it."""
    with open_desk(context) as desk:
        with desk.record.read() as connection:
            editions = read_editions(connection)
        zone = desk.schedules.centre.zone
    newest = {one.name: one.edition for one in editions}
    if as_json:
        print_json([_list_fields(one, newest[one.name]) for one in editions])
        return
    rows = [
        (one.name, str(one.edition), f"{one.first_on:%d/%m/%Y}", f"{one.last_on:%d/%m/%Y}", _write_time(one, zone),
         f"corrected by edition {one.edition + 1}" if one.edition < newest[one.name] else "",
         f"{one.mailed_at.astimezone(zone):%d/%m/%Y %H:%M}" if one.mailed_at else "")
        for one in editions
    ]  # fmt: skip
    print_table("Reports", ("report", "edition", "from", "to", "made", "", "sent"), rows, right=(1,))


@click.command("show")
@click.argument("name")
@click.option("--edition", "number", type=int, help="Which edition; the newest when left out.")
@json_option
@click.pass_context
def show_report(context: click.Context, name: str, number: int | None, as_json: bool) -> None:
    """Show what a kept report rests on, and whether its files lie in reports/ as they were made."""
    with open_desk(context) as desk:
        edition = read_edition(desk.record, name, number)
        newest = read_edition(desk.record, name)
        zone = desk.schedules.centre.zone
        folder = desk.workspace.reports
    found = {file: _compare(folder / file, sha256) for file, sha256 in edition.files.items()}
    if as_json:
        print_json({**_list_fields(edition, newest.edition), "found": found})
        return
    click.echo(f"{edition.name}, edition {edition.edition}, made {_write_time(edition, zone)} by {edition.version}")
    if newest.edition > edition.edition:
        click.echo(f"corrected by edition {edition.edition + 1}: late journals changed its figures")
    click.echo(f"inputs:  {edition.inputs_sha256}")
    click.echo(f"figures: {edition.figures_sha256}")
    for file, sha256 in edition.files.items():
        click.echo(f"{sha256}  {file}: {found[file]}")


@click.command("again")
@click.argument("name")
@click.option("--edition", "number", type=int, help="Which edition; the newest when left out.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; reports/again when left out.")
@language_option
@json_option
@click.pass_context
def make_report_again(
    context: click.Context, name: str, number: int | None, out: Path | None, language: str, as_json: bool
) -> None:
    """Make a kept report again from what it was made from. Exit code 1 when a file is not the same bytes."""
    with open_desk(context) as desk:
        folder = out or desk.workspace.reports / "again"
        written, same = write_again(desk.record, name, number, folder, WORDINGS[language])
    kept = written.edition.version if written.edition else ""
    if as_json:
        print_json({"name": name, "edition": written.report.edition, "folder": str(folder), "same": same})
    else:
        click.echo(f"{name}, edition {written.report.edition}: the same inputs and figures, written to {folder}")
        for file, is_same in sorted(same.items()):
            click.echo(f"{file}: {'the same bytes' if is_same else f'other bytes than release {kept} made'}")
        if not same:
            click.echo("no hash was kept of files in this language")
    context.exit(0 if all(same.values()) else 1)


@click.command("send")
@click.argument("name")
@click.option("--edition", "number", type=int, help="Which edition; the newest when left out.")
@click.option("--preview", is_flag=True, help="Show what would be sent and to whom, and send nothing.")
@click.pass_context
def send_report(context: click.Context, name: str, number: int | None, preview: bool) -> None:
    """Send a kept report by e-mail to mail.reports_to of schedules/centre.yaml."""
    with open_desk(context) as desk:
        edition = read_edition(desk.record, name, number)
        settings, to = find_receivers(desk.schedules)
        if not preview:
            send_edition(desk.workspace, desk.record, desk.schedules, edition, desk.now_at())
    click.echo(
        f"{edition.name}, edition {edition.edition}: {'would be sent' if preview else 'sent'} to {', '.join(to)}"
    )
    click.echo(f"from {settings.sender} over {settings.host}:{settings.port}: {', '.join(list_attached(edition))}")


def print_correction(made: Report, schedules: Schedules) -> None:
    """Say which edition a report corrects and what changed; nothing for a first edition."""
    if made.correction is None:
        return
    at = made.correction.made_at.astimezone(schedules.centre.zone)
    click.echo(f"corrects edition {made.correction.edition} of {at:%d/%m/%Y %H:%M}:")
    for change in made.correction.changes[:SHOWN_CHANGES]:
        who = change.name or "all stations"
        click.echo(f"  {who}: {change.figure} {_write_figure(change, change.before)} -> "
                   f"{_write_figure(change, change.after)}")  # fmt: skip
    more = len(made.correction.changes) - SHOWN_CHANGES
    if more > 0:
        click.echo(f"  and {more} more")


def _write_figure(change: Change, value: int) -> str:
    return f"{value / 10:.1f} min" if change.figure.endswith("_dmin") else str(value)


def _compare(path: Path, sha256: str) -> str:
    if not path.exists():
        return MISSING
    return KEPT if hash_file(path) == sha256 else CHANGED


def _write_time(edition: Edition, zone: ZoneInfo) -> str:
    return f"{edition.made_at.astimezone(zone):%d/%m/%Y %H:%M}"


def _list_fields(edition: Edition, newest: int) -> dict[str, object]:
    return {
        "name": edition.name, "edition": edition.edition, "first_on": edition.first_on.isoformat(),
        "last_on": edition.last_on.isoformat(), "made_at": format_instant(edition.made_at),
        "corrected_by": edition.edition + 1 if edition.edition < newest else None, "version": edition.version,
        "inputs_sha256": edition.inputs_sha256, "figures_sha256": edition.figures_sha256, "files": dict(edition.files),
        "mailed_at": format_instant(edition.mailed_at) if edition.mailed_at else None,
    }  # fmt: skip

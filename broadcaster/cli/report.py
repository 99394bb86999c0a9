"""`broadcaster collect` and `report`: fetch the journals, sum what was really heard."""

from __future__ import annotations

from dataclasses import replace

import click

from broadcaster.airtime.annexes import list_annexes
from broadcaster.airtime.documents import ReportFiles
from broadcaster.airtime.figures import Report
from broadcaster.airtime.wording import VIETNAMESE, WORDINGS, Wording
from broadcaster.centre.deliver import collect_stations
from broadcaster.centre.reports import write_period, write_weekly
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import print_json, print_table
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import read_date, read_week

SHOWN_DIFFERENCES = 40


@click.command()
@json_option
@click.pass_context
def collect(context: click.Context, as_json: bool) -> None:
    """Fetch receipts, journals and status of every connected station. Exit code 1 when one was not reached."""
    with open_desk(context) as desk:
        names = {station.id: station.name for station in desk.schedules.stations}
        connected = [one for one in desk.schedules.stations if one.is_connected()]
        found = collect_stations(desk.workspace, desk.record, desk.schedules, connected, desk.clock)
    failed = {station: error for station, error in found.items() if not isinstance(error, int)}
    if as_json:
        print_json({s: v if isinstance(v, int) else {"error": type(v).__name__, "message": v.message}
                    for s, v in found.items()})  # fmt: skip
    else:
        for station, error in failed.items():
            click.echo(f"{names[station]}: {error.message}\n    {error.hint}", err=True)
        lines = sum(value for value in found.values() if isinstance(value, int))
        click.echo(f"{lines} new lines from {len(found) - len(failed)} of {len(found)} connected stations")
    context.exit(1 if failed else 0)


language_option = click.option("--language", type=click.Choice(sorted(WORDINGS)), default="vi", show_default=True,
                               help="Language of the documents: Vietnamese or English.")  # fmt: skip

pdf_option = click.option("--pdf", is_flag=True, help="The page as a PDF too; it needs the Pango library.")


@click.group()
def report() -> None:
    """Write reports of what was really heard."""


@report.command("weekly")
@click.option("--week", required=True, help="ISO week, 2023-W41.")
@language_option
@pdf_option
@json_option
@click.pass_context
def weekly(context: click.Context, week: str, language: str, pdf: bool, as_json: bool) -> None:
    """Write the weekly airtime report: a letter to sign (Word), a page, a workbook, CSV tables."""
    monday, words = read_week(week), WORDINGS[language]
    with open_desk(context) as desk:
        made, files = write_weekly(
            desk.workspace, desk.record, desk.schedules, monday, desk.now_at(), words, with_pdf=pdf
        )
        schedules = desk.schedules
    _show(made, files, schedules, week, words, as_json)


@report.command("period")
@click.option("--from", "first", required=True, help="First day, 2023-10-01 or 01/10/2023.")
@click.option("--to", "last", required=True, help="Last day.")
@language_option
@pdf_option
@json_option
@click.pass_context
def period(context: click.Context, first: str, last: str, language: str, pdf: bool, as_json: bool) -> None:
    """Write the same report for any period: a month, a campaign, a year."""
    days = (read_date(first), read_date(last))
    name, words = f"{days[0]}_{days[1]}", WORDINGS[language]
    with open_desk(context) as desk:
        made, files = write_period(
            desk.workspace, desk.record, desk.schedules, days, name, desk.now_at(), words, with_pdf=pdf
        )  # fmt: skip
        schedules = desk.schedules
    _show(made, files, schedules, name, words, as_json)


def _show(made: Report, files: ReportFiles, schedules: Schedules, week: str, words: Wording, as_json: bool) -> None:
    if as_json:
        total = made.total
        print_json({
            "week": week, "planned": total.planned, "full": total.full, "late": total.late, "short": total.short,
            "not_played": total.not_played, "no_journal": total.no_journal, "pending": made.pending,
            "planned_min": total.planned_dmin / 10, "played_min": total.played_dmin / 10,
            "stations": [
                {"station": row.station, "planned": row.planned, "full": row.full, "short": row.short,
                 "not_played": row.not_played, "no_journal": row.no_journal, "planned_min": row.planned_dmin / 10,
                 "played_min": row.played_dmin / 10}
                for row in made.stations
            ],
            "differences": [
                {"station": one.airing.station, "airing": one.airing.id, "verdict": one.verdict.value,
                 "cause": one.cause.value, "played_ms": one.played_ms, "detail": one.detail}
                for one in made.differences
            ],
            "html": str(files.html), "docx": str(files.docx), "xlsx": str(files.xlsx), "json": str(files.json),
            "pdf": str(files.pdf) if files.pdf else None,
            "csv": [str(path) for path in files.csv],
        })  # fmt: skip
        return
    print_report(made, schedules, words)
    click.echo(f"letter: {files.docx}")
    click.echo(f"report: {files.html}")
    if files.pdf:
        click.echo(f"pdf:    {files.pdf}")
    click.echo(f"annexes: {files.xlsx}")
    click.echo(f"figures: {files.json}")
    for path in files.csv:
        click.echo(f"table:  {path}")


def print_report(made: Report, schedules: Schedules, words: Wording = VIETNAMESE) -> None:
    """Print a report's tables; of stations only those for which something was planned."""
    stations, columns, campaigns, differences, *_ = list_annexes(made, schedules, words)
    planned = [place for place, row in enumerate(made.stations) if row.planned]
    shown = (
        replace(stations, rows=[stations.rows[place] for place in planned]),
        columns,
        campaigns,
        replace(differences, rows=differences.rows[:SHOWN_DIFFERENCES]),
    )
    for annex in shown:
        if annex.rows or annex is not campaigns:
            total = annex.list_total(words)
            rows = [*annex.list_texts(words), *([total] if total else [])]
            print_table(annex.title, annex.heads, rows, right=tuple(annex.list_numbers()))
    if len(made.differences) > SHOWN_DIFFERENCES:
        click.echo(f"… and {len(made.differences) - SHOWN_DIFFERENCES} more in the documents")
    if made.pending:
        click.echo(f"{made.pending} airings are not over yet and are not counted")

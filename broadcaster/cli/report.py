"""`broadcaster report`: sum what was really heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import click

from broadcaster.airtime.annexes import list_annexes
from broadcaster.airtime.documents import ReportFiles
from broadcaster.airtime.figures import Report, Scope
from broadcaster.airtime.wording import Wording
from broadcaster.airtime.words import VIETNAMESE, WORDINGS
from broadcaster.centre.editions import write_report
from broadcaster.centre.reports import ReportOrder, choose_scope, order_campaign, order_month, order_week
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.editions import (
    language_option,
    list_reports,
    make_report_again,
    print_correction,
    send_report,
    show_report,
)
from broadcaster.cli.screen import print_json, print_table
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import read_date, read_week

SHOWN_STATIONS = 60
SHOWN_DIFFERENCES = 40


pdf_option = click.option("--pdf", is_flag=True, help="The page as a PDF too; it needs the Pango library.")


station_option = click.option("--station", "stations", multiple=True, help="Only this station; may be repeated.")
group_option = click.option("--group", "groups", multiple=True, help="Only stations of this group; may be repeated.")


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every report has."""
    for option in (json_option, pdf_option, language_option, group_option, station_option):
        command = option(command)
    return command


@click.group()
def report() -> None:
    """Write reports of what was really heard."""


@report.command("weekly")
@click.option("--week", required=True, help="ISO week, 2023-W41.")
@common_options
@click.pass_context
def weekly(context: click.Context, /, week: str, **options: object) -> None:
    """Write the weekly airtime report: a letter to sign (Word), a page, a workbook, CSV tables."""
    _write(context, lambda _, scope: order_week(read_week(week), scope), options)


@report.command("month")
@click.argument("month")
@common_options
@click.pass_context
def month_report(context: click.Context, /, month: str, **options: object) -> None:
    """Write the report of a month, 2023-10 or 10/2023."""
    _write(context, lambda _, scope: order_month(month, scope), options)


@report.command("campaign")
@click.argument("campaign")
@common_options
@click.pass_context
def campaign_report(context: click.Context, /, campaign: str, **options: object) -> None:
    """Write the report of a campaign: its own airings over its whole period, against its baseline."""
    _write(context, lambda schedules, scope: order_campaign(schedules, campaign, scope), options)


@report.command("period")
@click.option("--from", "first", required=True, help="First day, 2023-10-01 or 01/10/2023.")
@click.option("--to", "last", required=True, help="Last day.")
@common_options
@click.pass_context
def period(context: click.Context, /, first: str, last: str, **options: object) -> None:
    """Write the same report for any period."""
    days = (read_date(first), read_date(last))
    _write(context, lambda _, scope: ReportOrder(f"{days[0]}_{days[1]}", *days, scope), options)


for kept in (list_reports, show_report, make_report_again, send_report):
    report.add_command(kept)


def _write(
    context: click.Context, make_order: Callable[[Schedules, Scope], ReportOrder], options: Mapping[str, object]
) -> None:
    words = WORDINGS[str(options["language"])]
    stations, groups = (list(map(str, _take_tuple(options[name]))) for name in ("stations", "groups"))
    with open_desk(context) as desk:
        scope, suffix = choose_scope(desk.schedules, stations, groups)
        order = make_order(desk.schedules, scope)
        order = replace(order, name=order.name + suffix)
        written = write_report(
            desk.workspace, desk.record, desk.schedules, order, desk.now_at(), words, with_pdf=bool(options["pdf"])
        )
        schedules = desk.schedules
    _show(written.report, written.files, schedules, order.name, words, bool(options["as_json"]))


def _take_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _show(made: Report, files: ReportFiles, schedules: Schedules, week: str, words: Wording, as_json: bool) -> None:
    if as_json:
        total = made.total
        print_json({
            "week": week, "edition": made.edition,
            "planned": total.planned, "full": total.full, "late": total.late, "short": total.short,
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
                for one in (*made.differences, *made.unplanned)
            ],
            "html": str(files.html), "docx": str(files.docx), "xlsx": str(files.xlsx), "json": str(files.json),
            "pdf": str(files.pdf) if files.pdf else None,
            "csv": [str(path) for path in files.csv],
        })  # fmt: skip
        return
    print_report(made, schedules, words)
    if made.edition == 0:
        click.echo("provisional: the period is not over, no edition is kept")
    else:
        click.echo(
            f"edition {made.edition} of {week}, made {made.made_at.astimezone(schedules.centre.zone):%d/%m/%Y %H:%M}"
        )
    print_correction(made, schedules)
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
        replace(stations, rows=[stations.rows[place] for place in planned[:SHOWN_STATIONS]]),
        columns,
        campaigns,
        replace(differences, rows=differences.rows[:SHOWN_DIFFERENCES]),
    )
    for annex in shown:
        if annex.rows or annex is not campaigns:
            total = (stations if annex is shown[0] else annex).list_total(words)
            rows = [*annex.list_texts(words), *([total] if total else [])]
            print_table(annex.heading(), annex.heads, rows, right=tuple(annex.list_numbers()))
    if len(planned) > SHOWN_STATIONS:
        click.echo(f"… and {len(planned) - SHOWN_STATIONS} more stations in the documents; the total is of all")
    if len(made.differences) > SHOWN_DIFFERENCES:
        click.echo(f"… and {len(made.differences) - SHOWN_DIFFERENCES} more in the documents")
    if made.pending:
        click.echo(f"{made.pending} airings are not over yet and are not counted")

"""`broadcaster airtime`: from a figure of a report down to its journal lines."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.centre.evidence import ExplainedAiring, explain_airing, explain_station_week
from broadcaster.centre.export import export_period
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import print_json
from broadcaster.core.ids import AiringId, StationId
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant, read_date, read_week


@click.group()
def airtime() -> None:
    """Look into what was really heard."""


@airtime.command("explain")
@click.argument("airing", required=False)
@click.option("--station", help="One station's airings.")
@click.option("--week", help="ISO week, 2023-W41; with --station, when no airing is named.")
@json_option
@click.pass_context
def explain(context: click.Context, airing: str | None, station: str | None, week: str | None, as_json: bool) -> None:
    """Show for an airing, or for a station's week, the verdict, its cause and the journal lines it rests on."""
    if airing is None and not (station and week):
        raise click.UsageError("name an airing, or --station and --week")
    place = StationId(station) if station else None
    with open_desk(context) as desk:
        if airing is not None:
            found = explain_airing(desk.record, desk.schedules, AiringId(airing), place, desk.now_at())
        else:
            monday = read_week(str(week))
            found = explain_station_week(desk.record, desk.schedules, StationId(str(station)), monday, desk.now_at())
        schedules = desk.schedules
    if as_json:
        print_json([_list_fields(one) for one in found])
        return
    for one in found:
        _print_airing(one, schedules)
    played_s = sum(one.outcome.played_ms for one in found) / 1000
    planned_s = sum(one.outcome.airing.duration_ms for one in found) / 1000
    click.echo(f"{len(found)} airings that are over: {played_s:.1f} s heard of {planned_s:.1f} s planned")


@airtime.command("export")
@click.option("--from", "first", required=True, help="First day, 2023-10-01 or 01/10/2023.")
@click.option("--to", "last", required=True, help="Last day.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables.")
@json_option
@click.pass_context
def export(context: click.Context, first: str, last: str, out: Path, as_json: bool) -> None:
    """Write airings, journal lines and stations of a period as CSV, for another program to come to the same figures."""
    with open_desk(context) as desk:
        counts = export_period(desk.record, desk.schedules, read_date(first), read_date(last), out, desk.now_at())
    if as_json:
        print_json({"folder": str(out), "rows": counts})
        return
    for table, rows in counts.items():
        click.echo(f"{out / table}.csv: {rows} rows")


def _print_airing(one: ExplainedAiring, schedules: Schedules) -> None:
    outcome = one.outcome
    of = outcome.airing
    at = of.start_at.astimezone(schedules.centre.zone)
    click.echo(f"{of.id}  {of.station}  {at:%d/%m/%Y %H:%M:%S}  {of.title}")
    cause = f", {outcome.cause.value}" if outcome.cause else ""
    detail = f": {outcome.detail}" if outcome.detail else ""
    heard = f"{outcome.played_ms / 1000:.1f} of {of.duration_ms / 1000:.1f} s"
    click.echo(f"  {outcome.verdict.value}{cause}{detail}; {heard}")
    for line in one.lines:
        click.echo(f"  {line.log} {line.seq}: {line.raw.decode().rstrip()}")
    if not one.lines:
        click.echo("  no journal line")


def _list_fields(one: ExplainedAiring) -> dict[str, object]:
    outcome = one.outcome
    return {
        "airing": outcome.airing.id, "station": outcome.airing.station,
        "planned_at": format_instant(outcome.airing.start_at), "planned_ms": outcome.airing.duration_ms,
        "verdict": outcome.verdict.value, "cause": outcome.cause.value, "detail": outcome.detail,
        "played_ms": outcome.played_ms,
        "lines": [{"log": line.log, "seq": line.seq, "raw": line.raw.decode().rstrip()} for line in one.lines],
    }  # fmt: skip

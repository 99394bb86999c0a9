"""`broadcaster airtime`: from a figure of a report down to its journal lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from broadcaster.airtime.reconcile import Outcome, Verdict
from broadcaster.airtime.sums import round_dmin
from broadcaster.centre.evidence import ExplainedAiring, Sought, choose_stations, explain_airing, explain_period
from broadcaster.centre.export import export_period
from broadcaster.centre.reports import ReportOrder, order_campaign, order_month, order_week
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import print_json
from broadcaster.core.ids import AiringId, StationId
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant, read_date, read_week


@dataclass(frozen=True, slots=True)
class Asked:
    """What `airtime explain` was asked for."""

    stations: tuple[str, ...]
    groups: tuple[str, ...]
    week: str | None
    month: str | None
    on: str | None
    first: str | None
    last: str | None
    column: str | None
    campaign: str | None
    programme: str | None
    weekday: int | None
    hour: int | None
    verdict: str | None

    def seek(self) -> Sought:
        """Give which airings of the period are meant."""
        return Sought(
            self.column,
            self.campaign,
            self.programme,
            None if self.weekday is None else self.weekday - 1,
            self.hour,
            None if self.verdict is None else Verdict(self.verdict),
        )


@click.group()
def airtime() -> None:
    """Look into what was really heard."""


@airtime.command("explain")
@click.argument("airing", required=False)
@click.option("--station", "stations", multiple=True, help="Only this station, id or name; may be repeated.")
@click.option("--group", "groups", multiple=True, help="Only stations of this group; may be repeated.")
@click.option("--week", help="ISO week, 2023-W41.")
@click.option("--month", help="Month, 2023-10 or 10/2023.")
@click.option("--on", help="One date.")
@click.option("--from", "first", help="First day, with --to.")
@click.option("--to", "last", help="Last day.")
@click.option("--column", help='Only this column; "" is what has none.')
@click.option("--campaign", help="Only this campaign; without a period, over its own.")
@click.option("--programme", help="Only this programme.")
@click.option("--weekday", type=click.IntRange(1, 7), help="Only this day of the week, Monday is 1.")
@click.option("--hour", type=click.IntRange(0, 23), help="Only what should start in this hour.")
@click.option("--verdict", type=click.Choice([one.value for one in Verdict]), help="Only this verdict.")
@json_option
@click.pass_context
def explain(context: click.Context, /, airing: str | None, as_json: bool, **options: object) -> None:
    """Show the airings behind a figure of a report, each with verdict, cause and the journal lines that it rests on.

    Name one AIRING, or a period and which of its airings a figure counts: `--week 2023-W40 --station an-nong` is a row
    of annex I, `--column thoi-su` one of annex II, `--campaign` III, `--programme` V, `--weekday` with `--hour` VI.
    """
    asked = Asked(**options)  # type: ignore[arg-type]
    with open_desk(context) as desk:
        schedules = desk.schedules
        chosen = choose_stations(desk.record, schedules, asked.stations, asked.groups)
        if airing is not None:
            places: list[StationId | None] = [*chosen] or [None]
            found = [
                one
                for place in places
                for one in explain_airing(desk.record, schedules, AiringId(airing), place, desk.now_at())
            ]
        else:
            order = _choose_period(schedules, asked)
            found = explain_period(
                desk.record, schedules, chosen, order.first_on, order.last_on, desk.now_at(), asked.seek()
            )
    if as_json:
        print_json([_list_fields(one) for one in found])
        return
    for one in found:
        _print_airing(one, schedules)
    _print_sums([one.outcome for one in found])


def _choose_period(schedules: Schedules, asked: Asked) -> ReportOrder:
    given = [one for one in (asked.week, asked.month, asked.on, asked.first) if one]
    if len(given) > 1 or bool(asked.first) != bool(asked.last):
        raise click.UsageError("give one period: --week, --month, --on, or --from and --to")
    if asked.week:
        return order_week(read_week(asked.week))
    if asked.month:
        return order_month(asked.month)
    if asked.on:
        return ReportOrder("", read_date(asked.on), read_date(asked.on))
    if asked.first and asked.last:
        return ReportOrder("", read_date(asked.first), read_date(asked.last))
    if asked.campaign:
        return order_campaign(schedules, asked.campaign)
    raise click.UsageError("name an airing, or a period: --week, --month, --on, or --from and --to")


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
    planned = f" of {of.duration_ms / 1000:.1f}" if outcome.verdict is not Verdict.NOT_PLANNED else ""
    heard = f"{outcome.played_ms / 1000:.1f}{planned} s"
    typed = ", self-declared" if outcome.is_declared else ""
    click.echo(f"  {outcome.verdict.value}{typed}{cause}{detail}; {heard}")
    for line in one.lines:
        click.echo(f"  {line.log} {line.seq}: {line.raw.decode().rstrip()}")
    if not one.lines:
        click.echo("  no journal line")


def _print_sums(outcomes: Sequence[Outcome]) -> None:
    """Add up what was shown, rounded once as a row of a report is; what was not planned stands apart there too."""
    planned = [one for one in outcomes if one.verdict is not Verdict.NOT_PLANNED]
    beside = [one for one in outcomes if one.verdict is Verdict.NOT_PLANNED]
    new_ms, again_ms = (sum(one.played_ms for one in planned if one.airing.is_repeat is kind) for kind in (False, True))
    planned_ms = sum(one.airing.duration_ms for one in planned)
    sounded = [one.airing.station for one in planned if one.played_ms]
    if planned or not beside:
        heard = f"{(new_ms + again_ms) / 1000:.1f} s heard of {planned_ms / 1000:.1f} s planned"
        minutes = f"{_write_minutes(new_ms + again_ms)} of {_write_minutes(planned_ms)} minutes"
        click.echo(f"{len(planned)} airings that are over: {heard}; {minutes}")
        click.echo(
            f"{len(sounded)} sounded, at {len(set(sounded))} stations: {_write_minutes(new_ms)} minutes new, "
            f"{_write_minutes(again_ms)} repeated"
        )
    if beside:
        minutes = _write_minutes(sum(one.played_ms for one in beside))
        click.echo(f"{len(beside)} not planned, which no other figure counts: {minutes} minutes")


def _write_minutes(duration_ms: int) -> str:
    return f"{round_dmin(duration_ms) / 10:.1f}"


def _list_fields(one: ExplainedAiring) -> dict[str, object]:
    outcome = one.outcome
    return {
        "airing": outcome.airing.id, "station": outcome.airing.station,
        "planned_at": format_instant(outcome.airing.start_at), "planned_ms": outcome.airing.duration_ms,
        "verdict": outcome.verdict.value, "cause": outcome.cause.value, "detail": outcome.detail,
        "played_ms": outcome.played_ms, "declared": outcome.is_declared,
        "lines": [{"log": line.log, "seq": line.seq, "raw": line.raw.decode().rstrip()} for line in one.lines],
    }  # fmt: skip

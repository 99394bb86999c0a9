"""`broadcaster push` and `status`: send what is missing, see who is ready."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from zoneinfo import ZoneInfo

import click

from broadcaster.centre.deliver import Missing, read_missing
from broadcaster.centre.fanout import push_missing
from broadcaster.centre.readiness import Readiness, StationBoard, read_board
from broadcaster.centre.visit import Delivered
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.fleet_board import Expected, FleetBoard, show_fleet
from broadcaster.cli.screen import format_error, format_local, format_size, name_station, print_json, print_table
from broadcaster.core.errors import DeliveryError, UnknownNameError
from broadcaster.core.ids import StationId, suggest_nearest
from broadcaster.core.model import Station
from broadcaster.delivery.progress import ignore_news
from broadcaster.store.deliveries import INTERRUPTED, DeliveryAttempt, read_attempts

HISTORY_LINES = 20


@click.command()
@click.option("--station", "stations", multiple=True, help="Only to this station; may be given several times.")
@click.option("--preview", is_flag=True, help="Only say what is missing where; send nothing.")
@click.option(
    "--wait",
    "wait_s",
    default=20.0,
    show_default=True,
    help="Seconds to wait for receipts, or for another push to the same station.",
)
@click.option(
    "--tries",
    default=2,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How often a station whose trouble may pass is tried, with growing waits.",
)
@json_option
@click.pass_context
def push(
    context: click.Context, stations: tuple[str, ...], preview: bool, wait_s: float, tries: int, as_json: bool
) -> None:
    """Send now what stations miss: newest day plans, and masters that air within push_ahead_min.

    Done is what a station's receipt confirms. Exit code 1 when a station could not be served or sent no receipt within
    --wait; with --wait 0 none is awaited.
    """
    with open_desk(context) as desk:
        require_stations(desk, stations)
        missing = read_missing(desk.workspace, desk.record, desk.schedules, desk.now_at())
        if stations:
            missing = [one for one in missing if one.station.id in stations]
        if preview:
            _print_missing(desk, missing, as_json=as_json)
            return
        with nullcontext(ignore_news) if as_json else show_fleet(_make_board(desk, missing)) as tell:
            results = push_missing(
                desk.workspace, desk.record, desk.schedules, missing, desk.clock, wait_s, tell, tries
            )
    failed = [one for one in results if one.error is not None]
    silent = [one for one in results if one.error is None and not one.is_confirmed]
    if as_json:
        print_json([_delivered_fields(one) for one in results])
    elif not results:
        click.echo("every station holds everything that it needs")
    else:
        rows = [(one.station.id, one.station.name, _describe(one), format_size(one.sent_bytes)) for one in results]
        print_table("", ("Station", "Name", "Result", "Sent"), rows, right=(3,))
        confirmed = sum(one.is_confirmed for one in results)
        unheard = f", {len(silent)} sent no receipt" if silent else ""
        click.echo(
            f"{confirmed} of {len(results)} stations confirmed everything, {len(failed)} could not be served{unheard}"
        )
    context.exit(1 if failed or (silent and wait_s) else 0)


@click.command()
@click.option("--station", help="One station with the history of its tries, the newest first.")
@json_option
@click.pass_context
def status(context: click.Context, station: str | None, as_json: bool) -> None:
    """Show who holds verified bytes for the next slot. Exit code 1 when a planned station is not ready."""
    with open_desk(context) as desk:
        require_stations(desk, (station,) if station else ())
        board = read_board(desk.record, desk.schedules, desk.now_at())
        if station:
            board = [row for row in board if row.station.id == station]
            with desk.record.read() as connection:
                attempts = read_attempts(connection, StationId(station), HISTORY_LINES)
        zone = desk.schedules.centre.zone
    unready = [row for row in board if row.next_at is not None and row.readiness is not Readiness.READY]
    if as_json:
        history = {"attempts": [_attempt_fields(attempt) for attempt in attempts]} if station else {}
        print_json([_board_fields(row) | history for row in board])
    else:
        rows = [
            (row.station.name, _describe_readiness(row), row.slot, format_local(row.next_at, zone),
             f"{row.held}/{row.needed}" if row.needed else "", "yes" if row.has_plan else "",
             format_local(row.contact.reached_at if row.contact else None, zone), row.trouble)
            for row in board
        ]  # fmt: skip
        heads = ("Station", "Ready", "Next slot", "At", "Masters", "Plan", "Last reached", "Trouble")
        print_table("", heads, rows, right=(4,))
        planned = [row for row in board if row.next_at is not None]
        click.echo(f"{len(planned) - len(unready)} of {len(planned)} planned stations are ready")
        if station:
            _print_history(attempts, board[0].station if board else None, zone)
    context.exit(1 if unready else 0)


def _print_history(attempts: Sequence[DeliveryAttempt], station: Station | None, zone: ZoneInfo) -> None:
    """Print the tries to deliver to one station, newest first, and what to do and whom to call when that one failed."""
    rows = []
    for attempt in attempts:
        took_s = (attempt.ended_at - attempt.started_at).total_seconds()
        rate = f"{format_size(round(attempt.sent_bytes / took_s))}/s" if attempt.sent_bytes and took_s > 0 else ""
        sent = format_size(attempt.sent_bytes) if attempt.sent_bytes else ""
        took = "" if attempt.error == INTERRUPTED else f"{took_s:.0f} s"  # nobody was there to see how long it took
        rows.append((format_local(attempt.started_at, zone), took, sent, rate, attempt.message or "done"))
    if not rows:
        click.echo("nothing was tried yet")
        return
    print_table("", ("Tried at", "Took", "Sent", "Rate", "Result"), rows, right=(1, 2, 3))
    hints = {kind.__name__: kind.default_hint for kind in DeliveryError.__subclasses__()}
    if hint := hints.get(attempts[0].error):
        click.echo(f"→ {name_station(hint, attempts[0].station)}")
    if attempts[0].error and station is not None and station.phone:
        click.echo(f"to call: {station.phone}")


def _describe_readiness(row: StationBoard) -> str:
    is_read_back = not row.station.has_agent and row.readiness is Readiness.READY
    return f"{row.readiness.value} (read back, no agent)" if is_read_back else row.readiness.value


def _attempt_fields(attempt: DeliveryAttempt) -> dict[str, object]:
    return {
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "names": attempt.names.split(),
        "bytes": attempt.sent_bytes,
        "error": attempt.error or None,
        "message": attempt.message,
    }


def _make_board(desk: Desk, missing: Sequence[Missing]) -> FleetBoard:
    expected = [Expected(one.station.id, one.station.name, one.size_bytes, one.first_needed_at) for one in missing]
    return FleetBoard(expected, desk.schedules.centre.zone, desk.now_at)


def require_stations(desk: Desk, names: Sequence[str]) -> None:
    """Refuse names that no station bears, and say which was meant.

    Raises:
        UnknownNameError: There is no such station.
    """
    known = [one.id for one in desk.schedules.stations]
    for name in names:
        if name not in known:
            hint = suggest_nearest(name, known, "schedules/stations.yaml lists all")
            raise UnknownNameError(f"there is no station {name!r}", hint=hint)


def _print_missing(desk: Desk, missing: Sequence[Missing], *, as_json: bool) -> None:
    zone = desk.schedules.centre.zone
    if as_json:
        print_json([
            {"station": one.station.id, "plans": [p.name for p in one.plans], "masters": [m.name for m in one.masters],
             "bytes": one.size_bytes, "first_needed_at": one.first_needed_at}
            for one in missing
        ])  # fmt: skip
        return
    rows = [
        (one.station.id, one.station.name, len(one.plans), len(one.masters), format_size(one.size_bytes),
         format_local(one.first_needed_at, zone), "" if one.station.is_connected() else "not connected")
        for one in missing
    ]  # fmt: skip
    print_table("", ("Station", "Name", "Plans", "Masters", "Size", "Needed at", "Note"), rows, right=(2, 3, 4))
    click.echo("nothing was sent: this is the preview")


def _describe(one: Delivered) -> str:
    if one.error is not None:
        return format_error(one.error, one.station.id)
    return "confirmed" if one.is_confirmed else "sent, no receipt yet"


def _delivered_fields(one: Delivered) -> dict[str, object]:
    return {
        "station": one.station.id,
        "sent": one.sent_names,
        "bytes": one.sent_bytes,
        "confirmed": one.is_confirmed,
        "error": type(one.error).__name__ if one.error else None,
        "message": one.error.message if one.error else "",
    }


def _board_fields(row: StationBoard) -> dict[str, object]:
    return {
        "station": row.station.id,
        "readiness": row.readiness.value,
        "slot": row.slot,
        "next_at": row.next_at,
        "held": row.held,
        "needed": row.needed,
        "plan": row.has_plan,
        "reached_at": row.contact.reached_at if row.contact else None,
        "clock_offset_s": row.contact.clock_offset_s if row.contact else None,
        "playing": row.status.playing if row.status else "",
        "agent": row.station.has_agent,
        "trouble": row.trouble,
    }

"""`broadcaster emergency`: make stations sound at once, see who received and played it, stop it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click

from broadcaster.centre.emergency import (
    OrderWish,
    cancel_order,
    choose_targets,
    find_cancelled,
    get_living_order,
    get_order,
    issue_order,
    open_draft,
    read_interrupted,
    require_may_order,
)
from broadcaster.centre.order_board import list_meant, read_states
from broadcaster.cli.approvals import as_option, log_in, password_option
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.order_view import (
    follow_order,
    order_fields,
    print_preview,
    print_states,
    send_and_follow,
    state_fields,
)
from broadcaster.cli.screen import format_local, format_stations, print_json, print_table
from broadcaster.core.errors import InputError
from broadcaster.core.ids import compose
from broadcaster.core.schedules import ALL_STATIONS
from broadcaster.store.orders import read_orders
from broadcaster.wire.order import MAX_REPEATS, InterruptedRule, OrderStatus

wait_option = click.option(
    "--wait", "wait_s", default=60.0, show_default=True, help="Seconds to follow who receives and plays it."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask for a confirmation.")


class SendGroup(click.Group):
    """`emergency FILE` and `emergency --text` mean `emergency send`: nobody looks up a word in an emergency."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `send` before what is no command of this group."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args.insert(0, "send")
        return super().parse_args(ctx, args)


@click.group(cls=SendGroup)
def emergency() -> None:
    """Make stations sound at once: `broadcaster emergency send FILE --to GROUP`; `send` may be left out."""


@emergency.command("send")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--text", help="Speak this instead of a recording.")
@click.option("--title", help="As diaries and reports name it; otherwise the file's name or the text's beginning.")
@click.option(
    "--to", "names", multiple=True, required=True, help="Station, group or `all`; may be given several times."
)
@click.option(
    "--expires", "life_min", default=60, show_default=True, help="Minutes in which it may begin; at most 1440."
)
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, MAX_REPEATS), help="How often it sounds.")
@click.option("--volume", default=100, show_default=True, type=click.IntRange(0, 130), help="Per cent.")
@click.option("--drop", is_flag=True, help="What it interrupts is given up; otherwise it goes on afterwards.")
@click.option(
    "--status", type=click.Choice([s.value for s in OrderStatus if s is not OrderStatus.CANCEL]), default="actual",
    show_default=True, help="A test or an exercise goes the whole way and never sounds.",
)  # fmt: skip
@click.option("--preview", is_flag=True, help="Only say what would happen; nothing is kept or sent.")
@yes_option
@click.option("--as", "name", envvar="BROADCASTER_USER", help="Your name as a user; a preview needs none.")
@password_option
@wait_option
@click.pass_context
def send(
    context: click.Context,
    file: Path | None,
    text: str | None,
    title: str | None,
    names: tuple[str, ...],
    life_min: int,
    times: int,
    volume: int,
    drop: bool,
    status: str,
    preview: bool,
    yes: bool,
    name: str | None,
    password_file: Path | None,
    wait_s: float,
) -> None:
    """Make stations sound FILE, or --text, at once, before everything else.

    Shows who, how long and what it interrupts, and asks. Who orders it stands in the order, in the audit and in every
    box's diary. Exit code 1 when a station could not be reached or refused it.
    """
    if (file is None) == (text is None):
        raise InputError("an emergency is a FILE or a --text", hint="give one of the two")
    if not preview and not name:
        raise click.UsageError("who orders it? --as NAME, or $BROADCASTER_USER; a --preview needs no name")
    source: Path | str = file if file is not None else text or ""
    title = compose(title or (file.stem if file is not None else (text or "")[:60]))
    with open_desk(context) as desk:
        targets = choose_targets(desk.schedules, names, desk.now_at())
        with open_draft(desk.workspace, desk.schedules, source, title, desk.now_at()) as draft:
            wish = OrderWish(
                title=title,
                stations=() if ALL_STATIONS in names else tuple(station.id for station in targets),
                life=timedelta(minutes=life_min),
                status=OrderStatus(status),
                times=times,
                volume=volume,
                interrupted=InterruptedRule.DROP if drop else InterruptedRule.RESUME,
            )
            sounds = timedelta(milliseconds=draft.master.duration_ms * times)
            cut = read_interrupted(desk.record, targets, sounds, desk.now_at())
            print_preview(desk, wish, draft, targets, cut)
            if preview or name is None:
                click.echo("nothing was kept or sent: this is the preview")
                return
            user = log_in(desk, name, password_file)
            require_may_order(user)
            _confirm(f"Sound it at {format_stations(len(targets))} now?", yes=yes)
            kept = issue_order(desk.workspace, desk.record, desk.schedules, wish, draft, user, desk.now_at())
        click.echo(f"ordered {kept.order.id} by {user.name}; stop it with: broadcaster emergency stop {kept.order.id}")
        is_fine = send_and_follow(desk, [kept], wait_s)
    context.exit(0 if is_fine else 1)


@emergency.command("stop")
@click.argument("order", metavar="ID")
@yes_option
@as_option
@password_option
@wait_option
@click.pass_context
def stop(context: click.Context, order: str, yes: bool, name: str, password_file: Path | None, wait_s: float) -> None:
    """Silence an emergency order where it sounds, and everywhere it has not begun."""
    with open_desk(context) as desk:
        kept = get_living_order(desk.record, order, desk.now_at())
        targets = list_meant(desk.schedules, kept)
        click.echo(f"{kept.order.title}, ordered {_say_when(desk, kept.order.issued_at)} by {kept.order.author}")
        user = log_in(desk, name, password_file)
        require_may_order(user)
        _confirm(f"Stop it at {format_stations(len(targets))} now?", yes=yes)
        stopping = cancel_order(desk.workspace, desk.record, desk.schedules, order, user, desk.now_at())
        until_at = desk.now_at() + timedelta(seconds=wait_s)
        is_fine = send_and_follow(desk, [stopping], wait_s)
        click.echo("what the stations say of the order that was stopped:")
        follow_order(desk, kept, targets, (until_at - desk.now_at()).total_seconds())
    context.exit(0 if is_fine else 1)


@emergency.command("list")
@json_option
@click.pass_context
def list_orders(context: click.Context, as_json: bool) -> None:
    """List the emergency orders: who ordered what, how many stations received and played it."""
    with open_desk(context) as desk:
        with desk.record.read() as connection:
            found = read_orders(connection)
        stopped = find_cancelled([kept.order for kept in found])
        zone = desk.schedules.centre.zone
        rows: list[Sequence[object]] = []
        fields: list[dict[str, object]] = []
        for kept in found:
            states = read_states(desk.record, desk.schedules, kept)
            state = "stopped" if kept.order.id in stopped else kept.order.status.value
            if state == "actual" and kept.order.is_expired(desk.now_at()):
                state = "over"
            received = sum(one.received_at is not None for one in states)
            sounded = sum(one.started_at is not None for one in states)
            fields.append(order_fields(kept) | {"state": state, "received": received, "sounded": sounded})
            rows.append(
                (kept.order.id, kept.order.title, state, kept.order.author, f"{received}/{len(states)}",
                 f"{sounded}/{len(states)}", f"{kept.order.expires_at.astimezone(zone):%H:%M %d/%m}")
            )  # fmt: skip
    if as_json:
        print_json(fields)
        return
    heads = ("Order", "Title", "State", "By", "Received", "Sounded", "Until")
    print_table("", heads, rows, right=(0, 4, 5))  # the id begins with date and time, and is never folded


@emergency.command("show")
@click.argument("order", metavar="ID")
@click.option("--follow", is_flag=True, help="Go on asking the stations until all have played it, or --wait is over.")
@wait_option
@json_option
@click.pass_context
def show(context: click.Context, order: str, follow: bool, wait_s: float, as_json: bool) -> None:
    """Show station by station who received an emergency order, who played it and who did not."""
    with open_desk(context) as desk:
        kept = get_order(desk.record, order)
        if follow:
            follow_order(desk, kept, list_meant(desk.schedules, kept), wait_s)
            return
        states = read_states(desk.record, desk.schedules, kept)
        if as_json:
            print_json(order_fields(kept) | {"stations": [state_fields(one) for one in states]})
            return
        print_states(desk, kept, states)


def _confirm(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _say_when(desk: Desk, at: datetime) -> str:
    return format_local(at, desk.schedules.centre.zone)

"""What a person sees of an emergency order: the preview, the stations one by one as they answer, the table."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

import click

from broadcaster.centre.collector import collect_stations
from broadcaster.centre.emergency import Draft, OrderWish
from broadcaster.centre.order_board import OrderState, list_meant, read_states, send_order
from broadcaster.cli.context import Desk
from broadcaster.cli.screen import format_length, format_local, format_stations, print_table
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId
from broadcaster.core.model import Airing, Station
from broadcaster.delivery.progress import StationNews, Step
from broadcaster.store.orders import KeptOrder
from broadcaster.wire.order import InterruptedRule, OrderStatus

LOOK_S = 0.25
COLLECT_EVERY = timedelta(seconds=2)
MOST_NAMES = 12
MOST_LINES = 40


def print_preview(
    desk: Desk, wish: OrderWish, draft: Draft, targets: Sequence[Station], cut: Mapping[StationId, list[Airing]]
) -> None:
    """Print who will hear it, how long it sounds and what it interrupts."""
    zone = desk.schedules.centre.zone
    now = desk.now_at().astimezone(zone)
    names = ", ".join(one.name for one in targets[:MOST_NAMES]) + (" …" if len(targets) > MOST_NAMES else "")
    click.echo(f"EMERGENCY ({wish.status.value}): {wish.title}")
    click.echo(f"  at        {format_stations(len(targets))}: {names}")
    often = "once" if wish.times == 1 else f"{wish.times} times"
    click.echo(f"  length    {format_length(draft.master.duration_ms)}, {often}, volume {wish.volume} %")
    if draft.voice_trouble:
        click.echo(f"  espeak-ng speaks it: {draft.voice_trouble}")
    click.echo(f"  may begin until {format_local(desk.now_at() + wish.life, zone)}")
    quiet = [one for one in targets if any(q.has(now.time()) for q in desk.schedules.list_quiet_hours(one))]
    if quiet:
        click.echo(f"  it breaks the quiet hours of {format_stations(len(quiet))}")
    titles = sorted({airing.title for airings in cut.values() for airing in airings})
    where = format_stations(len(cut))
    then = "goes on afterwards" if wish.interrupted is InterruptedRule.RESUME else "is given up"
    if titles:
        click.echo(f"  interrupts {', '.join(titles[:MOST_NAMES])} at {where}, which {then}")
    else:
        click.echo("  interrupts nothing that is planned")
    reached = list_reached(targets)
    deaf = [one for one in targets if one not in reached]
    if deaf:
        click.echo(f"  {format_stations(len(deaf))} cannot be reached by it; telephone:")
        for one in deaf[:MOST_LINES]:
            click.echo(f"    {one.name} {one.phone or '(no number in stations.yaml)'}")


class Sending:
    """An order on its way in a thread of its own, until all have confirmed it or the wait is over."""

    def __init__(self, desk: Desk, kept: KeptOrder, targets: Sequence[Station], wait_s: float) -> None:
        self._desk, self._kept, self._targets = desk, kept, targets
        self._until_at = min(desk.now_at() + timedelta(seconds=wait_s), kept.order.expires_at)
        self._names = {one.id: one.name for one in targets}
        self._failed: set[tuple[StationId, str]] = set()
        self.trouble: BroadcasterError | None = None
        self.done = threading.Event()
        threading.Thread(target=self._send, name="emergency", daemon=True).start()

    def _send(self) -> None:
        desk = self._desk
        meant = list_reached(self._targets)
        try:
            send_order(
                desk.workspace, desk.record, desk.schedules, self._kept, meant, desk.clock, self._until_at, self._hear
            )
        except BroadcasterError as error:
            self.trouble = error
        finally:
            self.done.set()

    def _hear(self, news: StationNews) -> None:
        if news.step in (Step.FAILED, Step.AGAIN) and (news.station, news.message) not in self._failed:
            self._failed.add((news.station, news.message))
            _say(self._desk, f"{self._names.get(news.station, news.station)}: {news.message}")


def list_reached(targets: Sequence[Station]) -> list[Station]:
    """List the stations that an order can be sent to; the others are telephoned."""
    return [one for one in targets if one.is_connected() and one.has_agent]


def follow_order(
    desk: Desk, kept: KeptOrder, targets: Sequence[Station], wait_s: float, sending: Sending | None = None
) -> bool:
    """Say of every station when it received and played an order, until all have or the wait is over.

    Args:
        desk: The workspace.
        kept: The order.
        targets: Whom it is for.
        wait_s: The wait.
        sending: Its way to the stations, begun before; None when it is only looked at.

    Returns:
        False when a connected station did not receive it.

    Raises:
        BroadcasterError: It could not be sent at all: the key or the record cannot be used.
    """
    until_at = desk.now_at() + timedelta(seconds=wait_s)
    told: dict[StationId, str] = {}
    collect_at = desk.now_at()
    while True:
        states = read_states(desk.record, desk.schedules, kept)
        for one in states:
            word = describe_state(desk, kept, one)
            if word and told.get(one.station.id) != word:
                told[one.station.id] = word
                _say(desk, f"{one.station.name}: {word}")
        open_ones = [one.station for one in states if one.received_at is not None and not _is_over(kept, one)]
        is_sent = (sending is None or sending.done.is_set()) and not open_ones
        if is_sent or desk.now_at() >= until_at:
            break
        if open_ones and desk.now_at() >= collect_at:
            collect_stations(desk.workspace, desk.record, desk.schedules, open_ones, desk.clock)
            collect_at = desk.now_at() + COLLECT_EVERY
        desk.clock.sleep_s(LOOK_S)
    print_states(desk, kept, states)
    if sending is not None and sending.trouble is not None:
        raise sending.trouble
    reached = {one.station.id for one in states if one.received_at is not None}
    return all(one.id in reached for one in list_reached(targets))


def send_and_follow(desk: Desk, orders: Sequence[KeptOrder], wait_s: float) -> bool:
    """Send orders, all at once, and follow each; those that stop others are followed last, people wait for the other.

    Returns:
        False when a connected station did not receive one of them.
    """
    until_at = desk.now_at() + timedelta(seconds=wait_s)
    meant = {kept.order.id: list_meant(desk.schedules, kept) for kept in orders}
    sendings = {kept.order.id: Sending(desk, kept, meant[kept.order.id], wait_s) for kept in orders}
    is_fine = True
    for kept in sorted(orders, key=lambda one: one.order.status is OrderStatus.CANCEL):
        if len(orders) > 1:
            click.echo(f"{'stop of ' if kept.order.cancels else ''}{kept.order.title} ({kept.order.id}):")
        left_s = (until_at - desk.now_at()).total_seconds()
        is_fine &= follow_order(desk, kept, meant[kept.order.id], left_s, sendings[kept.order.id])
    return is_fine


def describe_state(desk: Desk, kept: KeptOrder, one: OrderState) -> str:
    """Say in words how far an order is at a station; "" when nothing was heard of it."""
    zone = desk.schedules.centre.zone
    if one.trouble:
        return one.trouble
    if one.started_at is not None:
        at = f"{one.started_at.astimezone(zone):%H:%M:%S}"
        wanted = kept.order.times
        if one.is_over:
            return f"played {one.sounded} of {wanted} times since {at}, {one.output_ms / 1000:.1f} s"
        return f"sounds since {at}" if not one.sounded else f"sounds since {at}, {one.sounded} of {wanted} times"
    return "received" if one.received_at is not None else ""


def print_states(desk: Desk, kept: KeptOrder, states: Sequence[OrderState]) -> None:
    """Print the stations as a table, and the sums."""
    zone = desk.schedules.centre.zone
    rows = [
        (one.station.id, one.station.name, format_local(one.received_at, zone), format_local(one.started_at, zone),
         describe_state(desk, kept, one) or ("not received" if one.station.is_connected() else "not connected"),
         one.station.phone if one.received_at is None else "")
        for one in states
    ]  # fmt: skip
    print_table("", ("Station", "Name", "Received", "Sound began", "State", "Telephone"), rows)
    received = sum(one.received_at is not None for one in states)
    sounded = sum(one.started_at is not None for one in states)
    end = "" if kept.order.status is OrderStatus.CANCEL else f", sounded at {sounded}"
    click.echo(f"received by {received} of {format_stations(len(states))}{end}")


def order_fields(kept: KeptOrder) -> dict[str, object]:
    """Give an order's fields for JSON."""
    order = kept.order
    return {
        "id": order.id, "title": order.title, "by": order.author, "issued_at": order.issued_at,
        "expires_at": order.expires_at, "status": order.status.value, "times": order.times, "volume": order.volume,
        "duration_ms": order.duration_ms, "cancels": order.cancels or None, "source": kept.source or None,
        "asked": order.stations or "all",
    }  # fmt: skip


def state_fields(one: OrderState) -> dict[str, object]:
    """Give a station's fields for JSON."""
    return {
        "station": one.station.id, "received_at": one.received_at, "started_at": one.started_at,
        "sounded": one.sounded, "output_ms": one.output_ms, "over": one.is_over, "trouble": one.trouble,
    }  # fmt: skip


def _is_over(kept: KeptOrder, one: OrderState) -> bool:
    return one.is_over or kept.order.status is OrderStatus.CANCEL


def _say(desk: Desk, line: str) -> None:
    at = desk.now_at().astimezone(desk.schedules.centre.zone)
    click.echo(f"{at:%H:%M:%S} {line}")

"""Emergency orders on their way: sent before everything else, and who has received and sounded them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.centre.emergency import find_cancelled
from broadcaster.centre.fanout import push_first
from broadcaster.centre.visit import Delivered
from broadcaster.centre.workspace import Workspace
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.progress import FleetListener, ignore_news
from broadcaster.delivery.push import MasterFile, PlanFile
from broadcaster.store.engine import Record
from broadcaster.store.orders import (
    KeptOrder,
    read_order_lines,
    read_order_refusals,
    read_orders,
    read_receivers,
)
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason
from broadcaster.wire.order import OrderStatus, order_file_name

ROBOT = "cap "
OTHERS_AT_WORK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class OrderState:
    """What one station has said of one order.

    `sounded` counts the times it was heard to its end; `output_ms` is all that really came out. `trouble` is a refusal,
    a skip or an ending other than complete, in words.
    """

    station: Station
    received_at: datetime | None
    started_at: datetime | None
    sounded: int
    output_ms: int
    is_over: bool
    trouble: str


def list_meant(schedules: Schedules, kept: KeptOrder) -> list[Station]:
    """List the stations that an order is for, of those that exist when it is issued."""
    on = kept.order.issued_at.astimezone(schedules.centre.zone).date()
    return [one for one in schedules.stations if one.is_valid_on(on) and kept.order.is_for(one.id)]


def read_states(record: Record, schedules: Schedules, kept: KeptOrder) -> list[OrderState]:
    """Read what every station that is meant has said of an order so far, as far as it was collected."""
    meant = list_meant(schedules, kept)
    names = [station.id for station in meant]
    with record.read() as connection:
        received = read_receivers(connection, kept, names)
        refused = read_order_refusals(connection, kept, names)
        lines = read_order_lines(connection, kept.order, names)
    return [
        _judge(station, kept, received.get(station.id), refused.get(station.id, ""),
               [line.entry for line in lines.get(station.id, [])])
        for station in meant
    ]  # fmt: skip


def send_order(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    kept: KeptOrder,
    stations: Sequence[Station],
    clock: Clock,
    until_at: datetime,
    tell: FleetListener = ignore_news,
) -> list[Delivered]:
    """Bring an order and its master to stations before everything else; an order that stops another needs no master."""
    document = PlanFile(order_file_name(kept.order.id), kept.document, kept.signature)
    is_stop = kept.order.status is OrderStatus.CANCEL
    path = workspace.get_master(kept.order.sha256)
    masters = () if is_stop else (MasterFile(kept.order.sha256, path),)
    return push_first(workspace, record, stations, (document,), masters, clock, until_at, tell)


def send_open_orders(workspace: Workspace, record: Record, schedules: Schedules, clock: Clock) -> int:
    """Bring orders that are still alive to connected stations that have not confirmed them, once each.

    An order of the last minute is left to the command that gave it, unless no command did: one made of an alert by
    the workspace's own rule goes out at once.

    Returns:
        How many stations confirmed.
    """
    now_at = clock.now_at()
    with record.read() as connection:
        alive = read_orders(connection, now_at)
    cancelled = find_cancelled([kept.order for kept in alive])
    open_ones: list[tuple[KeptOrder, list[Station]]] = []
    for kept in alive:
        if kept.order.id in cancelled or (
            now_at - kept.order.issued_at < OTHERS_AT_WORK and not kept.order.author.startswith(ROBOT)
        ):
            continue
        waiting = [
            state.station
            for state in read_states(record, schedules, kept)
            if state.received_at is None and not state.trouble and state.station.is_connected()
        ]
        if waiting:
            open_ones.append((kept, waiting))
    if not open_ones:
        return 0

    def send(one: tuple[KeptOrder, list[Station]]) -> int:
        sent = send_order(workspace, record, schedules, *one, clock, now_at)
        return sum(delivered.is_confirmed for delivered in sent)

    with ThreadPoolExecutor(len(open_ones)) as pool:  # a station that is away holds up no other order
        return sum(pool.map(send, open_ones))


def _judge(
    station: Station, kept: KeptOrder, received_at: datetime | None, refused: str, entries: Sequence[JournalEntry]
) -> OrderState:
    started_at = next((one.started_at or one.at for one in entries if one.happening is Happening.START), None)
    ends = [one for one in entries if one.happening is Happening.END]
    skips = [one for one in entries if one.happening is Happening.SKIP]
    complete = sum(one.ending is Ending.COMPLETE for one in ends)
    said = [
        f"{one.ending.value} {one.note}".strip() for one in ends if one.ending and one.ending is not Ending.COMPLETE
    ]
    said += [
        f"not sounded: {one.note}" if one.reason is SkipReason.NOT_MEANT else f"{one.reason.value}: {one.note}"
        for one in skips
        if one.reason
    ]
    if refused and received_at is None:
        said = [f"refused: {refused}"]
    wanted = kept.order.times if kept.order.status is OrderStatus.ACTUAL else 1
    return OrderState(
        station=station,
        received_at=received_at,
        started_at=started_at,
        sounded=complete,
        output_ms=sum(one.output_ms for one in ends),
        is_over=len(ends) + len(skips) >= wanted or bool(refused and received_at is None),
        trouble="; ".join(dict.fromkeys(said)),
    )

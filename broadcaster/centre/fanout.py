"""Many stations at once: an ordinary push, and the emergency's lane that overtakes everything."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from broadcaster.centre.deliver import Missing
from broadcaster.centre.traffic import EmergencyLane, Traffic
from broadcaster.centre.visit import Courier, Delivered
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import AlreadyRunningError, DeliveryError, GaveWayError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import CentreSettings, Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.progress import FleetListener, StationNews, Step, ignore_news
from broadcaster.delivery.push import MasterFile, PlanFile
from broadcaster.delivery.retry import plan_next_try
from broadcaster.link.fleet import StationOutcome, run_for_stations
from broadcaster.store.engine import Record

EMERGENCY_WORKERS = 200
EMERGENCY_CONFIRM_S = 20.0
EMERGENCY_CONFIRM_EVERY_S = 0.25
EMERGENCY_AGAIN_S = 2.0
LOOK_AGAIN_S = 0.5
_DICE = secrets.SystemRandom()


def make_traffic(workspace: Workspace, read_settings: Callable[[], CentreSettings], clock: Clock) -> Traffic:
    """Make what ordinary transfers ask before they send: the cap is the one that the settings give for the hour."""

    def read_cap() -> float | None:
        settings = read_settings()
        return settings.uplink.choose_bytes_per_s(clock.now_at().astimezone(settings.zone).time())

    return Traffic(workspace.state, read_cap)


def push_missing(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    missing: Sequence[Missing],
    clock: Clock,
    confirm_s: float,
    tell: FleetListener = ignore_news,
    tries: int = 1,
) -> list[Delivered]:
    """Serve every station that misses something, each in a session of its own, the most urgent taken up first.

    What a station has said meanwhile is heard before anything is sent, so that nothing is sent twice to one whose
    receipt was late. Its word is awaited on the same session, and its journal fetched.

    Args:
        workspace: Key and masters.
        record: Where tries and receipts are kept.
        schedules: Number of workers, cap on the uplink.
        missing: As `read_missing` gave it.
        clock: The time.
        confirm_s: How long to wait for receipts after a station's last file, and for another push to the same
            station; 0 does not wait.
        tell: Told everything that happens, from the workers' threads.
        tries: For a station whose trouble may pass, with growing waits; giving way to an emergency counts as none.

    Returns:
        One result for each entry, in the same order; never raises for a station's trouble.
    """
    traffic = make_traffic(workspace, lambda: schedules.centre, clock)
    courier = Courier(workspace, record, clock, traffic.pace, tell)
    wanted = {one.station.id: one for one in missing}

    def serve(station: StationId) -> Delivered:
        one = wanted[station]
        failures, sent_bytes = 0, 0
        until_at = clock.now_at() + timedelta(seconds=confirm_s)
        while True:
            delivered = courier.visit(one, confirm_s)
            sent_bytes += delivered.sent_bytes
            if isinstance(delivered.error, AlreadyRunningError) and clock.now_at() < until_at:
                clock.sleep_s(LOOK_AGAIN_S)  # another push is at it: what it brings is heard by the next visit
                continue
            if isinstance(delivered.error, GaveWayError):
                while not traffic.is_free():
                    clock.sleep_s(LOOK_AGAIN_S)
                continue
            failures += 1
            if delivered.error is None or not delivered.error.is_retryable or failures >= tries:
                return replace(delivered, sent_bytes=sent_bytes)
            now_at = clock.now_at()
            again_at = plan_next_try(failures, now_at, one.first_needed_at, _DICE.random())
            tell(StationNews(station, Step.AGAIN, message=delivered.error.message, again_at=again_at))
            clock.sleep_s((again_at - now_at).total_seconds())

    return _gather(missing, run_for_stations(list(wanted), serve, schedules.centre.workers))


def push_first(
    workspace: Workspace,
    record: Record,
    stations: Sequence[Station],
    orders: Sequence[PlanFile],
    masters: Sequence[MasterFile],
    clock: Clock,
    until_at: datetime,
    tell: FleetListener = ignore_news,
) -> list[Delivered]:
    """Bring emergency orders and the masters they name to stations, before everything else.

    All stations at once and without the cap on the uplink; as soon as the line to one is open, ordinary transfers of
    every process of this workspace stop at their next block (they resume later), until the order lies in its inbox. The
    masters go first and an order last, its signature before it: an order that is there can be obeyed. A station whose
    trouble may pass, or that does not confirm, is tried again every few seconds until `until_at`. One without an agent
    is not tried: nobody there would obey.

    Args:
        workspace: Key.
        record: Where tries and receipts are kept.
        stations: Each at most once.
        orders: Signed; the name in the inbox is theirs.
        masters: What the orders name; one that a station holds already is not sent.
        clock: The time.
        until_at: When to give up, aware: the orders' expiry or earlier. Every station is tried at least once.
        tell: Told everything that happens, from the workers' threads.

    Returns:
        One result for each station, in the same order; confirmed means that its receipts speak of orders and masters.
    """
    hashes = tuple(hash_bytes(order.document) for order in orders) + tuple(master.sha256 for master in masters)
    wanted = {
        one.id: Missing(
            one, (), tuple(masters), sum(len(order.document) for order in orders), None, hashes, tuple(orders)
        )
        for one in stations
    }

    def serve(station: StationId) -> Delivered:
        one = wanted[station]
        if not one.station.has_agent:
            name = one.station.name
            raise DeliveryError(f"{name} ({station}) has no agent that could obey", hint="telephone the commune")
        while True:
            with EmergencyLane(workspace.state, one.station, clock) as lane:
                courier = Courier(
                    workspace, record, clock, lane.pace, lane.listen(tell), is_urgent=True,
                    confirm_every_s=EMERGENCY_CONFIRM_EVERY_S,
                )  # fmt: skip
                delivered = courier.visit(one, EMERGENCY_CONFIRM_S)
            error = delivered.error
            if delivered.is_confirmed or (error is not None and not error.is_retryable) or clock.now_at() >= until_at:
                return delivered
            again_at = clock.now_at() + timedelta(seconds=EMERGENCY_AGAIN_S)
            tell(StationNews(station, Step.AGAIN, message=error.message if error else "", again_at=again_at))
            clock.sleep_s(EMERGENCY_AGAIN_S)

    return _gather([wanted[one.id] for one in stations], run_for_stations(list(wanted), serve, EMERGENCY_WORKERS))


def _gather(missing: Sequence[Missing], outcomes: Sequence[StationOutcome[Delivered]]) -> list[Delivered]:
    return [
        outcome.value or Delivered(one.station, (), 0, False, outcome.error)
        for one, outcome in zip(missing, outcomes, strict=True)
    ]

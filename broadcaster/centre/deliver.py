"""Deliver and collect: what stations miss goes out, what they wrote comes in, and the record knows of every try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.airtime.collect import Collection, fetch_outbox, keep_collection, keep_failure, read_positions
from broadcaster.centre.publish import name_plan
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError, DeliveryError, NotEnrolledError
from broadcaster.core.files import hash_bytes, hold_lock
from broadcaster.core.ids import Sha256, StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.plan import plan_deliveries
from broadcaster.delivery.push import MasterFile, PlanFile, PushListener, StationJob, StationResult, push_to_stations
from broadcaster.link.fleet import run_for_stations
from broadcaster.link.session import StationAddress, open_session
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_airings_between, read_newest
from broadcaster.store.stations import DeliveryAttempt, LogPosition, read_held, write_attempt

LONGEST_AIRING = timedelta(hours=24)
CONFIRM_EVERY_S = 1.0
PUSH_LOCK = "push.lock"


@dataclass(frozen=True, slots=True)
class Missing:
    """What one station still needs: newest plans it has not confirmed, masters by their first airing."""

    station: Station
    plans: tuple[PlanFile, ...]
    masters: tuple[MasterFile, ...]
    size_bytes: int
    first_needed_at: datetime | None
    hashes: tuple[Sha256, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of serving one station. `is_confirmed`: its receipts speak of everything that it needed."""

    station: Station
    sent_names: tuple[str, ...]
    sent_bytes: int
    is_confirmed: bool
    error: BroadcasterError | None


def read_missing(workspace: Workspace, record: Record, schedules: Schedules, now_at: datetime) -> list[Missing]:
    """Read what every station still needs, the one that needs it earliest first; who needs nothing is left out."""
    today = now_at.astimezone(schedules.centre.zone).date()
    with record.read() as connection:
        held = read_held(connection)
        airings = read_airings_between(connection, now_at - LONGEST_AIRING, now_at + schedules.centre.push_ahead)
        plans = read_newest(connection, today, today + timedelta(days=schedules.centre.publish_days))
    masters_held = {station: {Sha256(sha256) for sha256 in mine} for station, mine in held.items()}
    work = {w.station: w for w in plan_deliveries(airings, masters_held, now_at, schedules.centre.push_ahead)}
    missing: list[Missing] = []
    for station in schedules.stations:
        mine = work.get(station.id)
        wanted = [
            plan
            for (owner, _), plan in sorted(plans.items())
            if owner == station.id and plan.sha256 not in held.get(station.id, {})
        ]
        if not mine and not wanted:
            continue
        masters = mine.masters if mine else ()
        missing.append(
            Missing(
                station=station,
                plans=tuple(PlanFile(name_plan(plan), plan.document, plan.signature) for plan in wanted),
                masters=tuple(MasterFile(m.sha256, _master_path(workspace, m.sha256)) for m in masters),
                size_bytes=(mine.size_bytes if mine else 0) + sum(len(plan.document) for plan in wanted),
                first_needed_at=masters[0].first_needed_at if masters else None,
                hashes=tuple(plan.sha256 for plan in wanted) + tuple(m.sha256 for m in masters),
            )
        )
    latest = now_at + LONGEST_AIRING * 30
    return sorted(missing, key=lambda one: (one.first_needed_at or latest, one.station.id))


def push_missing(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    missing: Sequence[Missing],
    clock: Clock,
    confirm_s: float,
    on_event: PushListener | None = None,
) -> list[Delivered]:
    """Send what is missing and wait for the stations' receipts.

    What stations have said meanwhile is collected first, so that nothing is sent twice to one whose receipt was late.

    Args:
        workspace: Key and masters.
        record: Where tries and receipts are kept.
        schedules: Number of workers.
        missing: As `read_missing` gave it.
        clock: The time.
        confirm_s: How long to wait for receipts after the last file was sent; 0 does not wait.
        on_event: Progress of every file, from the workers' threads.

    Returns:
        One result for each entry, in the same order; never raises for a station's trouble.

    Raises:
        AlreadyRunningError: Another push runs in this workspace; two would write the same files at the stations.
    """
    with hold_lock(workspace.state / PUSH_LOCK, "a push"):
        began_at = clock.now_at()
        found = collect_stations(workspace, record, schedules, [one.station for one in missing], clock)
        errors = {station: value for station, value in found.items() if isinstance(value, BroadcasterError)}
        with record.read() as connection:
            held = read_held(connection)
        jobs = [_make_job(one, held.get(one.station.id, {})) for one in missing if one.station.id not in errors]
        results = {r.station: r for r in push_to_stations(jobs, workspace.key, schedules.centre.workers, on_event)}
        errors |= {station: result.error for station, result in results.items() if result.error is not None}
        _keep_attempts(record, results, errors, began_at, clock.now_at())
        served = [one for one in missing if one.station.id not in errors]
        unconfirmed = _await_receipts(workspace, record, schedules, served, clock, confirm_s)
    return [
        Delivered(
            station=one.station,
            sent_names=results[one.station.id].sent_names if one.station.id in results else (),
            sent_bytes=results[one.station.id].sent_bytes if one.station.id in results else 0,
            is_confirmed=one in served and one.station.id not in unconfirmed,
            error=errors.get(one.station.id),
        )
        for one in missing
    ]


def collect_stations(
    workspace: Workspace, record: Record, schedules: Schedules, stations: Iterable[Station], clock: Clock
) -> dict[StationId, int | BroadcasterError]:
    """Collect the outboxes of stations into the record.

    Returns:
        For each station how many lines were new, or why nothing came.
    """
    addresses: dict[StationId, StationAddress] = {}
    found: dict[StationId, int | BroadcasterError] = {}
    for station in stations:
        try:
            addresses[station.id] = make_address(station)
        except NotEnrolledError as error:
            found[station.id] = error

    def visit(station: StationId) -> Collection:
        def read_known(names: Sequence[str]) -> dict[str, LogPosition]:
            with record.read() as connection:
                return read_positions(connection, station, names)

        with open_session(addresses[station], workspace.key) as session:
            return fetch_outbox(session, read_known)

    outcomes = run_for_stations(list(addresses), visit, schedules.centre.workers)
    with record.write() as connection:
        at = clock.now_at()  # with the lock in hand: a report that knows of this instant has seen these lines
        for outcome in outcomes:
            if outcome.value is not None:
                found[outcome.station] = keep_collection(connection, outcome.value, at)
            elif outcome.error is not None:
                found[outcome.station] = outcome.error
                if isinstance(outcome.error, DeliveryError):
                    keep_failure(connection, outcome.station, outcome.error, at)
    return found


def make_address(station: Station) -> StationAddress:
    """Give the address of a station.

    Raises:
        NotEnrolledError: It has no host or no pinned host key yet.
    """
    if station.host is None or station.host_key is None:
        what = "host" if station.host is None else "host_key"
        raise NotEnrolledError(f"{station.name} ({station.id}) has no {what} in schedules/stations.yaml")
    return StationAddress(station.id, station.host, station.port, station.user, station.host_key)


def _make_job(one: Missing, held: Mapping[str, datetime]) -> StationJob:
    return StationJob(
        make_address(one.station),
        tuple(plan for plan in one.plans if hash_bytes(plan.document) not in held),
        tuple(master for master in one.masters if master.sha256 not in held),
    )


def _keep_attempts(
    record: Record,
    results: Mapping[StationId, StationResult],
    errors: Mapping[StationId, BroadcasterError],
    began_at: datetime,
    ended_at: datetime,
) -> None:
    """Keep every try with its reason; a station that is not connected yet was not tried."""
    tried = [*results, *(station for station in errors if station not in results)]
    with record.write() as connection:
        for station in tried:
            result, error = results.get(station), errors.get(station)
            if isinstance(error, NotEnrolledError):
                continue
            attempt = DeliveryAttempt(
                station=station,
                started_at=began_at,
                ended_at=began_at + timedelta(seconds=result.seconds) if result else ended_at,
                names=" ".join(result.sent_names) if result else "",
                sent_bytes=result.sent_bytes if result else 0,
                error=type(error).__name__ if error else "",
                message=error.message if error else "",
            )
            write_attempt(connection, attempt)
            if result is not None and isinstance(error, DeliveryError):  # of the others collecting has told already
                keep_failure(connection, station, error, ended_at)


def _await_receipts(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    served: Sequence[Missing],
    clock: Clock,
    confirm_s: float,
) -> set[StationId]:
    """Collect until every served station has spoken about all that it was sent, or the time is over."""
    waiting = {one.station.id: one for one in served}
    until_at = clock.now_at() + timedelta(seconds=confirm_s)
    while waiting:
        collect_stations(workspace, record, schedules, [one.station for one in waiting.values()], clock)
        with record.read() as connection:
            held = read_held(connection)
        waiting = {
            station: one for station, one in waiting.items() if not set(one.hashes) <= held.get(station, {}).keys()
        }
        if not waiting or clock.now_at() >= until_at:
            break
        clock.sleep_s(CONFIRM_EVERY_S)
    return set(waiting)


def _master_path(workspace: Workspace, sha256: Sha256) -> Path:
    return workspace.masters / f"{sha256}.mp3"

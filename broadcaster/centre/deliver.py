"""What stations miss, and what they wrote: read from the record, collected from the stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.airtime.collect import (
    ReadKnown,
    fetch_outbox,
    keep_collection,
    keep_failure,
    read_positions,
)
from broadcaster.centre.publish import name_plan
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import DeliveryError, HostKeyChangedError, NotEnrolledError
from broadcaster.core.ids import Sha256, StationId
from broadcaster.core.model import LONGEST_AIRING, Station, StationContact
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.plan import plan_deliveries
from broadcaster.delivery.push import MasterFile, PlanFile
from broadcaster.delivery.read_back import READ_BACK_LOG
from broadcaster.link.session import StationAddress, StationSession
from broadcaster.link.transfer import list_folder
from broadcaster.store.deliveries import read_own_names, write_own_receipt
from broadcaster.store.engine import Record
from broadcaster.store.plans import PlanRevision, read_airings_between, read_newest
from broadcaster.store.stations import LogPosition, read_contact, read_held, write_contact
from broadcaster.wire.receipt import Receipt, Verdict
from broadcaster.wire.stick import INBOX


@dataclass(frozen=True, slots=True)
class Missing:
    """What one station still needs: newest plans it has not confirmed, masters by their first airing, orders.

    Orders name a master, so they go after the masters. `hashes` are those of everything, by which receipts speak of it.
    """

    station: Station
    plans: tuple[PlanFile, ...]
    masters: tuple[MasterFile, ...]
    size_bytes: int
    first_needed_at: datetime | None
    hashes: tuple[Sha256, ...]
    orders: tuple[PlanFile, ...] = ()


def read_missing(
    workspace: Workspace, record: Record, schedules: Schedules, now_at: datetime, ahead: timedelta | None = None
) -> list[Missing]:
    """Read what every station still needs, the one that needs it earliest first; who needs nothing is left out.

    Args:
        workspace: Where the masters lie.
        record: What is planned, and what stations hold by their receipts.
        schedules: The stations, and how far a line looks ahead.
        now_at: The present, aware.
        ahead: How far plans and masters are looked for; None is what the settings say for a line.
    """
    today = now_at.astimezone(schedules.centre.zone).date()
    last_on = today + (timedelta(days=schedules.centre.publish_days) if ahead is None else ahead)
    ahead = schedules.centre.push_ahead if ahead is None else ahead
    with record.read() as connection:
        held = read_held(connection)
        airings = read_airings_between(connection, now_at - LONGEST_AIRING, now_at + ahead)
        plans = read_newest(connection, today, last_on)
    masters_held = {station: {Sha256(sha256) for sha256 in mine} for station, mine in held.items()}
    work = {w.station: w for w in plan_deliveries(airings, masters_held, now_at, ahead)}
    wanted_plans: dict[StationId, list[PlanRevision]] = {}
    for (owner, _), plan in sorted(plans.items(), key=lambda row: row[0]):
        if plan.sha256 not in held.get(owner, {}):
            wanted_plans.setdefault(owner, []).append(plan)
    missing: list[Missing] = []
    for station in schedules.stations:
        mine = work.get(station.id)
        wanted = wanted_plans.get(station.id, [])
        if not mine and not wanted:
            continue
        masters = mine.masters if mine else ()
        missing.append(
            Missing(
                station=station,
                plans=tuple(PlanFile(name_plan(plan), plan.document, plan.signature) for plan in wanted),
                masters=tuple(MasterFile(m.sha256, workspace.get_master(m.sha256)) for m in masters),
                size_bytes=(mine.size_bytes if mine else 0) + sum(len(plan.document) for plan in wanted),
                first_needed_at=masters[0].first_needed_at if masters else None,
                hashes=tuple(plan.sha256 for plan in wanted) + tuple(m.sha256 for m in masters),
            )
        )
    latest = now_at + LONGEST_AIRING * 30
    return sorted(missing, key=lambda one: (one.first_needed_at or latest, one.station.id))


def collect_one(record: Record, station: Station, session: StationSession, clock: Clock) -> int:
    """Collect all that is new at one station over an open session, and keep it.

    Returns:
        How many lines were new.

    Raises:
        DeliveryError: The station cannot be read; nothing was kept.
    """
    if not station.has_agent:
        return look_after(record, station, session, clock)
    found = fetch_outbox(session, make_reader(record, station.id))
    with record.write() as connection:
        # The time is read with the lock in hand: a report that knows of this instant has seen these lines.
        return keep_collection(connection, found, clock.now_at())


def look_after(record: Record, station: Station, session: StationSession, clock: Clock) -> int:
    """Look whether a station without an agent still has the files that were read back there; keep what is gone.

    Returns:
        How many are gone.
    """
    names = {file.name for file in list_folder(session, INBOX)}
    at = clock.now_at()
    with record.write() as connection:
        gone = {
            name: sha256
            for name, sha256 in read_own_names(connection, station.id, READ_BACK_LOG).items()
            if name not in names
        }
        for name, sha256 in gone.items():
            receipt = Receipt(at, name, Sha256(sha256), Verdict.REMOVED, "not there any more")
            write_own_receipt(connection, station.id, READ_BACK_LOG, receipt)
        values = {"reached_at": at, "error": "", "message": "", "log_id": READ_BACK_LOG}
        write_contact(connection, station.id, values)
    return len(gone)


def keep_trouble(record: Record, station: Station, error: DeliveryError, at: datetime) -> None:
    """Keep why a station could not be reached; a changed host key stops it until a person confirms."""
    with record.write() as connection:
        keep_failure(connection, station.id, error, at)
        if isinstance(error, HostKeyChangedError):
            write_contact(connection, station.id, {"stopped_key": station.host_key or ""})


def make_reader(record: Record, station: StationId) -> ReadKnown:
    """Make what tells a visit up to where each file of a station was collected."""

    def read_known(names: Sequence[str]) -> dict[str, LogPosition]:
        with record.read() as connection:
            return read_positions(connection, station, names)

    return read_known


def require_trusted(record: Record, station: Station) -> None:
    """Refuse a station that showed another host key, until a person has confirmed it.

    Raises:
        HostKeyChangedError: It is stopped. No line to it is opened.
    """
    with record.read() as connection:
        contact = read_contact(connection, station.id)
    require_trust(station, contact)


def require_trust(station: Station, contact: StationContact | None) -> None:
    """Refuse a station that showed another host key by what is known of it.

    Raises:
        HostKeyChangedError: It is stopped.
    """
    if _is_stopped_by(station, contact):
        raise HostKeyChangedError(
            f"{station.name} ({station.id}) is stopped: it showed another host key than the pinned one"
        )


def is_stopped(record: Record, station: Station) -> bool:
    """Tell whether a station failed to show the host key that is pinned still, and nobody has confirmed it since."""
    with record.read() as connection:
        return _is_stopped_by(station, read_contact(connection, station.id))


def _is_stopped_by(station: Station, contact: StationContact | None) -> bool:
    return contact is not None and contact.stopped_key != "" and contact.stopped_key == station.host_key


def make_address(station: Station) -> StationAddress:
    """Give the address of a station.

    Raises:
        NotEnrolledError: It has no host or no pinned host key yet.
    """
    if station.host is None or station.host_key is None:
        what = "host" if station.host is None else "host_key"
        raise NotEnrolledError(f"{station.name} ({station.id}) has no {what} in schedules/stations.yaml")
    return StationAddress(station.id, station.host, station.port, station.user, station.host_key)

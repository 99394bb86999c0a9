"""The readiness board: who holds verified bytes for the next slot, and who does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broadcaster.core.ids import StationId
from broadcaster.core.model import LONGEST_AIRING, LONGEST_SLOT, Airing, Station, StationContact
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_airings_between, read_newest
from broadcaster.store.stations import read_breaks, read_contacts, read_held, read_last_refusals, read_statuses
from broadcaster.wire.status import StationStatus

LOOK_AHEAD = timedelta(hours=48)


class Readiness(StrEnum):
    """How a station stands for its next slot."""

    READY = "ready"
    MISSING = "missing"
    NOTHING_PLANNED = "nothing planned"
    NOT_CONNECTED = "not connected"


@dataclass(frozen=True, slots=True)
class StationBoard:
    """One row of the board. `held` of `needed` masters of the next slot are verified at the station."""

    station: Station
    readiness: Readiness
    slot: str
    next_at: datetime | None
    held: int
    needed: int
    has_plan: bool
    contact: StationContact | None
    status: StationStatus | None
    trouble: str


def read_board(record: Record, schedules: Schedules, now_at: datetime) -> list[StationBoard]:
    """Read the board for the next 48 hours, stations in the order of the file."""
    today = now_at.astimezone(schedules.centre.zone).date()
    with record.read() as connection:
        airings = read_airings_between(connection, now_at - LONGEST_AIRING, now_at + LOOK_AHEAD)
        held = read_held(connection)
        plans = read_newest(connection, today, today + timedelta(days=2))
        contacts = read_contacts(connection)
        statuses = read_statuses(connection)
        breaks = read_breaks(connection)
        refusals = read_last_refusals(connection)
    still_open: dict[StationId, list[Airing]] = {}
    for airing in airings:
        if airing.end_at() > now_at:
            still_open.setdefault(airing.station, []).append(airing)
    board: list[StationBoard] = []
    for station in schedules.stations:
        if not station.is_valid_on(today):
            continue
        mine = held.get(station.id, {})
        open_airings = still_open.get(station.id, [])
        first = open_airings[0] if open_airings else None
        slot_airings = [
            a for a in open_airings if first and a.slot == first.slot and a.start_at - first.start_at < LONGEST_SLOT
        ]
        needed = {airing.sha256 for airing in slot_airings}
        on = first.start_at.astimezone(schedules.centre.zone).date() if first else today
        plan = plans.get((station.id, on))
        has_plan = plan is not None and plan.sha256 in mine
        board.append(
            StationBoard(
                station=station,
                readiness=_choose_readiness(station, needed <= mine.keys() and has_plan, bool(first)),
                slot=first.slot if first else "",
                next_at=first.start_at if first else None,
                held=len(needed & mine.keys()),
                needed=len(needed),
                has_plan=has_plan,
                contact=contacts.get(station.id),
                status=statuses.get(station.id),
                trouble=_explain(
                    station.id,
                    contacts.get(station.id),
                    statuses.get(station.id),
                    breaks.get(station.id, []),
                    refusals.get(station.id, ""),
                    is_ready=needed <= mine.keys(),
                ),
            )
        )
    return board


def _choose_readiness(station: Station, is_held: bool, is_planned: bool) -> Readiness:
    if is_planned and is_held:
        return Readiness.READY  # also without a line: a stick brought it, and brought the receipts back
    if not station.is_connected():
        return Readiness.NOT_CONNECTED
    return Readiness.MISSING if is_planned else Readiness.NOTHING_PLANNED


def _explain(
    station: StationId,
    contact: StationContact | None,
    status: StationStatus | None,
    breaks: list[str],
    refusal: str,
    *,
    is_ready: bool,
) -> str:
    """Put a station's trouble into one line; "" when there is none."""
    told: list[str] = []
    if contact is not None and (contact.message or not contact.is_reached()):
        told.append(contact.message)
    if refusal and not is_ready:
        told.append(f"refused: {refusal}")
    if status is not None and status.trouble:
        told.append(status.trouble)
    if breaks:
        told.append(f"its log does not hold together: {breaks[-1]}")
    return "; ".join(text.removeprefix(f"{station}: ") for text in told if text)

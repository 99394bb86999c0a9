"""Evidence: from a figure of a report down to the airings it sums and the journal lines that tell of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.airtime.reconcile import Outcome
from broadcaster.centre.gather import Gatherer
from broadcaster.centre.publish import record_missed_days
from broadcaster.core.errors import UnknownNameError
from broadcaster.core.ids import AiringId, StationId
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import plan_week
from broadcaster.store.deliveries import read_last_attempt
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_airings_named, read_plan_stations
from broadcaster.store.stations import read_contacts
from broadcaster.wire.journal import JournalLine


@dataclass(frozen=True, slots=True)
class ExplainedAiring:
    """One airing as the report judged it, and every journal line that was collected about it."""

    outcome: Outcome
    lines: tuple[JournalLine, ...]


def explain_airing(
    record: Record, schedules: Schedules, name: AiringId, station: StationId | None, now_at: datetime
) -> list[ExplainedAiring]:
    """Explain an airing at one station, or at every station that has it.

    Raises:
        UnknownNameError: No plan has such an airing.
    """
    with record.read() as connection:
        places = read_plan_stations(connection) if station is None else [station]
        found = read_airings_named(connection, name, places)
    if not found:
        raise UnknownNameError(f"no plan has an airing {name!r}", hint="`broadcaster report weekly --json` names them")
    dates = [one.start_at.astimezone(schedules.centre.zone).date() for one in found]
    explained = [
        explained
        for airing, on in zip(found, dates, strict=True)
        for explained in _explain(record, schedules, airing.station, (on, on), now_at)
    ]
    return [one for one in explained if one.outcome.airing.id == name]


def explain_station_week(
    record: Record, schedules: Schedules, station: StationId, monday: date, now_at: datetime
) -> list[ExplainedAiring]:
    """Explain every airing that a station's row of the weekly report sums, earliest first.

    Raises:
        UnknownNameError: There is no such station.
    """
    if schedules.get_station(station) is None:
        raise UnknownNameError(f"there is no station {station!r}", hint="its id stands in schedules/stations.yaml")
    week = plan_week(monday)
    return _explain(record, schedules, station, (week[0], week[-1]), now_at)


def _explain(
    record: Record, schedules: Schedules, station: StationId, period: tuple[date, date], now_at: datetime
) -> list[ExplainedAiring]:
    record_missed_days(record, schedules, *period, now_at)
    with record.read() as connection:
        contacts, last_attempt = read_contacts(connection), read_last_attempt(connection)
        gatherer = Gatherer(connection, schedules.centre, contacts, last_attempt, now_at)
        found = next(gatherer.read_periods([station], *period))
    return [ExplainedAiring(one, tuple(found.lines.get(one.airing.id, ()))) for one in found.outcomes]

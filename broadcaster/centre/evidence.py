"""Evidence: from a figure of a report down to the airings it sums and the journal lines that tell of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.airtime.reconcile import Outcome
from broadcaster.centre.reports import JOURNAL_MARGIN, make_report
from broadcaster.core.errors import UnknownNameError
from broadcaster.core.ids import AiringId, StationId
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import period_to_utc, plan_week
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_airings_named
from broadcaster.store.stations import read_journal_between
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
        found = [one for one in read_airings_named(connection, name) if station in (None, one.station)]
    if not found:
        raise UnknownNameError(f"no plan has an airing {name!r}", hint="`broadcaster report weekly --json` names them")
    dates = [one.start_at.astimezone(schedules.centre.zone).date() for one in found]
    explained = _explain(record, schedules, min(dates), max(dates), now_at)
    return [one for one in explained if one.outcome.airing.id == name and station in (None, one.outcome.airing.station)]


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
    explained = _explain(record, schedules, week[0], week[-1], now_at)
    return [one for one in explained if one.outcome.airing.station == station]


def _explain(
    record: Record, schedules: Schedules, first_on: date, last_on: date, now_at: datetime
) -> list[ExplainedAiring]:
    report = make_report(record, schedules, first_on, last_on, now_at)
    begins_at, ends_at = period_to_utc(first_on, last_on, schedules.centre.zone)
    with record.read() as connection:
        lines = read_journal_between(connection, begins_at - JOURNAL_MARGIN, ends_at + JOURNAL_MARGIN)
    return [
        ExplainedAiring(outcome, tuple(lines.get((outcome.airing.station, outcome.airing.id), ())))
        for outcome in report.outcomes
    ]

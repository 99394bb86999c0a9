"""Who has to be telephoned: what only somebody at the station can look into. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from broadcaster.airtime.figures import CallRow, StationRow
from broadcaster.airtime.reconcile import Cause, Outcome
from broadcaster.airtime.sums import round_dmin
from broadcaster.core.ids import StationId
from broadcaster.core.model import StationContact
from broadcaster.core.schedules import Schedules

AT_THE_STATION = (Cause.REFUSED, Cause.PLAYER, Cause.CLOCK_OFF)
AT_THE_CENTRE = (Cause.NOT_PUBLISHED, Cause.NOT_MEANT)


class CallSum:
    """Takes one station after the other and gives those that have to be telephoned.

    These are stations without a whole journal, with findings on their logs, with a cause that only the commune can
    mend, and those where less than half was heard.
    """

    def __init__(self) -> None:
        self._causes: dict[StationId, tuple[Cause, ...]] = {}
        self._mostly_missed: set[StationId] = set()

    def add(self, row: StationRow, outcomes: Iterable[Outcome], causes: Collection[Cause]) -> None:
        """Add a station: its row, its airings, and the causes of those that were not full."""
        if found := tuple(cause for cause in AT_THE_STATION if cause in causes):
            self._causes[row.station] = found
        if is_mostly_missed(row, outcomes):
            self._mostly_missed.add(row.station)

    def close(
        self,
        rows: Iterable[StationRow],
        schedules: Schedules,
        breaks: Mapping[StationId, Sequence[str]],
        contacts: Mapping[StationId, StationContact],
    ) -> tuple[CallRow, ...]:
        """Give the stations in the order of their rows."""
        calls = (self._call(row, schedules, breaks.get(row.station, ()), contacts.get(row.station)) for row in rows)
        return tuple(one for one in calls if one.airings or one.breaks or one.causes or one.is_mostly_missed)

    def _call(
        self, row: StationRow, schedules: Schedules, breaks: Sequence[str], contact: StationContact | None
    ) -> CallRow:
        station = schedules.get_station(row.station)
        return CallRow(
            station=row.station,
            name=row.name,
            phone=station.phone if station else "",
            airings=row.no_journal,
            breaks=tuple(breaks),
            causes=self._causes.get(row.station, ()),
            is_mostly_missed=row.station in self._mostly_missed,
            reached_at=contact.reached_at if contact else None,
            journal_until=contact.journal_until if contact else None,
        )


def is_mostly_missed(row: StationRow, outcomes: Iterable[Outcome]) -> bool:
    """Tell whether less than half was heard of what is known, where it was not the centre that gave nothing to play."""
    known_dmin = row.planned_dmin - row.unknown_dmin
    if 2 * row.played_dmin >= known_dmin:
        return False
    left_out_ms = sum(one.airing.duration_ms for one in outcomes if one.cause in AT_THE_CENTRE)
    return 2 * row.played_dmin < known_dmin - round_dmin(left_out_ms)

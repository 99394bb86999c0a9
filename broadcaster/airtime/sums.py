"""Sum outcomes into the figures of a report, station by station: memory holds sums, not airings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcaster.airtime.figures import Comparison, ProgrammeRow, StationRow, ThemeRow, TimeRow
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, StationId
from broadcaster.core.model import Priority, Programme, StationKind
from broadcaster.core.schedules import Schedules

MISSED = frozenset({Verdict.NOT_PLAYED, Verdict.STAND_IN, Verdict.NO_JOURNAL})


def round_dmin(duration_ms: int) -> int:
    """Round milliseconds to tenths of a minute, half a tenth upwards.

    >>> round_dmin(2_999), round_dmin(3_000), round_dmin(60_000)
    (0, 1, 10)
    """
    return (duration_ms + 3000) // 6000


@dataclass(slots=True)
class ThemeSum:
    """What one column, campaign or programme adds up to so far."""

    programmes: set[ProgrammeId] = field(default_factory=set)
    planned: int = 0
    airings: int = 0
    new_ms: int = 0
    repeat_ms: int = 0
    stations: set[StationId] = field(default_factory=set)
    title: str = ""
    column: ColumnId | None = None
    campaign: CampaignId | None = None

    def add(self, outcome: Outcome) -> None:
        """Add one airing."""
        airing = outcome.airing
        self.planned += 1
        if not airing.is_repeat:
            self.programmes.add(airing.programme)
        if outcome.played_ms > 0:
            self.airings += 1
            self.stations.add(airing.station)
            if airing.is_repeat:
                self.repeat_ms += outcome.played_ms
            else:
                self.new_ms += outcome.played_ms


@dataclass(slots=True)
class TimeSum:
    """What one date, or one hour of a weekday, adds up to so far."""

    planned: int = 0
    missed: int = 0
    planned_ms: int = 0
    played_ms: int = 0
    unknown_ms: int = 0

    def add(self, outcome: Outcome) -> None:
        """Add one airing."""
        self.planned += 1
        self.missed += outcome.verdict in MISSED
        self.planned_ms += outcome.airing.duration_ms
        self.played_ms += outcome.played_ms
        if outcome.verdict is Verdict.NO_JOURNAL:
            self.unknown_ms += outcome.airing.duration_ms

    def close(self, on: date | None, weekday: int, hour: int | None) -> TimeRow:
        """Give the row."""
        minutes = (round_dmin(self.planned_ms), round_dmin(self.played_ms), round_dmin(self.unknown_ms))
        return TimeRow(on, weekday, hour, self.planned, self.missed, *minutes)


@dataclass(slots=True)
class ThemeSums:
    """The sums by column, campaign, programme, date and hour."""

    zone: ZoneInfo
    columns: dict[ColumnId | None, ThemeSum] = field(default_factory=dict)
    campaigns: dict[CampaignId, ThemeSum] = field(default_factory=dict)
    programmes: dict[ProgrammeId, ThemeSum] = field(default_factory=dict)
    days: dict[date, TimeSum] = field(default_factory=dict)
    hours: dict[tuple[int, int], TimeSum] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Add one airing to each of them."""
        airing = outcome.airing
        self.columns.setdefault(airing.column, ThemeSum()).add(outcome)
        if airing.campaign is not None:
            self.campaigns.setdefault(airing.campaign, ThemeSum()).add(outcome)
        own = self.programmes.get(airing.programme)
        if own is None:
            own = ThemeSum(title=airing.title, column=airing.column, campaign=airing.campaign)
            self.programmes[airing.programme] = own
        own.add(outcome)
        at = airing.start_at.astimezone(self.zone)
        self.days.setdefault(at.date(), TimeSum()).add(outcome)
        self.hours.setdefault((at.weekday(), at.hour), TimeSum()).add(outcome)

    def close_days(self) -> tuple[TimeRow, ...]:
        """Give a row for each date with an airing, earliest first."""
        return tuple(one.close(on, on.weekday(), None) for on, one in sorted(self.days.items()))

    def close_hours(self) -> tuple[TimeRow, ...]:
        """Give a row for each hour of each weekday with an airing, Monday first."""
        return tuple(one.close(None, *place) for place, one in sorted(self.hours.items()))

    def close_programmes(self, produced: Iterable[Programme], known: Iterable[Programme]) -> tuple[ProgrammeRow, ...]:
        """Give a row for each programme that was made or planned in the period, by date and title.

        Args:
            produced: Made in the period.
            known: With their masters, the proof of loudness.
        """
        made = {programme.id: programme for programme in produced}
        by_id = {programme.id: programme for programme in known}
        rows = []
        for name in dict.fromkeys([*made, *self.programmes]):
            total, programme = self.programmes.get(name, ThemeSum()), by_id.get(name)
            rows.append(
                ProgrammeRow(
                    programme=name,
                    title=programme.title if programme else total.title,
                    column=programme.column if programme else total.column,
                    campaign=programme.campaign if programme else total.campaign,
                    on=programme.on if programme else None,
                    produced_dmin=round_dmin(made[name].master.duration_ms) if name in made else 0,
                    planned=total.planned,
                    airings=total.airings,
                    new_dmin=round_dmin(total.new_ms),
                    repeat_dmin=round_dmin(total.repeat_ms),
                    stations_played=len(total.stations),
                    before=programme.master.before if programme else None,
                    after=programme.master.after if programme else None,
                )
            )
        return tuple(sorted(rows, key=lambda row: (row.on or date.min, row.title, row.programme)))


def close_theme(
    theme: ColumnId | CampaignId | None,
    name: str,
    total: ThemeSum,
    produced: Sequence[Programme],
    stories: Mapping[ProgrammeId, int],
    stations_total: int,
    comparison: Comparison | None = None,
) -> ThemeRow:
    """Give the row of a column or campaign."""
    programmes = total.programmes | {programme.id for programme in produced}
    return ThemeRow(
        id=theme or "",
        name=name,
        programmes=len(programmes),
        stories=sum(stories.get(programme, 1) for programme in programmes),
        produced_dmin=round_dmin(sum(programme.master.duration_ms for programme in produced)),
        airings=total.airings,
        new_dmin=round_dmin(total.new_ms),
        repeat_dmin=round_dmin(total.repeat_ms),
        stations_played=len(total.stations),
        stations_total=stations_total,
        comparison=comparison,
    )


def sum_station(
    schedules: Schedules, station_id: StationId, outcomes: Sequence[Outcome], unplanned: Sequence[Outcome] = ()
) -> StationRow:
    """Sum one station.

    Args:
        schedules: Names.
        station_id: Which station.
        outcomes: All of its airings that are over.
        unplanned: What sounded beside the plan: emergency orders count as emergencies, what nobody knows as others.
    """
    station = schedules.get_station(station_id)
    verdicts = [outcome.verdict for outcome in outcomes]
    declared = [outcome for outcome in outcomes if outcome.is_declared]
    causes = sorted({outcome.cause.value for outcome in outcomes if outcome.cause})
    others = [outcome for outcome in unplanned if outcome.cause is Cause.NOT_IN_PLAN]
    unknown_ms = sum(one.airing.duration_ms for one in outcomes if one.verdict is Verdict.NO_JOURNAL)
    return StationRow(
        station=station_id,
        name=station.name if station else station_id,
        kind=station.kind if station else StationKind.FIXED,
        clusters=station.clusters if station else 0,
        planned=len(outcomes),
        full=verdicts.count(Verdict.FULL) + verdicts.count(Verdict.LATE),
        short=verdicts.count(Verdict.SHORT) + verdicts.count(Verdict.CUT),
        not_played=verdicts.count(Verdict.NOT_PLAYED) + verdicts.count(Verdict.STAND_IN),
        no_journal=verdicts.count(Verdict.NO_JOURNAL),
        planned_dmin=round_dmin(sum(outcome.airing.duration_ms for outcome in outcomes)),
        played_dmin=round_dmin(sum(outcome.played_ms for outcome in outcomes)),
        emergencies=sum(is_emergency(outcome) for outcome in (*outcomes, *unplanned)),
        late=verdicts.count(Verdict.LATE),
        note="|".join(causes),
        declared=len(declared),
        declared_dmin=round_dmin(sum(outcome.played_ms for outcome in declared)),
        unknown_dmin=round_dmin(unknown_ms),
        others=len(others),
        others_declared=sum(outcome.is_declared for outcome in others),
        others_dmin=round_dmin(sum(outcome.played_ms for outcome in others)),
    )


def is_emergency(outcome: Outcome) -> bool:
    """Tell whether an airing is an emergency that sounded, planned or ordered."""
    is_meant = outcome.airing.priority is Priority.EMERGENCY or outcome.cause is Cause.ORDERED
    return is_meant and outcome.played_ms > 0


def sum_rows(rows: Sequence[StationRow]) -> StationRow:
    """Add up stations' rows as they are shown."""

    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    return StationRow(
        station=StationId(""),
        name="",
        kind=StationKind.FIXED,
        clusters=total("clusters"),
        planned=total("planned"),
        full=total("full"),
        short=total("short"),
        not_played=total("not_played"),
        no_journal=total("no_journal"),
        planned_dmin=total("planned_dmin"),
        played_dmin=total("played_dmin"),
        emergencies=total("emergencies"),
        late=total("late"),
        note="",
        declared=total("declared"),
        declared_dmin=total("declared_dmin"),
        unknown_dmin=total("unknown_dmin"),
        others=total("others"),
        others_declared=total("others_declared"),
        others_dmin=total("others_dmin"),
    )


def choose_period_dates(days: tuple[date, date], made_at: datetime, zone: ZoneInfo) -> int:
    """Count the dates of a period that had begun when the report was made; at least one."""
    last = min(days[1], made_at.astimezone(zone).date())
    return max(1, (last - days[0]).days + 1)

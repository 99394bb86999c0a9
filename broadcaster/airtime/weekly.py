"""Sum outcomes into the figures of a report. Pure.

Minutes are kept in tenths (`_dmin`), rounded once in each row; totals add up the rounded rows, so that a reader with a
pencil comes to the same sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.airtime.reconcile import Outcome, Verdict
from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, StationId
from broadcaster.core.model import Priority, Programme, StationKind
from broadcaster.core.schedules import Schedules
from broadcaster.wire.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class StationRow:
    """Annex I: one station's airings and minutes. `full` counts those played whole, on time or late."""

    station: StationId
    name: str
    kind: StationKind
    clusters: int
    planned: int
    full: int
    short: int
    not_played: int
    no_journal: int
    planned_dmin: int
    played_dmin: int
    emergencies: int
    late: int
    note: str

    def share_percent(self) -> float | None:
        """Give played of planned minutes in per cent; None when nothing was planned."""
        return 100 * self.played_dmin / self.planned_dmin if self.planned_dmin else None


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """Annexes II and III: one column's or campaign's figures. `produced_dmin` is made once, the others were aired.

    `stories` counts the news items and articles of its programmes.
    """

    id: str
    name: str
    programmes: int
    stories: int
    produced_dmin: int
    airings: int
    new_dmin: int
    repeat_dmin: int
    stations_played: int
    stations_total: int


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a period; both dates belong to it."""

    first_on: date
    last_on: date
    made_at: datetime
    centre: str
    stations: tuple[StationRow, ...]
    total: StationRow
    columns: tuple[ThemeRow, ...]
    campaigns: tuple[ThemeRow, ...]
    differences: tuple[Outcome, ...]
    outcomes: tuple[Outcome, ...]
    unplanned: tuple[tuple[StationId, JournalEntry], ...]
    breaks: Mapping[StationId, Sequence[str]]
    pending: int


def sum_report(
    schedules: Schedules,
    first_on: date,
    last_on: date,
    made_at: datetime,
    outcomes: Sequence[Outcome],
    programmes: Iterable[Programme],
    unplanned: Sequence[tuple[StationId, JournalEntry]],
    breaks: Mapping[StationId, Sequence[str]],
    pending: int,
) -> Report:
    """Sum a period.

    Args:
        schedules: Names of stations, columns and campaigns.
        first_on: First date of the period.
        last_on: Last date of the period.
        made_at: When the report was made.
        outcomes: Every airing of the period that is over.
        programmes: Those known to the centre; the ones dated in the period count as produced.
        unplanned: Sound that no plan asked for.
        breaks: Findings on stations' logs.
        pending: How many airings of the period are not over yet.
    """
    by_station: dict[StationId, list[Outcome]] = {}
    for outcome in outcomes:
        by_station.setdefault(outcome.airing.station, []).append(outcome)
    stations = tuple(
        _sum_station(schedules, station_id, by_station.get(station_id, []))
        for station_id in _list_stations(schedules, first_on, last_on, by_station)
    )
    programmes = list(programmes)
    stories = {programme.id: programme.stories for programme in programmes}
    produced = [programme for programme in programmes if first_on <= programme.on <= last_on]
    columns = tuple(
        _sum_theme(
            column.id,
            column.name,
            [outcome for outcome in outcomes if outcome.airing.column == column.id],
            [programme for programme in produced if programme.column == column.id],
            stories,
            len(stations),
        )
        for column in schedules.columns
    )
    campaigns = tuple(
        _sum_theme(
            campaign.id,
            campaign.name,
            [outcome for outcome in outcomes if outcome.airing.campaign == campaign.id],
            [programme for programme in produced if programme.campaign == campaign.id],
            stories,
            len(stations),
        )
        for campaign in schedules.campaigns
        if campaign.starts_on <= last_on and first_on <= campaign.ends_on
    )
    return Report(
        first_on=first_on,
        last_on=last_on,
        made_at=made_at,
        centre=schedules.centre.name,
        stations=stations,
        total=_sum_rows(stations),
        columns=columns,
        campaigns=campaigns,
        differences=tuple(outcome for outcome in outcomes if outcome.verdict is not Verdict.FULL),
        outcomes=tuple(outcomes),
        unplanned=tuple(unplanned),
        breaks=dict(breaks),
        pending=pending,
    )


def _list_stations(
    schedules: Schedules, first_on: date, last_on: date, found: Mapping[StationId, object]
) -> list[StationId]:
    known = [
        station.id
        for station in schedules.stations
        if station.id in found
        or ((station.valid_from or first_on) <= last_on and first_on <= (station.valid_to or last_on))
    ]
    return known + sorted(set(found) - set(known))


def _sum_station(schedules: Schedules, station_id: StationId, outcomes: Sequence[Outcome]) -> StationRow:
    station = schedules.get_station(station_id)

    def count(*verdicts: Verdict) -> int:
        return sum(outcome.verdict in verdicts for outcome in outcomes)

    causes = sorted({outcome.cause.value for outcome in outcomes if outcome.cause})
    return StationRow(
        station=station_id,
        name=station.name if station else station_id,
        kind=station.kind if station else StationKind.FIXED,
        clusters=station.clusters if station else 0,
        planned=len(outcomes),
        full=count(Verdict.FULL, Verdict.LATE),
        short=count(Verdict.SHORT, Verdict.CUT),
        not_played=count(Verdict.NOT_PLAYED),
        no_journal=count(Verdict.NO_JOURNAL),
        planned_dmin=_round(sum(outcome.airing.duration_ms for outcome in outcomes)),
        played_dmin=_round(sum(outcome.played_ms for outcome in outcomes)),
        emergencies=sum(
            outcome.airing.priority is Priority.EMERGENCY and outcome.played_ms > 0 for outcome in outcomes
        ),
        late=count(Verdict.LATE),
        note="|".join(causes),
    )


def _sum_rows(rows: Sequence[StationRow]) -> StationRow:
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
    )


def _sum_theme(
    theme: ColumnId | CampaignId,
    name: str,
    outcomes: Sequence[Outcome],
    produced: Sequence[Programme],
    stories: Mapping[ProgrammeId, int],
    stations_total: int,
) -> ThemeRow:
    played = [outcome for outcome in outcomes if outcome.played_ms > 0]
    programmes: set[ProgrammeId] = {programme.id for programme in produced}
    programmes |= {outcome.airing.programme for outcome in outcomes if not outcome.airing.is_repeat}
    return ThemeRow(
        id=theme,
        name=name,
        programmes=len(programmes),
        stories=sum(stories.get(programme, 1) for programme in programmes),
        produced_dmin=_round(sum(programme.master.duration_ms for programme in produced)),
        airings=len(played),
        new_dmin=_round(sum(outcome.played_ms for outcome in played if not outcome.airing.is_repeat)),
        repeat_dmin=_round(sum(outcome.played_ms for outcome in played if outcome.airing.is_repeat)),
        stations_played=len({outcome.airing.station for outcome in played}),
        stations_total=stations_total,
    )


def _round(duration_ms: int) -> int:
    """Round milliseconds to tenths of a minute, half a tenth upwards."""
    return (duration_ms + 3000) // 6000

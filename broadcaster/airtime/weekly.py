"""Sum a period, station by station, into a report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from broadcaster.airtime.calls import CallSum
from broadcaster.airtime.figures import (
    EVERYTHING,
    CauseRow,
    Comparison,
    EmergencyRow,
    LocalRow,
    Report,
    Scope,
    StationRow,
    ThemeRow,
)
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.airtime.sums import (
    ThemeSum,
    ThemeSums,
    choose_period_dates,
    close_theme,
    is_emergency,
    round_dmin,
    sum_rows,
    sum_station,
)
from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, StationId
from broadcaster.core.model import Campaign, Programme, StationContact
from broadcaster.core.schedules import Schedules

MAX_LISTED = 200_000  # airings listed one by one; a year of a region is summed, not listed


class PeriodSum:
    """Takes the judged airings of one station after the other and gives the report of them all.

    Args:
        schedules: Names of stations, columns and campaigns.
        first_on: First date of the period.
        last_on: Last date of the period.
        made_at: When the report is made.
        scope: Which stations and campaign it is about.
        max_listed: How many airings the report lists one by one; of more only the sums are kept.
    """

    def __init__(
        self,
        schedules: Schedules,
        first_on: date,
        last_on: date,
        made_at: datetime,
        scope: Scope = EVERYTHING,
        max_listed: int = MAX_LISTED,
    ) -> None:
        self._schedules = schedules
        self._first_on, self._last_on, self._made_at = first_on, last_on, made_at
        self._scope = scope
        self._max_listed = max_listed
        self._themes = ThemeSums(schedules.centre.zone)
        self._rows: dict[StationId, StationRow] = {}
        self._outcomes: list[Outcome] = []
        self._counted = 0
        self._pending = 0
        self._unplanned: list[Outcome] = []
        self._causes: dict[Cause, dict[str, int]] = {}
        self._emergencies: list[EmergencyRow] = []
        self._local: list[LocalRow] = []
        self._calls = CallSum()
        self._campaigns = [
            one
            for one in schedules.campaigns
            if one.starts_on <= last_on and first_on <= one.ends_on and scope.campaign in (None, one.id)
        ]
        self._compared_ms = {one.id: 0 for one in self._campaigns if one.baseline}

    def list_compared(self) -> list[Campaign]:
        """List the campaigns of the report that have a baseline."""
        return [one for one in self._campaigns if one.baseline]

    def add_station(
        self,
        station: StationId,
        outcomes: Sequence[Outcome],
        pending: int = 0,
        unplanned: Sequence[Outcome] = (),
    ) -> None:
        """Add all of one station's period; each station once."""
        for campaign in self.list_compared():
            self._compared_ms[campaign.id] += sum_campaign_ms(campaign, self._choose_compared(campaign, outcomes))
        if self._scope.campaign is not None:
            outcomes, unplanned = [one for one in outcomes if one.airing.campaign == self._scope.campaign], ()
        else:
            self._pending += pending
        row = sum_station(self._schedules, station, outcomes, unplanned)
        if outcomes or row.emergencies or row.others:
            self._rows[station] = row
        for outcome in outcomes:
            self._themes.add(outcome)
        causes = Counter(one.cause for one in outcomes if one.verdict is not Verdict.FULL)
        for cause, airings in causes.items():
            self._causes.setdefault(cause, {})[row.name] = airings
        self._calls.add(row, outcomes, causes)
        self._list_sound(row, outcomes, unplanned)
        self._counted += len(outcomes)
        if self._counted <= self._max_listed:
            self._outcomes += outcomes
        else:
            self._outcomes.clear()

    def _compare_over(self, campaign: Campaign) -> tuple[date, date]:
        """Give the dates of the period that belong to a campaign."""
        return max(self._first_on, campaign.starts_on), min(self._last_on, campaign.ends_on)

    def _choose_compared(self, campaign: Campaign, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        first_on, last_on = self._compare_over(campaign)
        if (first_on, last_on) == (self._first_on, self._last_on):
            return outcomes
        zone = self._schedules.centre.zone
        return [one for one in outcomes if first_on <= one.airing.start_at.astimezone(zone).date() <= last_on]

    def _list_sound(self, row: StationRow, outcomes: Sequence[Outcome], unplanned: Sequence[Outcome]) -> None:
        """List one by one what is no ordinary airing: emergencies, the commune's own items, what stands in no plan."""
        for outcome in (*outcomes, *unplanned):
            if is_emergency(outcome):
                of = outcome.airing
                started_at = outcome.started_at or of.start_at
                sounded = EmergencyRow(row.station, row.name, of.id, of.title, started_at, outcome.played_ms)
                self._emergencies.append(sounded)
        for outcome in unplanned:
            of = outcome.airing
            if outcome.cause is Cause.LOCAL and outcome.played_ms:
                at = outcome.started_at or of.start_at
                self._local.append(LocalRow(row.station, row.name, of.title, of.start_at, at, outcome.played_ms))
        self._unplanned += [one for one in unplanned if one.cause is Cause.NOT_IN_PLAN]

    def close(
        self,
        programmes: Iterable[Programme],
        breaks: Mapping[StationId, Sequence[str]],
        contacts: Mapping[StationId, StationContact],
        before_ms: Mapping[CampaignId, int],
    ) -> Report:
        """Give the report.

        Args:
            programmes: Those known to the centre; the ones dated in the period count as produced.
            breaks: Findings on stations' logs.
            contacts: What is known of the line to each station.
            before_ms: Of each campaign with a baseline, what was aired in it; of none where no airing of it is known.
        """
        schedules, first_on, last_on = self._schedules, self._first_on, self._last_on
        stations = tuple(
            self._rows.get(station) or sum_station(schedules, station, ()) for station in self._list_stations()
        )
        known = list(programmes)
        stories = {programme.id: programme.stories for programme in known}
        produced = [
            programme
            for programme in known
            if first_on <= programme.on <= last_on and self._scope.campaign in (None, programme.campaign)
        ]
        columns = tuple(
            close_theme(
                column,
                name,
                self._themes.columns.get(column, ThemeSum()),
                [programme for programme in produced if programme.column == column],
                stories,
                len(stations),
            )
            for column, name in self._name_columns(produced).items()
        )
        campaigns = self._close_campaigns(produced, stories, len(stations), before_ms)
        outcomes = sorted(self._outcomes, key=lambda one: (one.airing.start_at, one.airing.station, one.airing.id))
        return Report(
            first_on=first_on,
            last_on=last_on,
            made_at=self._made_at,
            centre=schedules.centre.name,
            stations=stations,
            total=sum_rows(stations),
            columns=columns,
            campaigns=campaigns,
            differences=tuple(outcome for outcome in outcomes if outcome.verdict is not Verdict.FULL),
            outcomes=tuple(outcomes),
            unplanned=tuple(sorted(self._unplanned, key=lambda one: (one.airing.start_at, one.airing.station))),
            breaks={station: found for station, found in breaks.items() if self._has(station)},
            pending=self._pending,
            scope=self._scope,
            programmes=self._themes.close_programmes(produced, known),
            days=self._themes.close_days(),
            causes=tuple(
                CauseRow(cause, sum(places.values()), tuple(places))
                for cause, places in sorted(self._causes.items(), key=lambda one: -sum(one[1].values()))
            ),
            hours=self._themes.close_hours(),
            emergencies=tuple(sorted(self._emergencies, key=lambda one: (one.started_at, one.station))),
            calls=self._calls.close(stations, schedules, breaks, contacts),
            local=tuple(sorted(self._local, key=lambda one: (one.started_at, one.station))),
            unlisted=self._counted if self._counted > self._max_listed else 0,
        )

    def _name_columns(self, produced: Iterable[Programme]) -> dict[ColumnId | None, str]:
        """Name the columns in their order: those of schedules/, those that are gone from it, then what has none."""
        names: dict[ColumnId | None, str] = {column.id: column.name for column in self._schedules.columns}
        found = {*self._themes.columns, *(programme.column for programme in produced)}
        names |= {column: column for column in sorted(filter(None, found - names.keys()))}
        return {**names, None: ""} if None in found else names

    def _close_campaigns(
        self,
        produced: Sequence[Programme],
        stories: Mapping[ProgrammeId, int],
        stations_total: int,
        before_ms: Mapping[CampaignId, int],
    ) -> tuple[ThemeRow, ...]:
        """Close the campaigns of the period, then what bore the name of one outside of it."""
        found = {one.id: one for one in self._schedules.campaigns}
        mine = {one.id for one in self._campaigns}
        names = [*(one.id for one in self._campaigns), *sorted(self._themes.campaigns.keys() - mine)]
        return tuple(
            close_theme(
                name,
                found[name].name if name in found else name,
                self._themes.campaigns.get(name, ThemeSum()),
                [programme for programme in produced if programme.campaign == name],
                stories,
                stations_total,
                self._compare(found[name], before_ms.get(name)) if name in mine else None,
            )
            for name in names
        )

    def _has(self, station: StationId) -> bool:
        return self._scope.stations is None or station in self._scope.stations

    def _list_stations(self) -> list[StationId]:
        first_on, last_on = self._first_on, self._last_on
        known = [
            station.id
            for station in self._schedules.stations
            if self._has(station.id)
            and (
                station.id in self._rows
                or ((station.valid_from or first_on) <= last_on and first_on <= (station.valid_to or last_on))
            )
        ]
        return known + sorted(set(self._rows) - set(known))

    def _compare(self, campaign: Campaign, before_ms: int | None) -> Comparison | None:
        if campaign.baseline is None:
            return None
        first_on, last_on = campaign.baseline
        return Comparison(
            first_on=first_on,
            last_on=last_on,
            before_dmin=None if before_ms is None else round_dmin(before_ms),
            before_days=(last_on - first_on).days + 1,
            after_dmin=round_dmin(self._compared_ms[campaign.id]),
            after_days=choose_period_dates(self._compare_over(campaign), self._made_at, self._schedules.centre.zone),
        )


def sum_campaign_ms(campaign: Campaign, outcomes: Iterable[Outcome]) -> int:
    """Sum what was aired of a campaign and of the columns that it is compared by."""
    return sum(
        one.played_ms for one in outcomes if one.airing.campaign == campaign.id or one.airing.column in campaign.columns
    )


def sum_report(
    schedules: Schedules,
    first_on: date,
    last_on: date,
    made_at: datetime,
    outcomes: Iterable[Outcome],
    programmes: Iterable[Programme],
    unplanned: Sequence[Outcome],
    breaks: Mapping[StationId, Sequence[str]],
    pending: int,
) -> Report:
    """Sum a period of which everything is at hand; arguments as of `PeriodSum`."""
    by_station: dict[StationId, tuple[list[Outcome], list[Outcome]]] = {}
    for place, found in enumerate((outcomes, unplanned)):
        for outcome in found:
            by_station.setdefault(outcome.airing.station, ([], []))[place].append(outcome)
    period = PeriodSum(schedules, first_on, last_on, made_at)
    for station, (mine, beside) in by_station.items():
        period.add_station(station, mine, 0, beside)
    period.add_station(StationId(""), (), pending)
    return period.close(programmes, breaks, {}, {})

"""The figures of a report, as frozen values.

Minutes are kept in tenths (`_dmin`), rounded once in each row; totals add up the rounded rows, so that a reader with a
pencil comes to the same sum. Produced minutes are made once; aired minutes were heard, once for each station.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broadcaster.airtime.reconcile import Cause, Outcome
from broadcaster.core.ids import AiringId, CampaignId, ColumnId, ProgrammeId, StationId
from broadcaster.core.model import LoudnessReading, StationKind


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about: stations (all of them when None, then of the period), one campaign (any when None)."""

    stations: frozenset[StationId] | None = None
    campaign: CampaignId | None = None
    title: str = ""


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class StationRow:
    """Annex I: one station's airings and minutes. `full` counts those played whole, on time or late.

    `declared` counts airings, and `declared_dmin` minutes of `played_dmin`, that rest on what a person typed in.
    `unknown_dmin` are minutes of `planned_dmin` without a journal yet. `others` counts what sounded and is in no plan,
    `others_declared` those of it that a person typed in, `others_dmin` its minutes; they are in no other figure.
    """

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
    declared: int = 0
    declared_dmin: int = 0
    unknown_dmin: int = 0
    others: int = 0
    others_declared: int = 0
    others_dmin: int = 0

    def share_percent(self) -> float | None:
        """Give played of planned minutes in per cent; None when nothing was planned."""
        return 100 * self.played_dmin / self.planned_dmin if self.planned_dmin else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A campaign's airtime against its baseline period; both dates of the baseline belong to it.

    Both sides count the same: the airings of the campaign and of the columns that it names. `days` are those of the
    baseline, and those of the campaign within the report's period, to which `after_dmin` belongs. `before_dmin` is None
    where the record knows of no airing at all in the baseline: that is no zero.
    """

    first_on: date
    last_on: date
    before_dmin: int | None
    before_days: int
    after_dmin: int
    after_days: int

    def before_per_week_min(self) -> float | None:
        """Give the minutes of seven days before the campaign; None where nothing is known of it."""
        return None if self.before_dmin is None else 7 * self.before_dmin / 10 / self.before_days

    def after_per_week_min(self) -> float:
        """Give the minutes of seven days of the report."""
        return 7 * self.after_dmin / 10 / self.after_days

    def change_percent(self) -> float | None:
        """Give by how much airtime grew, week against week; None where the baseline had none."""
        before_min = self.before_per_week_min()
        return 100 * (self.after_per_week_min() / before_min - 1) if before_min else None


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """Annexes II and III: one column's or campaign's figures. `produced_dmin` is made once, the others were aired.

    The row with an empty id and name is of everything without a column: idents, emergencies.
    `stories` counts the news items and articles of its programmes. `comparison` is there for a campaign with a
    baseline.
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
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class ProgrammeRow:
    """One programme's airtime, with the proof of its loudness. `before` and `after` are None where it is unknown.

    `produced_dmin` is its length where it was made in the period, else 0. `airings` sounded, of `planned`.
    """

    programme: ProgrammeId
    title: str
    column: ColumnId | None
    campaign: CampaignId | None
    on: date | None
    produced_dmin: int
    planned: int
    airings: int
    new_dmin: int
    repeat_dmin: int
    stations_played: int
    before: LoudnessReading | None
    after: LoudnessReading | None


@dataclass(frozen=True, slots=True)
class TimeRow:
    """Airtime of one date, or of one hour of one weekday: `hour` is by the wall clock of the planned start.

    `missed` counts airings that were not played, or of which nothing is known; `unknown_dmin` are planned minutes of
    the second kind.
    """

    on: date | None
    weekday: int
    hour: int | None
    planned: int
    missed: int
    planned_dmin: int
    played_dmin: int
    unknown_dmin: int = 0


@dataclass(frozen=True, slots=True)
class CauseRow:
    """Why airings differ from the plan: how many of them, and the names of their stations as annex I has them."""

    cause: Cause
    airings: int
    stations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A station whose commune has to be telephoned, and what for.

    `airings` have no journal yet. `breaks` are findings on its logs, `causes` those that only the commune can mend, and
    `is_mostly_missed` when less than half of its known minutes were heard. `journal_until` is up to when its diary is
    known; None when nothing ever came.
    """

    station: StationId
    name: str
    phone: str
    airings: int
    breaks: tuple[str, ...]
    causes: tuple[Cause, ...]
    is_mostly_missed: bool
    reached_at: datetime | None
    journal_until: datetime | None


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """One emergency that sounded at one station, planned or ordered; `order` is the id of its airing."""

    station: StationId
    name: str
    order: AiringId
    title: str
    started_at: datetime
    played_ms: int


@dataclass(frozen=True, slots=True)
class LocalRow:
    """One item of a commune's own that sounded at its station; it counts in none of the centre's figures."""

    station: StationId
    name: str
    title: str
    planned_at: datetime
    started_at: datetime
    played_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one station (or of all, `station` "") that an earlier edition gave otherwise."""

    station: str
    name: str
    figure: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Correction:
    """That this edition takes the place of an earlier one, when that was made, and what changed."""

    edition: int
    made_at: datetime
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a period; both dates belong to it.

    `outcomes` holds every airing one by one, and `differences` those that were not full, or another time than planned.
    When there were too many to list, `outcomes` is empty (then `differences` too) and `unlisted` says how many were
    summed; `causes` sums the differences in any case. `edition` counts from 1; it is 0 while the period is not over:
    such a report is provisional. `unplanned` is sound that no plan asked for; what the communes themselves played is in
    `local`.
    """

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
    unplanned: tuple[Outcome, ...]
    breaks: Mapping[StationId, Sequence[str]]
    pending: int
    scope: Scope = EVERYTHING
    programmes: tuple[ProgrammeRow, ...] = ()
    causes: tuple[CauseRow, ...] = ()
    days: tuple[TimeRow, ...] = ()
    hours: tuple[TimeRow, ...] = ()
    emergencies: tuple[EmergencyRow, ...] = ()
    calls: tuple[CallRow, ...] = ()
    local: tuple[LocalRow, ...] = ()
    unlisted: int = 0
    edition: int = 0
    correction: Correction | None = None

"""The annexes of a report, from its figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from broadcaster.airtime.annex import Annex, Cell
from broadcaster.airtime.figures import Comparison, ProgrammeRow, Report, StationRow, ThemeRow
from broadcaster.airtime.reconcile import Cause, Outcome
from broadcaster.airtime.wording import Wording, format_clock, format_date, format_moment
from broadcaster.core.model import LoudnessReading, StationKind
from broadcaster.core.schedules import Schedules

DIFFERENCE_WIDTHS = (12, 11, 11, 24, 34, 20, 10, 50)


def list_annexes(report: Report, schedules: Schedules, words: Wording) -> list[Annex]:
    """Give all annexes in their order; the first four are those of the letter."""
    zone = schedules.centre.zone
    columns = {str(column.id): column.name for column in schedules.columns}
    rows: list[list[list[Cell]]] = [
        [_station_cells(index, row, words) for index, row in enumerate(report.stations, 1)],
        [_theme_cells(index, row) for index, row in enumerate(report.columns, 1)],
        [[*_theme_cells(index, row), *_comparison_cells(row.comparison)]
         for index, row in enumerate(report.campaigns, 1)],
        _difference_cells(report.differences, schedules, words),
        [_programme_cells(index, row, columns, words) for index, row in enumerate(report.programmes, 1)],
        [[words.weekdays[row.weekday], f"{row.hour or 0:02d}:00", row.planned, row.missed, row.planned_dmin / 10,
          row.played_dmin / 10, None] for row in report.hours],
        [[format_date(row.started_at.astimezone(zone).date()), format_clock(row.started_at, zone), row.name, row.title,
          round(row.played_ms / 1000)] for row in report.emergencies],
        [[row.name, row.phone, row.airings, format_moment(row.journal_until, zone), format_moment(row.reached_at, zone)]
         for row in report.calls],
        [[format_date(row.planned_at.astimezone(zone).date()), format_clock(row.planned_at, zone),
          format_clock(row.started_at, zone), row.name, row.title, round(row.played_ms / 1000)]
         for row in report.local],
        _difference_cells(report.outcomes, schedules, words),
    ]  # fmt: skip
    themes = (2, 3, 4, 5, 6, 7, 8)
    forms: tuple[tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[int, int, int] | None], ...] = (
        (words.station_heads, (6, 24, *(11,) * 10, 36), (2, 3, 4, 5, 6, 7, 8, 9, 11), (10, 9, 8)),
        (words.theme_heads, (6, 36, *(13,) * 8), themes, None),
        (words.campaign_heads, (6, 36, *(13,) * 11), themes, None),
        (words.difference_heads, DIFFERENCE_WIDTHS, (), None),
        (words.programme_heads, (6, 36, 20, 12, *(11,) * 6, 22, 12), (4, 5, 6, 7, 8), None),
        (words.hour_heads, (14, 10, *(13,) * 5), (2, 3, 4, 5), (6, 5, 4)),
        (words.emergency_heads, (12, 11, 24, 50, 14), (4,), None),
        (words.call_heads, (24, 20, 16, 20, 20), (2,), None),
        (words.local_heads, (12, 11, 11, 24, 50, 14), (5,), None),
        (words.difference_heads, DIFFERENCE_WIDTHS, (), None),
    )
    return [
        Annex(*names, heads, widths, cells, summed, share, is_long=place == len(forms) - 1)
        for place, (names, cells, (heads, widths, summed, share)) in enumerate(
            zip(words.annexes, rows, forms, strict=True)
        )
    ]


def name_share(row: StationRow, words: Wording) -> str:
    """Write played of planned minutes in per cent; a hyphen where nothing was planned."""
    percent = row.share_percent()
    return "-" if percent is None else words.format_number(percent, 1)


def name_station(schedules: Schedules, station: str) -> str:
    """Give a station's name, or its id when schedules/ do not know it any more."""
    found = schedules.get_station(station)
    return found.name if found else station


def _station_cells(index: int, row: StationRow, words: Wording) -> list[Cell]:
    """Give a station's row; a hyphen where nobody has counted its clusters yet."""
    return [index, row.name, row.clusters or "-", row.planned, row.full, row.short, row.not_played, row.no_journal,
            row.planned_dmin / 10, row.played_dmin / 10, None, row.emergencies, _note(row, words)]  # fmt: skip


def _note(row: StationRow, words: Wording) -> str:
    notes = [words.causes[Cause(value)] for value in row.note.split("|") if value]
    if row.declared:
        told = words.declared.format(airings=row.declared, minutes=words.format_minutes(row.declared_dmin))
        notes.insert(0, told)
    elif row.kind is StationKind.VEHICLE:
        notes.insert(0, words.vehicle)
    return "; ".join(notes)


def _theme_cells(index: int, row: ThemeRow) -> list[Cell]:
    new, repeat = row.new_dmin, row.repeat_dmin
    return [index, row.name, row.programmes, row.stories, row.produced_dmin / 10, row.airings, new / 10, repeat / 10,
            (new + repeat) / 10, f"{row.stations_played}/{row.stations_total}"]  # fmt: skip


def _comparison_cells(found: Comparison | None) -> list[Cell]:
    """Give minutes of a week before and in the campaign, and by how much they grew; hyphens without a baseline."""
    if found is None:
        return ["-", "-", "-"]
    percent = found.change_percent()
    before, after = round(found.before_per_week_min(), 1), round(found.after_per_week_min(), 1)
    return [before, after, "-" if percent is None else round(percent, 1)]


def _difference_cells(outcomes: Iterable[Outcome], schedules: Schedules, words: Wording) -> list[list[Cell]]:
    zone = schedules.centre.zone
    return [
        [
            format_date(outcome.airing.start_at.astimezone(zone).date()),
            format_clock(outcome.airing.start_at, zone),
            format_clock(outcome.started_at, zone),
            name_station(schedules, outcome.airing.station),
            outcome.airing.title,
            words.verdicts[outcome.verdict],
            _difference_s(outcome),
            words.causes[outcome.cause],
        ]
        for outcome in outcomes
    ]


def _difference_s(outcome: Outcome) -> Cell:
    """Give the seconds that differ: of the start where it was late, else of the length."""
    if outcome.cause in (Cause.STARTED_LATE, Cause.CLOCK_OFF) and outcome.late_s is not None:
        return round(outcome.late_s)
    return round((outcome.played_ms - outcome.airing.duration_ms) / 1000) or None


def _programme_cells(index: int, row: ProgrammeRow, columns: dict[str, str], words: Wording) -> list[Cell]:
    return [
        index, row.title, columns.get(row.column or "", row.column or ""), format_date(row.on) if row.on else "",
        row.produced_dmin / 10, row.planned, row.airings, row.new_dmin / 10, row.repeat_dmin / 10, row.stations_played,
        _write_loudness(row.before, row.after, words), _write_peak(row.after, words),
    ]  # fmt: skip


def _write_loudness(before: LoudnessReading | None, after: LoudnessReading | None, words: Wording) -> str:
    if before is None or after is None:
        return "-"
    return f"{_write(before.integrated_lufs, words)} → {_write(after.integrated_lufs, words)}"


def _write_peak(reading: LoudnessReading | None, words: Wording) -> str:
    return "-" if reading is None else _write(reading.true_peak_dbtp, words)


def _write(value: float, words: Wording) -> str:
    return words.format_number(value, 1).replace("-", "\N{MINUS SIGN}")

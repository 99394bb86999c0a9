"""The annexes of a report, from its figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, partial

from broadcaster.airtime.annex import Annex, Cell
from broadcaster.airtime.figures import CallRow, Comparison, ProgrammeRow, Report, StationRow, ThemeRow
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.airtime.wording import Wording, format_clock, format_date, format_moment
from broadcaster.core.model import LoudnessReading, StationKind
from broadcaster.core.schedules import Schedules

DIFFERENCE_WIDTHS = (12, 10, 10, 22, 32, 20, 9, 36)
Form = tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[int, int, int] | None]


def list_annexes(report: Report, schedules: Schedules, words: Wording) -> list[Annex]:
    """Give all annexes in their order; the first four are those of the letter."""
    zone = schedules.centre.zone
    words = words.call_communes(schedules.centre.report.communes)
    columns = {str(column.id): column.name for column in schedules.columns}
    rows: list[list[list[Cell]]] = [
        [_station_cells(index, row, words) for index, row in enumerate(report.stations, 1)],
        [_theme_cells(index, row, words) for index, row in enumerate(report.columns, 1)],
        [[*_theme_cells(index, row, words), *_comparison_cells(row.comparison)]
         for index, row in enumerate(report.campaigns, 1)],
        _difference_cells(_put_in_order(report.differences, report.unplanned), schedules, words),
        [_programme_cells(index, row, columns, words) for index, row in enumerate(report.programmes, 1)],
        [[words.weekdays[row.weekday], f"{row.hour or 0:02d}:00 - {row.hour or 0:02d}:59", row.planned, row.missed,
          row.planned_dmin / 10, row.played_dmin / 10, None] for row in report.hours],
        [[format_date(row.started_at.astimezone(zone).date()), format_clock(row.started_at, zone), row.name, row.title,
          round(row.played_ms / 1000)] for row in report.emergencies],
        [[row.name, row.phone or "-", _tell_call(row, words), row.airings,
          format_moment(row.journal_until, zone) or "-", format_moment(row.reached_at, zone) or "-"]
         for row in report.calls],
        [[format_date(row.planned_at.astimezone(zone).date()), format_clock(row.planned_at, zone),
          format_clock(row.started_at, zone), row.name, row.title, round(row.played_ms / 1000)]
         for row in report.local],
        _airing_cells(_put_in_order(report.outcomes, report.unplanned), schedules, words),
    ]  # fmt: skip
    themes = (2, 3, 4, 5, 6, 7, 8)
    forms: tuple[Form, ...] = (
        (words.station_heads, (6, 22, *(9,) * 10, 34), (2, 3, 4, 5, 6, 7, 8, 9, 11), (10, 9, 8)),
        (words.theme_heads, (6, 34, *(12,) * 8), themes, None),
        (words.campaign_heads, (6, 34, *(11,) * 11), themes, None),
        (words.difference_heads, DIFFERENCE_WIDTHS, (), None),
        (words.programme_heads, (6, 34, 20, 12, *(11,) * 6, 20, 10), (4, 5, 6, 7, 8), None),
        (words.hour_heads, (14, 15, *(13,) * 5), (2, 3, 4, 5), (6, 5, 4)),
        (words.emergency_heads, (12, 11, 24, 50, 14), (4,), None),
        (words.call_heads, (24, 16, 50, 14, 18, 18), (3,), None),
        (words.local_heads, (12, 11, 11, 24, 50, 14), (5,), None),
        (words.airing_heads, (*DIFFERENCE_WIDTHS, 9, 42), (), None),
    )
    return [
        Annex(*names, heads, widths, cells, summed, share, notes, is_long=place == len(forms) - 1)
        for place, (names, cells, (heads, widths, summed, share), notes) in enumerate(
            zip(words.annexes, rows, forms, list_notes(report, words), strict=True)
        )
    ]


def list_notes(report: Report, words: Wording) -> list[tuple[str, ...]]:
    """Give for each annex what has to be said below its table."""
    baselines = tuple(
        words.baseline.format(
            name=row.name, period=words.format_period(row.comparison.first_on, row.comparison.last_on)
        )
        for row in report.campaigns
        if row.comparison
    )
    unlisted = (words.unlisted.format(airings=words.format_number(report.unlisted)),) if report.unlisted else ()
    beside = (words.note_unplanned,) if report.unplanned else ()
    return [
        (words.note_stations,), (words.note_themes,), (*baselines, words.note_campaigns) if report.campaigns else (),
        (*unlisted, *beside), (words.note_loudness,), (), (), (), (), unlisted,
    ]  # fmt: skip


def _put_in_order(outcomes: Sequence[Outcome], unplanned: Sequence[Outcome]) -> Sequence[Outcome]:
    """Put what sounded without a plan among the planned airings, by time."""
    if not unplanned:
        return outcomes
    return sorted((*outcomes, *unplanned), key=lambda one: (one.airing.start_at, one.airing.station, one.airing.id))


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
    if row.others:
        told = words.others.format(airings=row.others, minutes=words.format_minutes(row.others_dmin))
        if row.others_declared:
            told += f" ({words.typed_in.lower()} {row.others_declared})"
        notes.insert(0, told)
    if row.declared:
        told = words.declared.format(airings=row.declared, minutes=words.format_minutes(row.declared_dmin))
        notes.insert(0, told)
    elif row.kind is StationKind.VEHICLE:
        notes.insert(0, words.vehicle)
    return "; ".join(notes)


def _tell_call(row: CallRow, words: Wording) -> str:
    told = [words.call_silent] if row.airings else []
    told += [words.call_broken.format(found=words.tell_breaks(row.breaks))] if row.breaks else []
    told += [words.causes[cause] for cause in row.causes]
    told += [words.call_missed] if row.is_mostly_missed else []
    return "; ".join(told)


def _theme_cells(index: int, row: ThemeRow, words: Wording) -> list[Cell]:
    name, (new, repeat) = row.name or words.no_column, (row.new_dmin, row.repeat_dmin)
    return [index, name, row.programmes, row.stories, row.produced_dmin / 10, row.airings, new / 10, repeat / 10,
            (new + repeat) / 10, f"{row.stations_played}/{row.stations_total}"]  # fmt: skip


def _comparison_cells(found: Comparison | None) -> list[Cell]:
    """Give minutes of a week before and in the campaign, and by how much they grew; hyphens without a baseline."""
    if found is None:
        return ["-", "-", "-"]
    figures = (found.before_per_week_min(), found.after_per_week_min(), found.change_percent())
    return ["-" if figure is None else round(figure, 1) for figure in figures]


def _difference_cells(outcomes: Iterable[Outcome], schedules: Schedules, words: Wording) -> list[list[Cell]]:
    zone = schedules.centre.zone
    dates, names = cache(format_date), cache(partial(name_station, schedules))
    return [
        [
            dates(outcome.airing.start_at.astimezone(zone).date()),
            "" if outcome.verdict is Verdict.NOT_PLANNED else format_clock(outcome.airing.start_at, zone),
            format_clock(outcome.started_at, zone),
            names(outcome.airing.station),
            outcome.airing.title,
            words.verdicts[outcome.verdict],
            _difference_s(outcome),
            _name_cause(outcome, words),
        ]
        for outcome in outcomes
    ]


def _airing_cells(outcomes: Sequence[Outcome], schedules: Schedules, words: Wording) -> list[list[Cell]]:
    """Give every airing with the seconds that sounded and with its id, by which its journal lines are found."""
    cells = _difference_cells(outcomes, schedules, words)
    for row, outcome in zip(cells, outcomes, strict=True):
        row.extend((round(outcome.played_ms / 1000), outcome.airing.id))
    return cells


def _difference_s(outcome: Outcome) -> Cell:
    """Give the seconds that differ: of the start where it was late, else of the length; None where nobody knows."""
    if outcome.verdict is Verdict.NO_JOURNAL:
        return None
    if outcome.cause in (Cause.STARTED_LATE, Cause.CLOCK_OFF) and outcome.late_s is not None:
        return round(outcome.late_s)
    return round((outcome.played_ms - outcome.airing.duration_ms) / 1000) or None


def _name_cause(outcome: Outcome, words: Wording) -> str:
    cause = words.causes[outcome.cause]
    if not outcome.is_declared:
        return cause
    return f"{cause}; {words.typed_in}" if cause else words.typed_in


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

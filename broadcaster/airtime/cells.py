"""The rows of the annexes: as text for the letter, the page and the tables, as numbers for the workbook. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from broadcaster.airtime.figures import Report, StationRow, ThemeRow
from broadcaster.airtime.reconcile import Cause, Outcome
from broadcaster.airtime.wording import Wording, format_clock, format_date
from broadcaster.airtime.workbook import Cell, Sheet
from broadcaster.core.model import StationKind
from broadcaster.core.schedules import Schedules


def list_station_cells(report: Report, words: Wording) -> list[tuple[str, ...]]:
    """Give annex I as text, without its last row."""
    return [_station_cells(str(index), row, words) for index, row in enumerate(report.stations, 1)]


def total_cells(row: StationRow, words: Wording) -> tuple[str, ...]:
    """Give annex I's last row."""
    return ("", words.total, *_station_cells("", row, words)[2:])


def list_theme_cells(rows: Iterable[ThemeRow], words: Wording) -> list[tuple[str, ...]]:
    """Give annex II or III as text."""
    return [
        (
            str(index),
            row.name,
            words.format_number(row.programmes),
            words.format_number(row.stories),
            words.format_minutes(row.produced_dmin),
            words.format_number(row.airings),
            words.format_minutes(row.new_dmin),
            words.format_minutes(row.repeat_dmin),
            words.format_minutes(row.new_dmin + row.repeat_dmin),
            f"{row.stations_played}/{row.stations_total}",
        )
        for index, row in enumerate(rows, 1)
    ]


def list_difference_cells(outcomes: Iterable[Outcome], schedules: Schedules, words: Wording) -> list[tuple[str, ...]]:
    """Give annex IV, or every airing in its form, as text."""
    zone = schedules.centre.zone
    return [
        (
            format_date(outcome.airing.start_at.astimezone(zone).date()),
            format_clock(outcome.airing.start_at, zone),
            format_clock(outcome.started_at, zone),
            name_station(schedules, outcome.airing.station),
            outcome.airing.title,
            words.verdicts[outcome.verdict],
            _difference(outcome, words),
            words.causes[outcome.cause],
        )
        for outcome in outcomes
    ]


def list_sheets(report: Report, schedules: Schedules, words: Wording) -> list[Sheet]:
    """Give the annexes, and all airings, as sheets with numbers in them."""
    stations: list[list[Cell]] = [
        [index, row.name, row.clusters, row.planned, row.full, row.short, row.not_played, row.no_journal,
         row.planned_dmin / 10, row.played_dmin / 10, None, row.emergencies, _note(row, words)]
        for index, row in enumerate(report.stations, 1)
    ]  # fmt: skip
    first, second, third, fourth, fifth = words.annexes
    sheets = [
        Sheet(*first, words.station_heads, (6, 24, *(11,) * 10, 36), stations, words.total,
              (2, 3, 4, 5, 6, 7, 8, 9, 11), (10, 9, 8)),
    ]  # fmt: skip
    for annex, heads, rows in (
        (second, words.theme_heads, report.columns),
        (third, words.campaign_heads, report.campaigns),
    ):
        cells = [_theme_numbers(index, row) for index, row in enumerate(rows, 1)]
        sheets.append(Sheet(*annex, heads, (6, 36, *(13,) * 8), cells, words.total, (2, 3, 4, 5, 6, 7, 8)))
    widths = (12, 11, 11, 24, 34, 20, 10, 50)
    for annex, outcomes in ((fourth, report.differences), (fifth, report.outcomes)):
        texts = list_difference_cells(outcomes, schedules, words)
        sheets.append(Sheet(*annex, words.difference_heads, widths, texts, words.total))
    return sheets


def name_share(row: StationRow, words: Wording) -> str:
    """Write played of planned minutes in per cent; a hyphen where nothing was planned."""
    percent = row.share_percent()
    return "-" if percent is None else words.format_number(percent, 1)


def name_station(schedules: Schedules, station: str) -> str:
    """Give a station's name, or its id when schedules/ do not know it any more."""
    found = schedules.get_station(station)
    return found.name if found else station


def _theme_numbers(index: int, row: ThemeRow) -> list[Cell]:
    new, repeat = row.new_dmin, row.repeat_dmin
    return [index, row.name, row.programmes, row.stories, row.produced_dmin / 10, row.airings, new / 10, repeat / 10,
            (new + repeat) / 10, f"{row.stations_played}/{row.stations_total}"]  # fmt: skip


def _station_cells(index: str, row: StationRow, words: Wording) -> tuple[str, ...]:
    return (
        index,
        row.name,
        words.format_number(row.clusters),
        words.format_number(row.planned),
        words.format_number(row.full),
        words.format_number(row.short),
        words.format_number(row.not_played),
        words.format_number(row.no_journal),
        words.format_minutes(row.planned_dmin),
        words.format_minutes(row.played_dmin),
        name_share(row, words),
        words.format_number(row.emergencies),
        _note(row, words),
    )


def _note(row: StationRow, words: Wording) -> str:
    causes = [words.causes[Cause(value)] for value in row.note.split("|") if value]
    return "; ".join(([words.self_declared] if row.kind is StationKind.VEHICLE else []) + causes)


def _difference(outcome: Outcome, words: Wording) -> str:
    """Give the seconds that differ: of the start where it was late, else of the length."""
    missing_s = (outcome.airing.duration_ms - outcome.played_ms) / 1000
    if outcome.cause in (Cause.STARTED_LATE, Cause.CLOCK_OFF) and outcome.late_s is not None:
        return words.format_number(outcome.late_s)
    return words.format_number(-missing_s) if round(missing_s) else ""

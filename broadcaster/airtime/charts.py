"""Draw a report's charts as SVG: bars of minutes by station, column and time, and a heat map of what is missing. Pure.

The colours are told apart by colour-blind eyes and on grey paper (Okabe and Ito); every bar carries its number.

Sources:
    M. Okabe, K. Ito: Color Universal Design, 2008.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from zoneinfo import ZoneInfo

from broadcaster.airtime.figures import Report, StationRow
from broadcaster.airtime.reconcile import Outcome, Verdict
from broadcaster.airtime.wording import Wording
from broadcaster.core.time import format_week, plan_dates

WIDTH = 760
NAME_WIDTH = 190
ROW = 17
SHOWN_ROWS = 60
DAYS_BY_DAY = 31
BLUE, ORANGE, LIGHT, WHITE, INK = "#0072b2", "#e69f00", "#d9dde1", "#fff", "#222"
# From nothing missing to everything missing.
SHADES = ("#eef3f7", "#f6d9a8", "#edb75e", "#d98a1c", "#8c4a06")


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture with its heading, its legend as (colour, words), and a note on what it leaves out, or ""."""

    title: str
    svg: str
    legend: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: `whole_dmin` drawn behind `parts_dmin`, which stand one after the other; all in tenths of a minute.

    `unknown_dmin` of the whole stands at its end, empty: nobody knows yet whether it was heard.
    """

    name: str
    parts_dmin: tuple[int, ...]
    whole_dmin: int = 0
    unknown_dmin: int = 0

    def longest_dmin(self) -> int:
        """Give the length that the row needs."""
        return max(self.whole_dmin, sum(self.parts_dmin))


def draw_charts(report: Report, zone: ZoneInfo, words: Wording) -> list[Chart]:
    """Draw the charts of a report; none for a period in which nothing was planned or aired.

    Without a list of its airings, when they were too many, there is no map of what is missing.

    Args:
        report: The figures.
        zone: Whose dates count.
        words: The language.
    """
    if not report.days:
        return []
    charts = [_draw_stations(report, words), _draw_columns(report, words), _draw_time(report, words)]
    return [*charts, _draw_gaps(report, zone, words)] if report.outcomes else charts


def _draw_stations(report: Report, words: Wording) -> Chart:
    rows = [row for row in report.stations if row.planned_dmin or row.played_dmin]
    shown, note = _choose_worst(rows, words)
    bars = [Bar(row.name, (row.played_dmin,), row.planned_dmin, row.unknown_dmin) for row in shown]
    return Chart(words.chart_by_station, _draw_bars(bars, (BLUE,), words), _explain_bars(words), note)


def _explain_bars(words: Wording) -> tuple[tuple[str, str], ...]:
    return (BLUE, words.aired), (LIGHT, words.planned), (WHITE, words.no_journal_yet)


def _choose_worst(rows: Sequence[StationRow], words: Wording) -> tuple[list[StationRow], str]:
    """Choose the stations with the most missing, in their own order, and say how many are left out."""
    worst = sorted(rows, key=lambda row: row.played_dmin - row.planned_dmin)[:SHOWN_ROWS]
    kept = {row.station for row in worst}
    note = words.chart_left_out.format(shown=len(worst), all=len(rows)) if len(worst) < len(rows) else ""
    return [row for row in rows if row.station in kept], note


def _draw_columns(report: Report, words: Wording) -> Chart:
    bars = [Bar(row.name or words.no_column, (row.new_dmin, row.repeat_dmin)) for row in report.columns]
    return Chart(
        words.chart_by_column,
        _draw_bars(bars, (BLUE, ORANGE), words),
        ((BLUE, words.aired_new), (ORANGE, words.aired_again)),
    )


def _draw_time(report: Report, words: Wording) -> Chart:
    is_by_day, spans = _list_spans(report)
    planned, played, unknown = (dict.fromkeys(spans, 0) for _ in range(3))
    for row in report.days:
        if row.on is not None:
            name = _name_span(row.on, is_by_day=is_by_day)
            planned[name] += row.planned_dmin
            played[name] += row.played_dmin
            unknown[name] += row.unknown_dmin
    bars = [Bar(name, (played[name],), planned[name], unknown[name]) for name in spans]
    title = words.chart_by_day if is_by_day else words.chart_by_week
    return Chart(title, _draw_bars(bars, (BLUE,), words), _explain_bars(words))


def _list_spans(report: Report) -> tuple[bool, list[str]]:
    """List what a period is drawn by, and say whether that is days: up to a month, weeks beyond."""
    is_by_day = (report.last_on - report.first_on).days < DAYS_BY_DAY
    names = (_name_span(on, is_by_day=is_by_day) for on in plan_dates(report.first_on, report.last_on))
    return is_by_day, list(dict.fromkeys(names))


def _name_span(on: date, *, is_by_day: bool) -> str:
    return f"{on:%d/%m}" if is_by_day else format_week(on)


def _draw_gaps(report: Report, zone: ZoneInfo, words: Wording) -> Chart:
    """Draw stations against days or weeks; a cell is as dark as the share of its minutes that was not heard.

    Airings without a journal say nothing: they are marked, not darkened.
    """
    is_by_day, spans = _list_spans(report)
    cells: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in report.outcomes:
        on = outcome.airing.start_at.astimezone(zone).date()
        cells[outcome.airing.station, _name_span(on, is_by_day=is_by_day)].append(outcome)
    shown, note = _choose_worst([row for row in report.stations if row.planned], words)
    step = (WIDTH - NAME_WIDTH) / max(1, len(spans))
    parts = [
        _text(NAME_WIDTH + (place + 0.5) * step, 11, span, "middle")
        for place, span in enumerate(spans)
        if place % max(1, round(40 / step)) == 0
    ]
    for line, row in enumerate(shown):
        top = ROW * (line + 1)
        parts.append(_text(NAME_WIDTH - 6, top + 12, row.name, "end", is_name=True))
        for place, span in enumerate(spans):
            found = cells.get((row.station, span), [])
            if found:
                parts.append(_draw_cell(NAME_WIDTH + place * step, top, step, found, words))
    legend = ((SHADES[0], words.all_heard), (SHADES[2], words.half_missing), (SHADES[-1], words.nothing_heard))
    return Chart(
        words.chart_gaps, _frame(parts, ROW * (len(shown) + 1) + 4), (*legend, ("?", words.no_journal_yet)), note
    )


def _draw_cell(left: float, top: float, step: float, outcomes: Sequence[Outcome], words: Wording) -> str:
    known = [outcome for outcome in outcomes if outcome.verdict is not Verdict.NO_JOURNAL]
    planned = sum(outcome.airing.duration_ms for outcome in known)
    missing = max(0.0, 1 - sum(outcome.played_ms for outcome in known) / planned) if planned else 0.0
    shade = SHADES[min(len(SHADES) - 1, 1 + int(missing * (len(SHADES) - 1)))] if missing else SHADES[0]
    if not known:
        shade = WHITE
    unknown = len(known) < len(outcomes)
    mark = _text(left + step / 2, top + 12, "?", "middle", colour="#fff" if missing > 0.6 else INK) if unknown else ""
    told = f"{words.format_number(100 * missing)} %" if known else words.no_journal_yet
    return (
        f'<g><title>{escape(told)}</title><rect x="{left:.1f}" y="{top + 1}" width="{step - 1:.1f}" '
        f'height="{ROW - 2}" fill="{shade}"/>{mark}</g>'
    )


def _draw_bars(bars: Sequence[Bar], colours: Sequence[str], words: Wording) -> str:
    longest = max((bar.longest_dmin() for bar in bars), default=0) or 1
    room = WIDTH - NAME_WIDTH - 110
    parts = []
    for line, bar in enumerate(bars):
        top = ROW * line + 2
        parts.append(_text(NAME_WIDTH - 6, top + 12, bar.name, "end", is_name=True))
        parts.append(_rect(NAME_WIDTH, top, room * bar.whole_dmin / longest, LIGHT))
        if bar.unknown_dmin:
            end = NAME_WIDTH + room * bar.whole_dmin / longest
            width = room * bar.unknown_dmin / longest
            parts.append(_rect(end - width, top, width, WHITE, edge=' stroke="#999" stroke-dasharray="2"'))
        left = float(NAME_WIDTH)
        for value, colour in zip(bar.parts_dmin, colours, strict=True):
            parts.append(_rect(left, top + (3 if bar.whole_dmin else 0), room * value / longest, colour,
                               ROW - (9 if bar.whole_dmin else 3)))  # fmt: skip
            left += room * value / longest
        told = words.format_minutes(sum(bar.parts_dmin))
        if bar.whole_dmin:
            told += f" / {words.format_minutes(bar.whole_dmin)}"
        parts.append(_text(NAME_WIDTH + room * bar.longest_dmin() / longest + 5, top + 12, told, "start"))
    return _frame(parts, ROW * len(bars) + 6)


def _frame(parts: Sequence[str], height: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'font-family="Arial, Arimo, Liberation Sans, sans-serif" font-size="11">{"".join(parts)}</svg>'
    )


def _rect(left: float, top: float, width: float, colour: str, height: float = ROW - 3, edge: str = "") -> str:
    where = f'x="{left:.1f}" y="{top:.1f}" width="{max(0.0, width):.1f}" height="{height}"'
    return f'<rect {where} fill="{colour}"{edge}/>'


def _text(left: float, top: float, text: str, anchor: str, *, colour: str = INK, is_name: bool = False) -> str:
    shown = text if not is_name or len(text) <= 30 else f"{text[:29]}…"
    whole = f"<title>{escape(text)}</title>" if shown != text else ""
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" fill="{colour}">{whole}{escape(shown)}</text>'

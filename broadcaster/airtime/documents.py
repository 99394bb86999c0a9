"""Write a report as documents: one HTML page that prints like an official report, and CSV tables beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from broadcaster.airtime.letter import render_docx
from broadcaster.airtime.reconcile import Cause, Outcome
from broadcaster.airtime.vietnamese import (
    CAUSES,
    VERDICTS,
    format_clock,
    format_date,
    format_long_date,
    format_minutes,
    format_number,
)
from broadcaster.airtime.weekly import Report, StationRow, ThemeRow
from broadcaster.airtime.workbook import Cell, Sheet, render_workbook
from broadcaster.core.files import write_atomic
from broadcaster.core.model import StationKind
from broadcaster.core.schedules import Schedules

STATION_HEADS = (
    "STT", "Xã, thị trấn", "Số cụm loa", "CT theo lịch", "Phát đủ", "Phát thiếu", "Không phát", "Chưa có nhật ký",
    "Phút theo lịch", "Phút thực phát", "Tỷ lệ %", "Khẩn cấp", "Ghi chú",
)  # fmt: skip
THEME_HEADS = (
    "STT", "Chuyên mục", "Số CT", "Số tin, bài", "Phút sản xuất", "Lượt phát", "Phút phát mới", "Phút phát lại",
    "Tổng phút", "Số xã đã phát/tổng số xã",
)  # fmt: skip
CAMPAIGN_HEADS = ("STT", "Đợt tuyên truyền", *THEME_HEADS[2:])
DIFFERENCE_HEADS = (
    "Ngày", "Giờ lịch", "Giờ thực", "Xã", "Chương trình", "Loại sai lệch", "Lệch (giây)", "Nguyên nhân",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    csv: tuple[Path, ...]
    docx: Path
    xlsx: Path


def write_documents(
    report: Report, schedules: Schedules, folder: Path, stem: str, template: Path | None = None
) -> ReportFiles:
    """Write the letter, the page, the workbook and the tables; each file is whole or as it was before.

    Args:
        report: The figures.
        schedules: Names, zone, head and signature.
        folder: Where to; must exist.
        stem: What the file names begin with, such as `bao-cao-2023-W41`.
        template: The office's own Word template; ours when None.

    Raises:
        OSError: The folder cannot be written.
        WorkspaceError: The template cannot be filled. Nothing has been written.
    """
    values = list_page_values(report, schedules)
    letter = render_docx(values, template)
    html, docx, xlsx = (folder / f"{stem}.{ending}" for ending in ("html", "docx", "xlsx"))
    write_atomic(html, render_html(report, schedules).encode())
    write_atomic(docx, letter)
    write_atomic(xlsx, render_workbook(list_sheets(report, schedules), str(values["period"]), report.made_at))
    tables = {
        "theo-xa": (STATION_HEADS, [*list_station_cells(report), total_cells(report.total)]),
        "chuyen-muc": (THEME_HEADS, list_theme_cells(report.columns)),
        "dot-tuyen-truyen": (CAMPAIGN_HEADS, list_theme_cells(report.campaigns)),
        "sai-lech": (DIFFERENCE_HEADS, list_difference_cells(report.differences, schedules)),
        "luot-phat": (DIFFERENCE_HEADS, list_difference_cells(report.outcomes, schedules)),
    }
    written = []
    for name, (heads, rows) in tables.items():
        path = folder / f"{stem}-{name}.csv"
        write_atomic(path, _write_csv(heads, rows))
        written.append(path)
    return ReportFiles(html, tuple(written), docx, xlsx)


def render_html(report: Report, schedules: Schedules) -> str:
    """Render the page; it needs nothing but itself."""
    environment = Environment(
        loader=PackageLoader("broadcaster.airtime"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html").render(list_page_values(report, schedules))


def list_page_values(report: Report, schedules: Schedules) -> dict[str, object]:
    """Give what the templates of the page and of the letter may name."""
    head = schedules.centre.report
    played = report.total.played_dmin
    return {
        "report": report,
        "head": head,
        "recipients": head.recipients,
        "period": f"{format_date(report.first_on)} - {format_date(report.last_on)}",
        "made_on": format_long_date(report.made_at.astimezone(schedules.centre.zone).date()),
        "station_heads": STATION_HEADS,
        "station_rows": list_station_cells(report),
        "total_row": total_cells(report.total),
        "theme_heads": THEME_HEADS,
        "campaign_heads": CAMPAIGN_HEADS,
        "column_rows": list_theme_cells(report.columns),
        "campaign_rows": list_theme_cells(report.campaigns),
        "difference_heads": DIFFERENCE_HEADS,
        "difference_rows": list_difference_cells(report.differences, schedules),
        "planned_minutes": format_minutes(report.total.planned_dmin),
        "played_minutes": format_minutes(played),
        "produced_minutes": format_minutes(sum(row.produced_dmin for row in report.columns)),
        "share": _share(report.total),
        "silent": [_name_to_call(schedules, row) for row in report.stations if row.no_journal],
        "unplanned": [
            (_station_name(schedules, station), entry.title, format_number(entry.output_ms / 1000))
            for station, entry in report.unplanned
        ],
        "breaks": [
            (_station_name(schedules, station), text) for station, found in report.breaks.items() for text in found
        ],
        "number": format_number,
    }


def list_sheets(report: Report, schedules: Schedules) -> list[Sheet]:
    """Give the annexes, and all airings, as sheets with numbers in them."""
    stations: list[list[Cell]] = [
        [index, row.name, row.clusters, row.planned, row.full, row.short, row.not_played, row.no_journal,
         row.planned_dmin / 10, row.played_dmin / 10, None, row.emergencies, _note(row)]
        for index, row in enumerate(report.stations, 1)
    ]  # fmt: skip
    sheets = [
        Sheet("Phụ lục I", "Phụ lục I. Theo xã, thị trấn", STATION_HEADS, (6, 24, *(11,) * 10, 36), stations,
              (2, 3, 4, 5, 6, 7, 8, 9, 11), (10, 9, 8)),
    ]  # fmt: skip
    for name, title, heads, rows in (
        ("Phụ lục II", "Phụ lục II. Theo chuyên mục", THEME_HEADS, report.columns),
        ("Phụ lục III", "Phụ lục III. Theo đợt tuyên truyền", CAMPAIGN_HEADS, report.campaigns),
    ):
        cells = [_theme_numbers(index, row) for index, row in enumerate(rows, 1)]
        sheets.append(Sheet(name, title, heads, (6, 36, *(13,) * 8), cells, (2, 3, 4, 5, 6, 7, 8)))
    widths = (12, 11, 11, 24, 34, 20, 10, 50)
    for name, title, outcomes in (
        ("Phụ lục IV", "Phụ lục IV. Sai lệch so với lịch", report.differences),
        ("Lượt phát", "Mọi lượt phát trong kỳ", report.outcomes),
    ):
        rows_of = list_difference_cells(outcomes, schedules)
        sheets.append(Sheet(name, title, DIFFERENCE_HEADS, widths, rows_of))
    return sheets


def _theme_numbers(index: int, row: ThemeRow) -> list[Cell]:
    new, repeat = row.new_dmin, row.repeat_dmin
    return [index, row.name, row.programmes, row.stories, row.produced_dmin / 10, row.airings, new / 10, repeat / 10,
            (new + repeat) / 10, f"{row.stations_played}/{row.stations_total}"]  # fmt: skip


def list_station_cells(report: Report) -> list[tuple[str, ...]]:
    """Give annex I as text, without its last row."""
    return [_station_cells(str(index), row) for index, row in enumerate(report.stations, 1)]


def total_cells(row: StationRow) -> tuple[str, ...]:
    """Give annex I's last row."""
    return ("", "TỔNG CỘNG", *_station_cells("", row)[2:])


def list_theme_cells(rows: Iterable[ThemeRow]) -> list[tuple[str, ...]]:
    """Give annex II or III as text."""
    return [
        (
            str(index),
            row.name,
            format_number(row.programmes),
            format_number(row.stories),
            format_minutes(row.produced_dmin),
            format_number(row.airings),
            format_minutes(row.new_dmin),
            format_minutes(row.repeat_dmin),
            format_minutes(row.new_dmin + row.repeat_dmin),
            f"{row.stations_played}/{row.stations_total}",
        )
        for index, row in enumerate(rows, 1)
    ]


def list_difference_cells(outcomes: Iterable[Outcome], schedules: Schedules) -> list[tuple[str, ...]]:
    """Give annex IV, or every airing in its form, as text."""
    zone = schedules.centre.zone
    return [
        (
            format_date(outcome.airing.start_at.astimezone(zone).date()),
            format_clock(outcome.airing.start_at, zone),
            format_clock(outcome.started_at, zone),
            _station_name(schedules, outcome.airing.station),
            outcome.airing.title,
            VERDICTS[outcome.verdict],
            _difference(outcome),
            CAUSES[outcome.cause] + (f" ({outcome.detail})" if outcome.detail else ""),
        )
        for outcome in outcomes
    ]


def _station_cells(index: str, row: StationRow) -> tuple[str, ...]:
    return (
        index,
        row.name,
        format_number(row.clusters),
        format_number(row.planned),
        format_number(row.full),
        format_number(row.short),
        format_number(row.not_played),
        format_number(row.no_journal),
        format_minutes(row.planned_dmin),
        format_minutes(row.played_dmin),
        _share(row),
        format_number(row.emergencies),
        _note(row),
    )


def _note(row: StationRow) -> str:
    causes = [CAUSES[Cause(value)] for value in row.note.split("|") if value]
    return "; ".join((["Tự khai"] if row.kind is StationKind.VEHICLE else []) + causes)


def _share(row: StationRow) -> str:
    percent = row.share_percent()
    return "-" if percent is None else format_number(percent, 1)


def _difference(outcome: Outcome) -> str:
    """Give the seconds that differ: of the start where it was late, else of the length."""
    missing_s = (outcome.airing.duration_ms - outcome.played_ms) / 1000
    if outcome.cause in (Cause.STARTED_LATE, Cause.CLOCK_OFF) and outcome.late_s is not None:
        return format_number(outcome.late_s)
    return format_number(-missing_s) if round(missing_s) else ""


def _name_to_call(schedules: Schedules, row: StationRow) -> str:
    """Give a station's name with the number that has to be telephoned, where one is known."""
    station = schedules.get_station(row.station)
    return f"{row.name} (ĐT {station.phone})" if station and station.phone else row.name


def _station_name(schedules: Schedules, station: str) -> str:
    found = schedules.get_station(station)
    return found.name if found else station


def _write_csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Write a table that a spreadsheet opens with its Vietnamese letters: UTF-8 with a byte order mark."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([[_escape(cell) for cell in row] for row in rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _escape(cell: str) -> str:
    """Keep a spreadsheet from taking a text for a formula; numbers below zero stay numbers."""
    is_number = cell.lstrip("-").replace(".", "").replace(",", "").isdigit()
    return f"'{cell}" if cell[:1] in "=+-@\t" and cell and not is_number else cell

"""Write a report as documents: a letter, a page that prints like it, a workbook, CSV tables, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from broadcaster.airtime.annex import Annex
from broadcaster.airtime.annexes import list_annexes, name_share, name_station
from broadcaster.airtime.charts import draw_charts
from broadcaster.airtime.figures import Report
from broadcaster.airtime.letter import render_docx
from broadcaster.airtime.pdf import render_pdf
from broadcaster.airtime.wording import Wording, format_date
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.airtime.workbook import render_workbook
from broadcaster.core.files import write_atomic
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_instant

KIND = "broadcaster-report"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report was written."""

    html: Path
    csv: tuple[Path, ...]
    docx: Path
    xlsx: Path
    json: Path
    pdf: Path | None = None


def write_documents(
    report: Report,
    schedules: Schedules,
    folder: Path,
    stem: str,
    template: Path | None = None,
    words: Wording = VIETNAMESE,
    *,
    with_pdf: bool = False,
) -> ReportFiles:
    """Write the letter, the page, the workbook and the tables; each file is whole or as it was before.

    Args:
        report: The figures.
        schedules: Names, zone, head and signature.
        folder: Where to; must exist.
        stem: What the file names begin with, such as `bao-cao-2023-W41`.
        template: The office's own Word template; ours when None.
        words: The language.
        with_pdf: Write the page as a PDF too; it takes longer than all the others together.

    Raises:
        OSError: The folder cannot be written.
        WorkspaceError: The template cannot be filled, or there is no Pango for the PDF. Nothing has been written.
    """
    annexes = list_annexes(report, schedules, words)
    values = list_page_values(report, schedules, words, annexes)
    letter = render_docx(values, words.code, template)
    html, docx, xlsx = (folder / f"{stem}.{ending}" for ending in ("html", "docx", "xlsx"))
    page = render_html(values, words)
    pdf = folder / f"{stem}.pdf" if with_pdf else None
    if pdf:
        write_atomic(pdf, render_pdf(page))
    write_atomic(html, page.encode())
    write_atomic(docx, letter)
    title = f"{words.title} {values['period']}"
    write_atomic(xlsx, render_workbook(annexes, title, report.made_at, words.total))
    figures = folder / f"{stem}.json"
    write_atomic(figures, _write_json(report, annexes))
    written = []
    for annex in annexes:
        path = folder / f"{stem}-{annex.slug}.csv"
        total = annex.list_total(words)
        rows = [*annex.list_texts(words), *([total] if total and not annex.is_long else [])]
        write_atomic(path, _write_csv(annex.heads, rows))
        written.append(path)
    return ReportFiles(html, tuple(written), docx, xlsx, figures, pdf)


def render_html(values: dict[str, object], words: Wording) -> str:
    """Render the page from the values of `list_page_values`; it needs nothing but itself."""
    environment = Environment(
        loader=PackageLoader("broadcaster.airtime"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(f"report.{words.code}.html").render(values)


def list_page_values(
    report: Report, schedules: Schedules, words: Wording, annexes: Sequence[Annex]
) -> dict[str, object]:
    """Give what the templates of the page and of the letter may name."""
    head = schedules.centre.report
    stations, columns, campaigns, differences, *_ = annexes
    return {
        "words": words,
        "report": report,
        "head": head,
        "recipients": head.recipients,
        "period": f"{format_date(report.first_on)} - {format_date(report.last_on)}",
        "made_on": words.format_long_date(report.made_at.astimezone(schedules.centre.zone).date()),
        "station_heads": stations.heads,
        "station_rows": stations.list_texts(words),
        "total_row": stations.list_total(words),
        "theme_heads": columns.heads,
        "campaign_heads": campaigns.heads,
        "column_rows": columns.list_texts(words),
        "campaign_rows": campaigns.list_texts(words),
        "difference_heads": differences.heads,
        "difference_rows": differences.list_texts(words),
        "annexes": [annex for annex in annexes if not annex.is_long],
        "planned_minutes": words.format_minutes(report.total.planned_dmin),
        "played_minutes": words.format_minutes(report.total.played_dmin),
        "produced_minutes": words.format_minutes(sum(row.produced_dmin for row in report.columns)),
        "share": name_share(report.total, words),
        "silent": [f"{row.name} ({words.phone} {row.phone})" if row.phone else row.name for row in report.calls],
        "unplanned": [
            (name_station(schedules, station), entry.title, words.format_number(entry.output_ms / 1000))
            for station, entry in report.unplanned
        ],
        "breaks": [
            (name_station(schedules, station), text) for station, found in report.breaks.items() for text in found
        ],
        "charts": draw_charts(report, schedules.centre.zone, words),
        "correction_note": _note_correction(report, schedules, words),
        "number": words.format_number,
    }


def _note_correction(report: Report, schedules: Schedules, words: Wording) -> str:
    """Say which edition this one takes the place of, and how the minutes heard changed; "" for a first edition."""
    found = report.correction
    if found is None:
        return ""
    at = found.made_at.astimezone(schedules.centre.zone)
    before = next((c.before for c in found.changes if not c.station and c.figure == "played_dmin"), None)
    played_dmin = report.total.played_dmin
    return words.correction.format(
        edition=report.edition,
        earlier=found.edition,
        at=f"{at:%H:%M} {format_date(at.date())}",
        before=words.format_minutes(played_dmin if before is None else before),
        after=words.format_minutes(played_dmin),
    )


def _write_json(report: Report, annexes: Sequence[Annex]) -> bytes:
    """Write the annexes with their numbers as numbers; the percentages are left to whoever reads it."""
    head = {
        "kind": KIND,
        "format": FORMAT,
        "first_on": report.first_on.isoformat(),
        "last_on": report.last_on.isoformat(),
        "made_at": format_instant(report.made_at),
        "edition": report.edition,
        "pending": report.pending,
    }
    tables = [
        _write_object({"table": annex.slug, "title": annex.title}, 3)[:-4]
        + _write_list("rows", [_write_object(dict(zip(annex.heads, row, strict=True)), 5) for row in annex.rows], 3)
        + "\n  }"
        for annex in annexes
    ]
    return f"{_write_object(head, 1)[:-2]}{_write_list('annexes', tables, 1)}\n}}\n".encode()


def _write_object(fields: Mapping[str, object], depth: int) -> str:
    """Write a flat object as json.dumps with indent=1 would, many times faster: that one is not written in C."""
    inside = "\n" + " " * depth
    text = json.dumps(fields, ensure_ascii=False, separators=(f",{inside}", ": "))
    return f"{{{inside}{text[1:-1]}{inside[:-1]}}}"


def _write_list(name: str, objects: Sequence[str], depth: int) -> str:
    """Write a list of written objects as the last field of an object that is written down to its last field."""
    inside = "\n" + " " * (depth + 1)
    items = f"{inside}{f',{inside}'.join(objects)}{inside[:-1]}" if objects else ""
    return f',{inside[:-1]}"{name}": [{items}]'


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

"""Write a report as documents: a letter, a page that prints like it, a workbook, CSV tables, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from broadcaster.airtime.annex import Annex, is_code
from broadcaster.airtime.annexes import list_annexes
from broadcaster.airtime.figures import Report
from broadcaster.airtime.letter import render_docx
from broadcaster.airtime.page_values import list_page_values
from broadcaster.airtime.pdf import render_pdf
from broadcaster.airtime.wording import Wording
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
    title = "; ".join(filter(None, (f"{words.title} {words.since} {values['period']}", report.scope.title)))
    write_atomic(xlsx, render_workbook(annexes, title, report.made_at, words))
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
    return environment.get_template("report.html").render(values, is_code=is_code)


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
        _write_object({"table": annex.slug, "title": annex.heading()}, 3)[:-4]
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
    if not cell.startswith(("=", "+", "-", "@", "\t")):
        return cell
    is_number = cell.lstrip("-").replace(".", "").replace(",", "").isdigit()
    return cell if is_number else f"'{cell}"

"""Write a report's annexes as a workbook: real tables with filters, and totals that a spreadsheet adds up itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_range
from xlsxwriter.worksheet import Worksheet

from broadcaster.airtime.annex import Annex, Cell, is_code
from broadcaster.airtime.wording import Wording

HEAD_ROW = 3
LINE_PT = 16
WHOLE, TENTH = "#,##0", "#,##0.0"


def render_workbook(sheets: Sequence[Annex], title: str, made_at: datetime, words: Wording) -> bytes:
    """Write the sheets of a workbook.

    Totals are SUBTOTAL formulas: they follow the filter. The values kept beside them are the sums of all rows, for
    readers that do not calculate.

    Args:
        sheets: In their order.
        title: The report and its period.
        made_at: When the report was made; the workbook carries no other time.
        words: The language.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"title": title, "created": made_at.replace(tzinfo=None)})
    looks = Looks.make(book)
    for index, sheet in enumerate(sheets):
        _write_sheet(book, sheet, title, index, words, looks)
    book.close()
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class Looks:
    """How cells look. `unknown` is of a total over a column of which nothing is known yet: it shows a hyphen."""

    title: Format
    plain: Format
    head: Format
    text: Format
    code: Format
    whole: Format
    tenth: Format
    total_text: Format
    total_whole: Format
    total_tenth: Format
    total_unknown: Format

    @classmethod
    def make(cls, book: xlsxwriter.Workbook) -> Looks:
        """Make them in a workbook."""
        font = {"font_name": "Times New Roman", "font_size": 12}
        edge = {**font, "border": 1, "valign": "top"}
        total = {**edge, "bold": True}
        return cls(
            title=book.add_format({**font, "font_size": 14, "bold": True}),
            plain=book.add_format({**font, "italic": True}),
            head=book.add_format({**edge, "bold": True, "align": "center", "valign": "vcenter", "text_wrap": True}),
            text=book.add_format({**edge, "text_wrap": True, "align": "left", "indent": 1}),
            code=book.add_format({**edge, "align": "center"}),
            whole=book.add_format({**edge, "num_format": WHOLE}),
            tenth=book.add_format({**edge, "num_format": TENTH}),
            total_text=book.add_format(total),
            total_whole=book.add_format({**total, "num_format": WHOLE}),
            total_tenth=book.add_format({**total, "num_format": TENTH}),
            total_unknown=book.add_format({**total, "num_format": f'{WHOLE};-{WHOLE};"-"', "align": "right"}),
        )


def _write_sheet(
    book: xlsxwriter.Workbook, sheet: Annex, subtitle: str, index: int, words: Wording, looks: Looks
) -> None:
    page = book.add_worksheet(sheet.name)
    page.set_default_row(LINE_PT)
    page.write_string(0, 0, sheet.heading(), looks.title)
    page.write_string(1, 0, subtitle, looks.plain)
    for place, width in enumerate(sheet.widths):
        page.set_column(place, place, width)
    last = HEAD_ROW + max(1, len(sheet.rows))
    columns = len(sheet.heads) - 1
    page.add_table(HEAD_ROW, 0, last, columns, {
        "name": f"PhuLuc{index + 1}", "style": None, "autofilter": True,
        "columns": [{"header": name, "header_format": looks.head} for name in sheet.heads],
    })  # fmt: skip
    for line, row in enumerate(sheet.rows or [[words.nothing, *[None] * columns]], HEAD_ROW + 1):
        if (lines := _count_lines(row, sheet.widths)) > 1:
            page.set_row(line, LINE_PT * lines)
        for place, value in enumerate(row):
            if isinstance(value, str):
                page.write_string(line, place, value, looks.code if is_code(value) else looks.text)
            elif value is None:
                page.write_blank(line, place, None, looks.text)
            elif isinstance(value, float):
                page.write_number(line, place, value, looks.tenth)
            else:
                page.write_number(line, place, value, looks.whole if place else looks.code)
    if sheet.share:
        _write_shares(page, sheet, looks.tenth)
    bottom = last
    if sheet.summed:
        bottom = last + 1
        _write_total(page, sheet, bottom, words.total, looks)
    page.set_row(HEAD_ROW, 3 * LINE_PT)
    for line, note in enumerate(sheet.notes, bottom + 1):
        page.write_string(line, 0, note, looks.plain)
    page.freeze_panes(HEAD_ROW + 1, 2)
    page.repeat_rows(HEAD_ROW)
    page.print_area(0, 0, bottom + len(sheet.notes), columns)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_footer("&C&P/&N")


def _write_total(page: Worksheet, sheet: Annex, bottom: int, name: str, looks: Looks) -> None:
    for place in range(len(sheet.heads)):
        page.write_string(bottom, place, name if place == 1 else "", looks.total_text)
    for place in sheet.summed:
        cells = [row[place] for row in sheet.rows]
        look = looks.total_tenth if any(isinstance(cell, float) for cell in cells) else looks.total_whole
        if cells and all(isinstance(cell, str) for cell in cells):
            look = looks.total_unknown
        formula = f"=SUBTOTAL(109,{xl_range(HEAD_ROW + 1, place, bottom - 1, place)})"
        page.write_formula(bottom, place, formula, look, sheet.sum_column(place))
    if sheet.share:
        _, part, whole = sheet.share
        _write_share(page, sheet.share, bottom, looks.total_tenth, sheet.sum_column(part), sheet.sum_column(whole))


def _count_lines(row: Sequence[Cell], widths: Sequence[int]) -> int:
    """Guess how many lines a row needs: not every program fits the height of wrapped rows by itself."""
    texts = ((len(value), width) for value, width in zip(row, widths, strict=True) if isinstance(value, str))
    return max((-(-length * 11 // (width * 10)) for length, width in texts if length * 11 > width * 10), default=1)


def _write_shares(page: Worksheet, sheet: Annex, style: Format) -> None:
    if sheet.share is None:
        return
    for line, row in enumerate(sheet.rows, HEAD_ROW + 1):
        part, base = row[sheet.share[1]], row[sheet.share[2]]
        if isinstance(part, int | float) and isinstance(base, int | float):
            _write_share(page, sheet.share, line, style, part, base)


def _write_share(
    page: Worksheet,
    share: tuple[int, int, int],
    line: int,
    style: Format,
    part: float,
    base: float,
) -> None:
    own, of, whole = share
    name_of, name_whole = (f"{xl_col_to_name(place)}{line + 1}" for place in (of, whole))
    value: str | float = round(100 * part / base, 1) if base else "-"
    page.write_formula(line, own, f'=IF({name_whole}=0,"-",ROUND(100*{name_of}/{name_whole},1))', style, value)

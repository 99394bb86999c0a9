"""Write a report's annexes as a workbook: real tables with filters, and totals that a spreadsheet adds up itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from broadcaster.airtime.annex import Annex, Cell

HEAD_ROW = 3
LINE_PT = 16


def render_workbook(sheets: Sequence[Annex], title: str, made_at: datetime, total: str) -> bytes:
    """Write the sheets of a workbook.

    Totals are SUBTOTAL formulas: they follow the filter. The values kept beside them are the sums of all rows, for
    readers that do not calculate.

    Args:
        sheets: In their order.
        title: The report and its period.
        made_at: When the report was made; the workbook carries no other time.
        total: What the last row is called.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"title": title, "created": made_at.replace(tzinfo=None)})
    for index, sheet in enumerate(sheets):
        _write_sheet(book, sheet, title, index, total)
    book.close()
    return out.getvalue()


def _write_sheet(book: xlsxwriter.Workbook, sheet: Annex, subtitle: str, index: int, total_name: str) -> None:
    font = {"font_name": "Times New Roman", "font_size": 12}
    edge = {**font, "border": 1, "valign": "top"}
    title = book.add_format({**font, "font_size": 14, "bold": True})
    plain = book.add_format({**font, "italic": True})
    head = book.add_format({**edge, "bold": True, "align": "center", "valign": "vcenter", "text_wrap": True})
    text = book.add_format({**edge, "text_wrap": True})
    whole = book.add_format({**edge, "num_format": "#,##0"})
    total_text = book.add_format({**edge, "bold": True})
    total = book.add_format({**edge, "bold": True, "num_format": "#,##0.0"})
    total_whole = book.add_format({**edge, "bold": True, "num_format": "#,##0"})
    tenth = book.add_format({**edge, "num_format": "#,##0.0"})

    page = book.add_worksheet(sheet.name)
    page.write_string(0, 0, sheet.title, title)
    page.write_string(1, 0, subtitle, plain)
    for place, width in enumerate(sheet.widths):
        page.set_column(place, place, width)
    last = HEAD_ROW + max(1, len(sheet.rows))
    columns = len(sheet.heads) - 1
    page.add_table(HEAD_ROW, 0, last, columns, {
        "name": f"PhuLuc{index + 1}", "style": None, "autofilter": True,
        "columns": [{"header": name, "header_format": head} for name in sheet.heads],
    })  # fmt: skip
    for line, row in enumerate(sheet.rows, HEAD_ROW + 1):
        page.set_row(line, LINE_PT * _count_lines(row, sheet.widths))
        for place, value in enumerate(row):
            if isinstance(value, str):
                page.write_string(line, place, value, text)
            elif value is None:
                page.write_blank(line, place, None, text)
            else:
                page.write_number(line, place, value, tenth if isinstance(value, float) else whole)
    if sheet.share:
        _write_shares(page, sheet, tenth)
    bottom = last
    if sheet.summed:
        bottom = last + 1
        for place in range(columns + 1):
            page.write_string(bottom, place, total_name if place == 1 else "", total_text)
        for place in sheet.summed:
            is_whole = all(isinstance(row[place], int) for row in sheet.rows)
            formula = f"=SUBTOTAL(109,{xl_range(HEAD_ROW + 1, place, last, place)})"
            page.write_formula(bottom, place, formula, total_whole if is_whole else total, sheet.sum_column(place))
        if sheet.share:
            _write_share(page, sheet.share, bottom, total, sheet.sum_column(sheet.share[1]),
                         sheet.sum_column(sheet.share[2]))  # fmt: skip
    page.set_row(HEAD_ROW, 48)
    page.freeze_panes(HEAD_ROW + 1, 2)
    page.repeat_rows(HEAD_ROW)
    page.print_area(0, 0, bottom, columns)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_footer("&C&P/&N")


def _count_lines(row: Sequence[Cell], widths: Sequence[int]) -> int:
    """Guess how many lines a row needs: not every program fits the height of wrapped rows by itself."""
    texts = ((len(value), width) for value, width in zip(row, widths, strict=True) if isinstance(value, str))
    return max((-(-length * 11 // (width * 10)) for length, width in texts if length * 11 > width * 10), default=1)


def _write_shares(page: xlsxwriter.worksheet.Worksheet, sheet: Annex, style: xlsxwriter.format.Format) -> None:
    if sheet.share is None:
        return
    for line, row in enumerate(sheet.rows, HEAD_ROW + 1):
        part, base = row[sheet.share[1]], row[sheet.share[2]]
        if isinstance(part, int | float) and isinstance(base, int | float):
            _write_share(page, sheet.share, line, style, part, base)


def _write_share(
    page: xlsxwriter.worksheet.Worksheet,
    share: tuple[int, int, int],
    line: int,
    style: xlsxwriter.format.Format,
    part: float,
    base: float,
) -> None:
    own, of, whole = share
    name_of, name_whole = (f"{xl_col_to_name(place)}{line + 1}" for place in (of, whole))
    value: str | float = round(100 * part / base, 1) if base else "-"
    page.write_formula(line, own, f'=IF({name_whole}=0,"-",ROUND(100*{name_of}/{name_whole},1))', style, value)

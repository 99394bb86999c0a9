"""The timetable's table as an Excel workbook or a CSV file."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import openpyxl
import xlsxwriter
from openpyxl.utils.exceptions import InvalidFileException

from broadcaster.core.errors import InputError
from broadcaster.timetable.table import Value, list_heads, read_rows, write_row

MAX_BYTES = 8 << 20
MAX_ROWS = 5000


def write_workbook(slots: Sequence[Mapping[str, object]]) -> bytes:
    """Write slots as a workbook with one sheet; every cell is text, so that nothing turns into a date by itself."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "vcenter"})
    cell = book.add_format({"num_format": "@", "valign": "top"})
    page = book.add_worksheet("Lịch phát sóng")
    rows = [write_row(slot) for slot in slots]
    for place, name in enumerate(list_heads()):
        widest = max([len(row[place]) for row in rows], default=0)
        page.set_column(place, place, min(60, max(10, widest + 2)), cell)
        page.write_string(0, place, name, head)
    for line, row in enumerate(rows, 1):
        for place, text in enumerate(row):
            page.write_string(line, place, text, cell)
    page.freeze_panes(1, 2)
    book.close()
    return out.getvalue()


def write_csv(slots: Sequence[Mapping[str, object]]) -> bytes:
    """Write slots as CSV: UTF-8 with a byte order mark, as spreadsheets expect."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(list_heads())
    writer.writerows(write_row(slot) for slot in slots)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def read_workbook(path: Path) -> list[dict[str, Value]]:
    """Read slots from the first sheet of a workbook.

    Raises:
        InputError: No workbook, or a cell that cannot be read; with the row's number.
    """
    try:
        _require_small(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        table = [list(row) for row in book.worksheets[0].iter_rows(values_only=True, max_row=MAX_ROWS)]
        book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InputError(f"{path.name} is no Excel workbook: {error}", hint="save it as .xlsx") from error
    return read_rows(table, path.name)


def read_csv(path: Path) -> list[dict[str, Value]]:
    """Read slots from a CSV file; commas or, as spreadsheets in Viet Nam write them, semicolons.

    Raises:
        InputError: Not UTF-8, or a cell that cannot be read; with the row's number.
    """
    try:
        _require_small(path)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8", hint='save it as "CSV UTF-8"') from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    first = text.partition("\n")[0]
    mark = ";" if first.count(";") > first.count(",") else ","
    return read_rows(list(csv.reader(io.StringIO(text), delimiter=mark)), path.name)


def _require_small(path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path.name} is too large for a timetable", hint="is it the right file?")

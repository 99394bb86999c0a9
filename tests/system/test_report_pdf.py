"""The PDF as its reader sees it: read back with another program."""

from __future__ import annotations

import re
import subprocess
from decimal import Decimal
from pathlib import Path

from broadcaster.airtime.documents import write_documents
from tests.unit.test_documents import make_schedules_of_34, make_week, read_vietnamese

ROW = re.compile(r"^ *(\d*) +(Xã thứ \d+|TỔNG CỘNG) +((?:[\d.,]+ +){8})", re.MULTILINE)


def read_text(path: Path) -> str:
    return subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True).stdout


def test_totals_of_the_pdf_are_the_sums_of_the_rows_it_shows(tmp_path: Path) -> None:
    schedules = make_schedules_of_34()
    files = write_documents(make_week(schedules, 1), schedules, tmp_path, "bao-cao", with_pdf=True)
    assert files.pdf
    text = read_text(files.pdf)
    rows = {name: [read_vietnamese(cell) for cell in cells.split()] for _, name, cells in ROW.findall(text)}
    total = rows.pop("TỔNG CỘNG")
    assert len(rows) == 34
    assert [sum(column, Decimal(0)) for column in zip(*rows.values(), strict=True)] == total
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in text
    pages = subprocess.run(["pdfinfo", "-f", "1", "-l", "5", files.pdf], check=True, capture_output=True, text=True)
    sizes = re.findall(r"Page +\d+ size: +([\d.]+) x ([\d.]+)", pages.stdout)
    # A4: the letter, here of two pages, and the charts upright, annex I lying.
    assert [float(width) < float(height) for width, height in sizes] == [True, True, True, True, False]
    # Every letter, with all its Vietnamese marks, is of one face: none is borrowed from another.
    told = subprocess.run(["pdffonts", files.pdf], check=True, capture_output=True, text=True).stdout.splitlines()[2:]
    assert [line for line in told if "Liberation" not in line.split()[0]] == []

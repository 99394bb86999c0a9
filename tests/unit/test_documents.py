"""A week's documents as their readers see them: what is shown is added up from the files, not from our code."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path

import docx
import numpy as np
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from broadcaster.airtime import documents
from broadcaster.airtime.documents import ReportFiles, write_documents
from broadcaster.airtime.figures import Correction, Report
from broadcaster.airtime.letter import name_template
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.airtime.weekly import sum_report
from broadcaster.airtime.wording import Wording
from broadcaster.airtime.words import ENGLISH, VIETNAMESE
from broadcaster.core.errors import WorkspaceError
from broadcaster.core.ids import ColumnId, StationId
from broadcaster.core.model import Station, StationKind
from broadcaster.core.schedules import Schedules
from tests.letter_template import make_template
from tests.unit.makers import START, make_airing, make_programme, make_schedules

MONDAY = date(2023, 10, 9)
SUMMED = range(2, 10)
KINDS = (
    (Verdict.FULL, Cause.NONE, 1.0),
    (Verdict.LATE, Cause.STARTED_LATE, 1.0),
    (Verdict.SHORT, Cause.STATION_OFF, 0.37),
    (Verdict.CUT, Cause.CUT, 0.5),
    (Verdict.NOT_PLAYED, Cause.NOT_DELIVERED, 0.0),
    (Verdict.NO_JOURNAL, Cause.NO_JOURNAL_YET, 0.0),
)


def make_schedules_of_34() -> Schedules:
    stations = tuple(
        Station(StationId(f"xa-{n}"), f"Xã thứ {n}", clusters=n, kind=kind)
        for n in range(1, 35)
        for kind in [StationKind.VEHICLE if n == 3 else StationKind.FIXED]
    )
    return make_schedules(stations=stations)


def make_week(schedules: Schedules, seed: int) -> Report:
    """Make outcomes by dice; every verdict comes up."""
    dice = np.random.default_rng(seed)
    outcomes = []
    for number in range(900):
        verdict, cause, share = KINDS[number] if number < len(KINDS) else KINDS[dice.integers(len(KINDS))]
        start_at = START + timedelta(hours=number // 34)
        airing = dataclasses.replace(
            make_airing(f"a{number}", start_at, int(dice.integers(20_000, 1_800_000))),
            station=schedules.stations[dice.integers(34)].id,
            column=ColumnId(("thoi-su", "nong-nghiep")[dice.integers(2)]),
            is_repeat=bool(dice.random() < 0.4),
        )
        late_s = 9.0 if verdict is Verdict.LATE else 0.0
        played_ms = int(airing.duration_ms * share)
        is_declared = airing.station == "xa-3" and played_ms > 0
        started_at = start_at if played_ms else None
        outcomes.append(Outcome(airing, verdict, cause, played_ms, late_s, started_at, "", is_declared=is_declared))
    programmes = [make_programme("tin"), make_programme("lua", "nong-nghiep")]
    sunday = MONDAY + timedelta(days=6)
    return sum_report(
        schedules, MONDAY, sunday, START + timedelta(days=7), outcomes, programmes, [],
        {StationId("xa-2"): ["dòng 7 không nối với dòng 6"]}, pending=0,
    )  # fmt: skip


@pytest.fixture(params=range(3))
def week(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Report, ReportFiles]:
    schedules = make_schedules_of_34()
    report = make_week(schedules, request.param)
    return report, write_documents(report, schedules, tmp_path, "bao-cao")


def read_vietnamese(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


def read_numbers(sheet: Worksheet, place: int, rows: range) -> list[Decimal]:
    return [Decimal(str(sheet.cell(row, place + 1).value)) for row in rows]


def test_totals_of_the_letter_are_the_sums_of_the_rows_it_shows(week: tuple[Report, ReportFiles]) -> None:
    tables = docx.Document(io.BytesIO(week[1].docx.read_bytes())).tables
    rows = [[cell.text for cell in row.cells] for row in tables[2].rows]
    assert rows[0][:2] == ["STT", "Xã, thị trấn"]
    assert (len(rows), rows[-1][1]) == (36, "TỔNG CỘNG")
    for place in SUMMED:
        shown = [read_vietnamese(row[place]) for row in rows[1:-1]]
        assert sum(shown) == read_vietnamese(rows[-1][place]), rows[0][place]
    for row in rows[1:]:
        planned, parts = int(row[3].replace(".", "")), [int(row[place].replace(".", "")) for place in range(4, 8)]
        assert planned == sum(parts)
    columns = [[cell.text for cell in row.cells] for row in tables[3].rows]
    assert columns[-1][1] == "TỔNG CỘNG"
    assert_sums(columns[0], columns[1:])


def test_totals_of_the_workbook_are_formulas_whose_kept_values_agree(week: tuple[Report, ReportFiles]) -> None:
    formulas = openpyxl.load_workbook(week[1].xlsx)
    values = openpyxl.load_workbook(week[1].xlsx, data_only=True)
    sheet, kept = formulas["Phụ lục I"], values["Phụ lục I"]
    table = sheet.tables["PhuLuc1"]
    assert (table.ref, sheet.freeze_panes) == ("A4:M38", "C5")
    assert sheet.print_area == "'Phụ lục I'!$A$1:$M$40"
    for place in SUMMED:
        letter = "ABCDEFGHIJKLM"[place]
        assert sheet.cell(39, place + 1).value == f"=SUBTOTAL(109,{letter}5:{letter}38)"
        assert sum(read_numbers(kept, place, range(5, 39))) == Decimal(str(kept.cell(39, place + 1).value))


def test_annex_of_columns_counts_the_news_items_of_its_programmes(tmp_path: Path) -> None:
    schedules = make_schedules()
    produced = [dataclasses.replace(make_programme("tin"), stories=12), make_programme("lua", "nong-nghiep")]
    report = sum_report(schedules, MONDAY, MONDAY, START, [], produced, [], {}, pending=0)
    files = write_documents(report, schedules, tmp_path, "x")
    rows = docx.Document(io.BytesIO(files.docx.read_bytes())).tables[3].rows
    assert [[cell.text for cell in row.cells[1:4]] for row in rows] == [
        ["Chuyên mục", "Số CT", "Số tin, bài"],
        ["Thời sự", "1", "12"],
        ["Nông nghiệp", "1", "1"],
        ["TỔNG CỘNG", "2", "13"],
    ]


def test_totals_of_every_annex_are_the_sums_of_the_rows_that_page_and_table_show(
    week: tuple[Report, ReportFiles],
) -> None:
    page = week[1].html.read_text(encoding="utf-8")
    tables = re.findall('<table class="data">(.*?)</table>', page, re.DOTALL)
    summed = [table for table in tables if 'class="total"' in table]
    assert len(summed) == 5
    for table in summed:
        rows = [re.findall("<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr[^>]*>(.*?)</tr>", table)]
        assert_sums(re.findall("<th>(.*?)</th>", table), rows[1:])
    figures = json.loads(week[1].json.read_text(encoding="utf-8"))
    assert [annex["table"] for annex in figures["annexes"]] == [
        "theo-xa", "chuyen-muc", "dot-tuyen-truyen", "sai-lech", "chuong-trinh", "khung-gio", "khan-cap", "can-goi",
        "noi-dung-xa",
        "luot-phat",
    ]  # fmt: skip
    stations = figures["annexes"][0]["rows"]
    assert [row["Xã, thị trấn"] for row in stations] == [row.name for row in week[0].stations]
    assert sum(Decimal(str(row["Phút thực phát"])) for row in stations) == Decimal(week[0].total.played_dmin) / 10
    for path in week[1].csv:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        if rows[-1][1] == "TỔNG CỘNG":
            assert_sums(rows[0], rows[1:])


def assert_sums(heads: list[str], rows: list[list[str]]) -> None:
    """Add up every column that has a figure in the last row, but for percentages."""
    for place in range(2, len(heads)):
        if rows[-1][place] and "%" not in heads[place]:
            total = sum(read_vietnamese(row[place]) for row in rows[:-1])
            assert total == read_vietnamese(rows[-1][place]), heads[place]


def test_english_documents_say_the_same_figures(week: tuple[Report, ReportFiles], tmp_path: Path) -> None:
    english = write_documents(week[0], make_schedules_of_34(), tmp_path, "airtime-report", words=ENGLISH)
    ours, theirs = (docx.Document(io.BytesIO(files.docx.read_bytes())) for files in (week[1], english))
    for own, other in zip(ours.tables[2].rows[1:], theirs.tables[2].rows[1:], strict=True):
        for place in (*SUMMED, 10):
            here, there = own.cells[place].text, other.cells[place].text
            assert (here == there == "-") or read_vietnamese(here) == Decimal(there.replace(",", ""))
    assert theirs.tables[2].rows[-1].cells[1].text == "TOTAL"
    page = english.html.read_text(encoding="utf-8")
    assert 'lang="en"' in page
    assert "Minutes aired" in page
    ours_in_it = re.sub(
        "Xã thứ|Thời sự|Nông nghiệp|Tin|Trung tâm|dòng . không nối với dòng", "", page.split("</style>")[1]
    )
    assert re.findall("[^\x00-\x7f→−“”]", ours_in_it) == []
    assert openpyxl.load_workbook(english.xlsx)["Annex I"]["B4"].value == "Commune"


@pytest.mark.parametrize("words", [VIETNAMESE, ENGLISH])
def test_letter_is_made_of_the_sentences_of_the_page(tmp_path: Path, words: Wording) -> None:
    template = Path(documents.__file__).parent / "templates" / name_template(words.code)
    parts = [zipfile.ZipFile(io.BytesIO(data)).read("word/document.xml")
             for data in (make_template(words), template.read_bytes())]  # fmt: skip
    assert parts[0] == parts[1], "run `python -m tests.letter_template`"
    schedules = make_schedules_of_34()
    files = write_documents(make_week(schedules, 4), schedules, tmp_path, "x", words=words)
    page = files.html.read_text(encoding="utf-8").split("<h1>")[1].split('<table class="end">')[0]
    page = re.sub("(?<!>)\n", " ", page).replace("<br>", "</p>")
    shown = [unescape(re.sub("<[^>]*>", "", line)).strip() for line in re.split("</(?:h1|h2|p)>", page)]
    letter = [one.text.strip() for one in docx.Document(str(files.docx)).paragraphs]
    assert [line for line in letter if line][: len(list(filter(None, shown)))] == list(filter(None, shown))


def test_letter_workbook_and_table_say_the_same(week: tuple[Report, ReportFiles]) -> None:
    kept = openpyxl.load_workbook(week[1].xlsx, data_only=True)["Phụ lục I"]
    table = docx.Document(io.BytesIO(week[1].docx.read_bytes())).tables[2]
    for number, row in enumerate(table.rows[1:], 5):
        cells = [cell.text for cell in row.cells]
        for place in (*SUMMED, 10):
            shown, value = cells[place], kept.cell(number, place + 1).value
            assert (shown == value == "-") or read_vietnamese(shown) == Decimal(str(value))


def test_self_declared_stations_and_broken_chains_are_shown(week: tuple[Report, ReportFiles]) -> None:
    letter = docx.Document(io.BytesIO(week[1].docx.read_bytes()))
    row = week[0].stations[2]
    assert letter.tables[2].rows[3].cells[12].text.startswith(f"Tự khai {row.declared} lượt, ")
    assert any("Xã thứ 2: dòng 7 không nối với dòng 6" in one.text for one in letter.paragraphs)
    assert all("{" not in one.text for one in letter.paragraphs)


def test_letter_and_page_name_the_number_of_a_station_without_a_journal(tmp_path: Path) -> None:
    schedules = make_schedules(stations=(Station(make_airing().station, "Xã An Nông", phone="0912 345 678"),))
    outcome = Outcome(make_airing(), Verdict.NO_JOURNAL, Cause.STATION_OFF, 0, None, None, "")
    report = sum_report(schedules, MONDAY, MONDAY, START, [outcome], [], [], {}, pending=0)
    files = write_documents(report, schedules, tmp_path, "x")
    assert "Xã An Nông (ĐT 0912 345 678)" in files.html.read_text(encoding="utf-8")
    letter = docx.Document(io.BytesIO(files.docx.read_bytes()))
    assert any("Xã An Nông (ĐT 0912 345 678)" in one.text for one in letter.paragraphs)


def test_annex_calls_the_communes_as_the_office_does(tmp_path: Path) -> None:
    schedules = make_schedules()
    head = dataclasses.replace(schedules.centre.report, communes="xã, phường, đặc khu")
    schedules = dataclasses.replace(schedules, centre=dataclasses.replace(schedules.centre, report=head))
    report = sum_report(schedules, MONDAY, MONDAY, START, [], [], [], {}, pending=0)
    files = write_documents(report, schedules, tmp_path, "x")
    letter = docx.Document(io.BytesIO(files.docx.read_bytes()))
    assert letter.tables[2].rows[0].cells[1].text == "Xã, phường, đặc khu"
    assert "Thời lượng phát sóng theo xã, phường, đặc khu" in [one.text for one in letter.paragraphs]
    assert openpyxl.load_workbook(files.xlsx)["Phụ lục I"]["B4"].value == "Xã, phường, đặc khu"


def test_workbook_takes_no_name_for_a_formula(tmp_path: Path) -> None:
    schedules = make_schedules(stations=(Station(StationId("xa"), "=HYPERLINK(1) & <b>'x'"),))
    report = sum_report(schedules, MONDAY, MONDAY, START, [], [], [], {}, pending=0)
    files = write_documents(report, schedules, tmp_path, "x")
    cell = openpyxl.load_workbook(files.xlsx)["Phụ lục I"]["B5"]
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1) & <b>'x'", "s")
    assert (
        "=HYPERLINK(1) & <b>'x'" in docx.Document(io.BytesIO(files.docx.read_bytes())).tables[2].rows[1].cells[1].text
    )


def test_office_edits_its_own_template_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    schedules = make_schedules()
    report = sum_report(schedules, MONDAY, MONDAY, START, [], [], [], {}, pending=0)
    own = tmp_path / "report.docx"
    document = docx.Document()
    document.add_paragraph("Đã phát {{ played_minutes }} phút & hết")
    document.save(str(own))
    files = write_documents(report, schedules, tmp_path, "x", own)
    assert [p.text for p in docx.Document(io.BytesIO(files.docx.read_bytes())).paragraphs] == ["Đã phát 0 phút & hết"]
    before = files.docx.read_bytes()
    for broken in (b"no Word file", b""):
        own.write_bytes(broken)
        with pytest.raises(WorkspaceError, match=r"report\.docx cannot be filled"):
            write_documents(report, schedules, tmp_path, "x", own)
    document.add_paragraph("{{ not_there }}")
    document.save(str(own))
    with pytest.raises(WorkspaceError, match="not_there"):
        write_documents(report, schedules, tmp_path, "x", own)
    assert files.docx.read_bytes() == before


def test_correction_is_told_also_by_a_template_that_does_not_name_it(tmp_path: Path) -> None:
    schedules = make_schedules()
    report = sum_report(schedules, MONDAY, MONDAY, START, [], [], [], {}, pending=0)
    corrected = dataclasses.replace(report, edition=2, correction=Correction(1, START, ()))
    own = tmp_path / "report.docx"
    for section, told_at in (("I. Chung", 1), ("Kết quả", 0)):
        document = docx.Document()
        for line in ("BÁO CÁO", section, "Đã phát {{ played_minutes }} phút"):
            document.add_paragraph(line)
        document.save(str(own))
        files = write_documents(corrected, schedules, tmp_path, "x", own)
        lines = [one.text for one in docx.Document(str(files.docx)).paragraphs]
        assert lines.pop(told_at).startswith("Bản 2, thay bản 1")
        assert lines == ["BÁO CÁO", section, "Đã phát 0 phút"]
    document.paragraphs[0].text = "BÁO CÁO {{ correction_note }}"
    document.save(str(own))
    files = write_documents(corrected, schedules, tmp_path, "x", own)
    lines = [one.text for one in docx.Document(str(files.docx)).paragraphs]
    assert len(lines) == 3
    assert lines[0].startswith("BÁO CÁO Bản 2, thay bản 1")


def test_template_may_make_columns_of_its_own(tmp_path: Path) -> None:
    schedules = make_schedules_of_34()
    document = docx.Document()
    cells = document.add_table(rows=1, cols=3).rows[0].cells
    for cell, text in zip(cells, ("{%tc for head in station_heads %}", "{{ head }}", "{%tc endfor %}"), strict=True):
        cell.text = text
    document.save(str(tmp_path / "report.docx"))
    files = write_documents(make_week(schedules, 3), schedules, tmp_path, "x", tmp_path / "report.docx")
    (table,) = docx.Document(str(files.docx)).tables
    assert [len(table.columns), len(table.rows[0].cells), table.rows[0].cells[1].text] == [13, 13, "Xã, thị trấn"]


def test_json_is_written_as_the_standard_writer_would(week: tuple[Report, ReportFiles]) -> None:
    written = week[1].json.read_text(encoding="utf-8")
    assert written == json.dumps(json.loads(written), ensure_ascii=False, indent=1) + "\n"


def test_broken_chain_is_told_in_letter_and_page(tmp_path: Path) -> None:
    schedules = make_schedules_of_34()
    station, told = StationId("xa-7"), "journal: log aa: line 9 follows line 7"
    report = dataclasses.replace(make_week(schedules, 5), breaks={station: [told]})
    for words, name in ((VIETNAMESE, "x"), (ENGLISH, "y")):
        files = write_documents(report, schedules, tmp_path, name, words=words)
        letter = [one.text for one in docx.Document(str(files.docx)).paragraphs]
        found = (
            "nhật ký, dòng 9 đứng ngay sau dòng 7"
            if words is VIETNAMESE
            else "journal, line 9 stands right after line 7"
        )
        shown = f"Xã thứ 7: {found}"
        assert any(shown in line for line in letter)
        assert shown in files.html.read_text(encoding="utf-8")

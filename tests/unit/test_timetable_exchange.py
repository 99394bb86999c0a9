"""The timetable out to Excel, CSV and calendars, and back: nothing is lost, comments stay, faults are named."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest

from broadcaster.core.errors import InputError
from broadcaster.timetable.calendar_in import read_calendar
from broadcaster.timetable.edit import BACKUP, ChangeKind, plan_edit, read_slots, write_edit
from broadcaster.timetable.forms import SlotForm
from broadcaster.timetable.read import read_schedules
from broadcaster.timetable.spreadsheet import read_csv, read_workbook, write_csv, write_workbook
from broadcaster.timetable.table import list_fields, read_rows, write_row
from tests.unit.makers import ZONE
from tests.unit.test_timetable_files import write_files

FULL = """format: 1
# what the office wrote by hand
slots:
  - id: chieu # the main one
    title: Chương trình chiều
    at: "17:00"
    max_min: 30
    days: [mon, wed, fri]
    from: 2023-10-01
    except:
      - 2023-11-20
      - {from: 2024-02-08, to: 2024-02-14}
    rundown:
      # the ident comes first
      - programme: dai-hieu
      - column: thoi-su
      - fill: thoi-su

  - id: sang # a repeat
    title: Phát lại
    at: "05:15"
    max_min: 30
    repeat_of: chieu
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path, timetable=FULL)


def test_every_field_of_a_slot_has_its_column() -> None:
    assert set(list_fields()) == {field.alias or name for name, field in SlotForm.model_fields.items()}


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_table_taken_back_unchanged_changes_nothing(folder: Path, ending: str) -> None:
    text = (
        FULL.replace("from: 2023-10-01", "from: &dau 2023-10-01").replace(
            "    repeat_of", "    from: *dau\n    repeat_of"
        )
        + '  - {id: trua, title: Trưa, at: "11:00:00", max_min: 20, rundown: [{column: thoi-su}]}\n'
    )
    (folder / "timetable.yaml").write_text(text, encoding="utf-8")
    file = folder / f"lich.{ending}"
    slots = read_slots(folder)
    file.write_bytes(write_workbook(slots) if ending == "xlsx" else write_csv(slots))
    read = read_workbook(file) if ending == "xlsx" else read_csv(file)
    edit = plan_edit(folder, read, is_whole=True)
    assert edit.changes == ()
    assert edit.text == text


def test_change_in_the_workbook_changes_that_field_and_keeps_the_comments(folder: Path) -> None:
    file = folder / "lich.xlsx"
    file.write_bytes(write_workbook(read_slots(folder)))
    book = openpyxl.load_workbook(file)
    page = book.worksheets[0]
    places = {str(cell.value): cell.column or 0 for cell in page[1]}
    page.cell(2, places["Giờ (at)"], time(17, 30))
    page.cell(2, places["Phút tối đa (max_min)"], 45)
    page.cell(2, places["Từ ngày (from)"], datetime.fromisoformat("2023-10-02"))  # a date, as Excel keeps it
    new: dict[str, str | int] = {
        "Mã (id)": "dem", "Tên (title)": "Đêm", "Giờ (at)": "7:00:00 CH", "Phút tối đa (max_min)": 20,
        "Nội dung (rundown)": "column: thoi-su", "Các ngày (dates)": "2023-10-20, 20/11/2023",
    }  # fmt: skip
    for place, cell in new.items():
        page.cell(4, places[place], cell)
    book.save(file)
    edit = plan_edit(folder, read_workbook(file), is_whole=True)
    assert [(one.kind, one.slot) for one in edit.changes] == [(ChangeKind.CHANGED, "chieu"), (ChangeKind.ADDED, "dem")]
    assert edit.changes[0].details == (("at", "17:00", "17:30"), ("max_min", "30", "45"),
                                       ("from", "2023-10-01", "2023-10-02"))  # fmt: skip
    backup = write_edit(folder, edit)
    assert (backup.name, backup.read_text(encoding="utf-8")) == (BACKUP, FULL)
    text = (folder / "timetable.yaml").read_text(encoding="utf-8")
    kept = ("# what the office wrote by hand", "chieu # the main one", "# the ident comes first", "sang # a repeat",
            'at: "17:30"', "{from: 2024-02-08, to: 2024-02-14}")  # fmt: skip
    assert all(part in text for part in kept), text
    *_, added = read_schedules(folder).slots
    assert (added.id, added.title, added.at) == ("dem", "Đêm", time(19))
    assert added.dates == {date(2023, 10, 20), date(2023, 11, 20)}


def test_spreadsheet_of_another_language_says_the_same(folder: Path) -> None:
    """Times with AM and PM or SA and CH, TRUE for true, seconds: as LibreOffice and Excel write CSV."""
    text = FULL.replace("repeat_of: chieu", "repeat_of: chieu\n    repeat_if_missing: true")
    (folder / "timetable.yaml").write_text(text, encoding="utf-8")
    file = folder / "lich.csv"
    table = write_csv(read_slots(folder)).decode().replace(",true", ",TRUE")
    for sang, chieu in (("05:15:00 AM", "05:00:00 PM"), ("5:15 SA", "5:00 CH"), ("05:15:00", "17:00:00")):
        file.write_text(table.replace("05:15", sang).replace("17:00", chieu), encoding="utf-8")
        assert plan_edit(folder, read_csv(file), is_whole=True).changes == ()
    file.write_text(table.replace("TRUE", "FALSE"), encoding="utf-8")
    assert "repeat_if_missing: false" in plan_edit(folder, read_csv(file), is_whole=True).text


def test_slots_that_are_not_in_the_file_go_or_stay(folder: Path) -> None:
    rows = [slot for slot in read_slots(folder) if slot["id"] == "chieu"]
    file = folder / "lich.csv"
    file.write_bytes(write_csv(rows))
    gone = plan_edit(folder, read_csv(file), is_whole=True)
    assert [(one.kind, one.slot) for one in gone.changes] == [(ChangeKind.REMOVED, "sang")]
    assert plan_edit(folder, read_csv(file), is_whole=False).changes == ()
    with pytest.raises(InputError, match="the slot 'chieu' stands in the file twice"):
        plan_edit(folder, read_csv(file) * 2, is_whole=False)


def test_wrong_timetable_is_refused_before_anything_is_written(folder: Path) -> None:
    file = folder / "lich.csv"
    file.write_text("id;title;at;max_min;rundown\nchieu;Chiều;17:00;30;column:thoi-xu\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        plan_edit(folder, read_csv(file), is_whole=False)
    told = "the timetable would not be right:\nslot 'chieu': unknown column 'thoi-xu' (did you mean 'thoi-su'?)"
    assert str(caught.value).startswith(told)
    assert (folder / "timetable.yaml").read_text(encoding="utf-8") == FULL


@pytest.mark.parametrize(("table", "told"), [
    ([["title"], ["x"]], "no column 'id'"),
    ([["id", "Giò"], ["x", "y"]], "no field 'Giò'"),
    ([["id", "max_min"], ["x", "dài"]], "row 2, max_min: 'dài' is no whole number"),
    ([["id", "title"], [None, "y"]], "row 2: the id is missing"),
    ([["id", "rundown"], ["x", "thoi-su"]], "row 2, rundown: 'thoi-su' is no item"),
    ([["id", "from"], ["x", "31/02/2023"]], "31/02/2023"),
])  # fmt: skip
def test_cells_that_cannot_be_read_are_named(table: list[list[object]], told: str) -> None:
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        read_rows(table, "lich.xlsx")


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    file = tmp_path / "lich.xlsx"
    file.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError, match=r"lich\.xlsx is no Excel workbook"):
        read_workbook(file)
    file.write_bytes("id;title\nx;Chiều".encode("utf-16"))
    with pytest.raises(InputError, match="is not UTF-8"):
        read_csv(file)
    with pytest.raises(InputError, match="is no calendar"):
        read_calendar(file, ZONE)


def test_csv_opens_in_a_spreadsheet_with_its_letters(folder: Path) -> None:
    rows = list(csv.reader(io.StringIO(write_csv(read_slots(folder)).decode("utf-8-sig"))))
    assert rows[1][:3] == ["chieu", "Chương trình chiều", "17:00"]
    assert write_row({"id": "x", "except": [{"from": "2024-02-08", "to": "2024-02-14"}]})[0] == "x"

"""The timetable out to Excel, CSV and calendars, and back: nothing is lost, comments stay, faults are named."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.centre.workspace import init_workspace
from broadcaster.core.errors import InputError, TimetableError
from broadcaster.core.ids import SlotId
from broadcaster.core.schedules import DayCopy, HolidayRule, Schedules, Slot
from broadcaster.timetable.calendar_file import UNSAID, read_calendar, write_calendar
from broadcaster.timetable.edit import BACKUP, ChangeKind, plan_edit, read_slots, write_edit
from broadcaster.timetable.forms import SlotForm
from broadcaster.timetable.read import read_schedules
from broadcaster.timetable.recur import match_slot
from broadcaster.timetable.spreadsheet import read_csv, read_workbook, write_csv, write_workbook
from broadcaster.timetable.table import list_fields, read_rows, write_row
from tests.unit.makers import ZONE, make_schedules
from tests.unit.test_timetable_files import write_files

MADE_AT = datetime(2023, 10, 1, tzinfo=UTC)
FIRST, LAST = date(2023, 10, 1), date(2024, 9, 30)
NAIVE_FIRST, NAIVE_LAST = (datetime.fromisoformat(text) for text in ("2023-10-01T00:00", "2024-09-30T23:59:59"))
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
    file = folder / f"lich.{ending}"
    slots = read_slots(folder)
    file.write_bytes(write_workbook(slots) if ending == "xlsx" else write_csv(slots))
    read = read_workbook(file) if ending == "xlsx" else read_csv(file)
    edit = plan_edit(folder, read, is_whole=True)
    assert edit.changes == ()
    assert edit.text == FULL


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
        "Mã (id)": "trua", "Tên (title)": "Trưa", "Giờ (at)": "11:00", "Phút tối đa (max_min)": 20,
        "Nội dung (rundown)": "column: thoi-su", "Các ngày (dates)": "2023-10-20, 20/11/2023",
    }  # fmt: skip
    for place, cell in new.items():
        page.cell(4, places[place], cell)
    book.save(file)
    edit = plan_edit(folder, read_workbook(file), is_whole=True)
    assert [(one.kind, one.slot) for one in edit.changes] == [(ChangeKind.CHANGED, "chieu"), (ChangeKind.ADDED, "trua")]
    assert edit.changes[0].details == (("at", "17:00", "17:30"), ("max_min", "30", "45"),
                                       ("from", "2023-10-01", "2023-10-02"))  # fmt: skip
    backup = write_edit(folder, edit)
    assert (backup.name, backup.read_text(encoding="utf-8")) == (BACKUP, FULL)
    text = (folder / "timetable.yaml").read_text(encoding="utf-8")
    kept = ("# what the office wrote by hand", "chieu # the main one", "# the ident comes first", "sang # a repeat",
            'at: "17:30"', "{from: 2024-02-08, to: 2024-02-14}")  # fmt: skip
    assert all(part in text for part in kept), text
    *_, added = read_schedules(folder).slots
    assert (added.id, added.title, added.at) == ("trua", "Trưa", time(11))
    assert added.dates == {date(2023, 10, 20), date(2023, 11, 20)}


def test_slots_that_are_not_in_the_file_go_or_stay(folder: Path) -> None:
    rows = [slot for slot in read_slots(folder) if slot["id"] == "chieu"]
    file = folder / "lich.csv"
    file.write_bytes(write_csv(rows))
    gone = plan_edit(folder, read_csv(file), is_whole=True)
    assert [(one.kind, one.slot) for one in gone.changes] == [(ChangeKind.REMOVED, "sang")]
    assert plan_edit(folder, read_csv(file), is_whole=False).changes == ()


def test_wrong_timetable_is_refused_before_anything_is_written(folder: Path) -> None:
    file = folder / "lich.csv"
    file.write_text("id;title;at;max_min;rundown\nchieu;Chiều;17:00;30;column:thoi-xu\n", encoding="utf-8")
    with pytest.raises(TimetableError, match="unknown column 'thoi-xu'"):
        plan_edit(folder, read_csv(file), is_whole=False)
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
        read_calendar(file)


weekdays = st.frozensets(st.integers(0, 6), min_size=1)
dates = st.dates(FIRST, LAST)


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    starts_on = draw(st.none() | dates)
    every_weeks = draw(st.integers(1, 4)) if starts_on else 1
    nth = draw(st.frozensets(st.sampled_from([1, 2, 3, 4, 5, -1]), max_size=3)) if every_weeks == 1 else frozenset()
    spans = draw(st.lists(st.tuples(dates, st.integers(0, 9)), max_size=2))
    return Slot(
        SlotId("chieu"), "Chiều", draw(st.times().map(lambda at: at.replace(microsecond=0))), 30,
        days=draw(weekdays), starts_on=starts_on, ends_on=draw(st.none() | dates.filter(lambda on: on > FIRST)),
        every_weeks=every_weeks, nth=nth, dates=frozenset(draw(st.lists(dates, max_size=3))),
        excepted=tuple((first, first + timedelta(days=n)) for first, n in spans),
        holidays=draw(st.sampled_from(list(HolidayRule))),
    )  # fmt: skip


def expand_with_dateutil(data: bytes) -> set[date]:
    """Expand a calendar's one event as another library does, from its bare text by wall time."""
    unfolded = data.decode().replace("\r\n ", "").partition("BEGIN:VEVENT")[2].splitlines()
    lines = [
        re.sub(r";TZID=[^:;]*", "", line)
        for line in unfolded
        if line.startswith(("DTSTART", "RRULE", "EXDATE", "RDATE"))
    ]
    until = re.search(r"UNTIL=(\w+)Z", "\n".join(lines))
    if until:
        local = datetime.strptime(until[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone(ZONE)
        lines = [line.replace(until[0], f"UNTIL={local:%Y%m%dT%H%M%S}") for line in lines]
    if not any(line.startswith("RRULE") for line in lines):
        lines += [line.replace("DTSTART", "RDATE") for line in lines if line.startswith("DTSTART")]
    found = rrulestr("\n".join(lines), forceset=True)
    moments = found.between(NAIVE_FIRST, NAIVE_LAST, inc=True)
    return {moment.date() for moment in moments}


@settings(max_examples=300, deadline=None)
@given(slots(), st.none() | st.tuples(dates, dates))
def test_calendar_means_the_same_dates_to_another_library(slot: Slot, copied: tuple[date, date] | None) -> None:
    copies = (DayCopy(*copied),) if copied else ()
    schedules = make_schedules(slot)
    schedules = Schedules(schedules.centre, schedules.stations, schedules.columns, (), (slot,), copies)
    data = write_calendar(schedules, FIRST, LAST, MADE_AT)
    ours = {
        on for n in range((LAST - FIRST).days + 1)
        if match_slot(slot, on := FIRST + timedelta(days=n), copies).is_on
    }  # fmt: skip
    assert (expand_with_dateutil(data) if b"VEVENT" in data else set()) == ours


def test_calendar_taken_back_gives_the_same_slots(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    (workspace.schedules / "timetable.yaml").write_text(
        FULL.replace("      - programme: dai-hieu\n", "").replace("from: 2023-10-01", "from: 2023-10-02")
        + "    nth: [2, -1]\n    days: [tue, thu]\n    to: 2024-06-30\n    lead_min: 90\n    volume: 80\n",
        encoding="utf-8",
    )  # fmt: skip
    before = read_schedules(workspace.schedules)
    file = tmp_path / "lich.ics"
    file.write_bytes(write_calendar(before, date(2023, 10, 2), LAST, MADE_AT))
    edit = plan_edit(workspace.schedules, read_calendar(file), is_whole=True, unsaid=UNSAID)
    write_edit(workspace.schedules, edit)
    after = read_schedules(workspace.schedules)
    for old, new in zip(before.slots, after.slots, strict=True):
        span = [date(2023, 10, 2) + timedelta(days=n) for n in range(363)]
        assert [match_slot(new, on).is_on for on in span] == [match_slot(old, on).is_on for on in span]
        assert (new.title, new.at, new.max_min, new.rundown, new.repeat_of, new.lead, new.volume) == (
            old.title, old.at, old.max_min, old.rundown, old.repeat_of, old.lead, old.volume,
        )  # fmt: skip


@pytest.mark.parametrize("rule", ["nth: [1, -1]\n    days: [mon]", "every_weeks: 2\n    days: [wed]", "volume: 90"])
def test_copied_date_before_the_first_of_a_calendar_is_taken_back(tmp_path: Path, rule: str) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    first = date(2026, 11, 25)
    (workspace.schedules / "timetable.yaml").write_text(
        "format: 1\nslots:\n  - id: mot\n    title: Một\n    at: '09:00'\n    max_min: 10\n    from: 2026-12-09\n"
        f"    rundown: [{{column: thoi-su}}]\n    {rule}\n"
        "copies:\n  - {date: 2026-11-29, like: 2027-01-25}\n  - {week: 2026-W49, like: 2026-W52}\n",
        encoding="utf-8",
    )
    before = read_schedules(workspace.schedules)
    file = tmp_path / "lich.ics"
    file.write_bytes(write_calendar(before, first, date(2027, 11, 25), MADE_AT))
    write_edit(workspace.schedules, plan_edit(workspace.schedules, read_calendar(file), is_whole=True, unsaid=UNSAID))
    after = read_schedules(workspace.schedules)
    span = [first + timedelta(days=n) for n in range(366)]
    assert [match_slot(after.slots[0], on, after.copies).is_on for on in span] == [
        match_slot(before.slots[0], on, before.copies).is_on for on in span
    ]


@pytest.mark.parametrize(("lines", "told"), [
    ("RRULE:FREQ=YEARLY", "cannot hold the rule YEARLY every 1"),
    ("RRULE:FREQ=DAILY;COUNT=3", "cannot hold the rule COUNT"),
    ("RRULE:FREQ=MONTHLY;BYDAY=TU", "a monthly rule names weekdays"),
    ("CATEGORIES:thoi-su", "does not say what plays"),
])  # fmt: skip
def test_calendar_rules_that_a_timetable_cannot_hold_are_named(tmp_path: Path, lines: str, told: str) -> None:
    file = tmp_path / "x.ics"
    category = "" if lines.startswith("CATEGORIES") else "CATEGORIES:column:thoi-su\r\n"
    file.write_bytes(("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nSUMMARY:Chiều\r\n"
                      f"DTSTART;TZID=Asia/Ho_Chi_Minh:20231002T170000\r\nDURATION:PT30M\r\n{category}{lines}\r\n"
                      "END:VEVENT\r\nEND:VCALENDAR\r\n").encode())  # fmt: skip
    with pytest.raises(InputError, match=f"event 'Chiều': .*{told}"):
        read_calendar(file)


def test_csv_opens_in_a_spreadsheet_with_its_letters(folder: Path) -> None:
    rows = list(csv.reader(io.StringIO(write_csv(read_slots(folder)).decode("utf-8-sig"))))
    assert rows[1][:3] == ["chieu", "Chương trình chiều", "17:00"]
    assert write_row({"id": "x", "except": [{"from": "2024-02-08", "to": "2024-02-14"}]})[0] == "x"

"""The timetable out to calendars and back: the same dates to other programs, and only what was changed comes back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcaster.centre.workspace import init_workspace
from broadcaster.core.errors import InputError
from broadcaster.core.ids import ColumnId, SlotId
from broadcaster.core.schedules import DayCopy, HolidayRule, RundownItem, Schedules, Slot
from broadcaster.core.time import DAYS
from broadcaster.timetable.calendar_back import match_calendar
from broadcaster.timetable.calendar_file import write_calendar
from broadcaster.timetable.calendar_in import parse_calendar, read_calendar
from broadcaster.timetable.edit import plan_edit, read_slots, write_edit
from broadcaster.timetable.read import read_schedules
from broadcaster.timetable.recur import match_slot
from tests.unit.makers import ZONE, make_schedules
from tests.unit.test_timetable_exchange import FULL
from tests.unit.test_timetable_files import write_files

MADE_AT = datetime(2023, 10, 1, tzinfo=UTC)
FIRST, LAST = date(2023, 10, 1), date(2024, 9, 30)
NAIVE_FIRST, NAIVE_LAST = (datetime.fromisoformat(text) for text in ("2023-10-01T00:00", "2024-09-30T23:59:59"))

RUNDOWN = (RundownItem(column=ColumnId("thoi-su")),)
# Begins more than a year after the day on which its calendar comes back.
LATE = Slot(SlotId("giao-ban"), "Giao ban", time(17), 30, days=frozenset({0}), nth=frozenset({1}), rundown=RUNDOWN,
            starts_on=date(2024, 9, 3))  # fmt: skip
weekdays = st.frozensets(st.integers(0, 6), min_size=1)
dates = st.dates(FIRST, LAST)


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    starts_on = draw(st.none() | dates)
    every_weeks = draw(st.integers(1, 4)) if starts_on else 1
    nth = draw(st.frozensets(st.sampled_from([1, 2, 3, 4, 5, -1]), max_size=3)) if every_weeks == 1 else frozenset()
    spans = draw(st.lists(st.tuples(dates, st.integers(0, 9)), max_size=2))
    return Slot(
        SlotId("chieu"), "Chiều", draw(st.times().map(lambda at: at.replace(microsecond=0))), 30, rundown=RUNDOWN,
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


def write_fields(slot: Slot) -> dict[str, object]:
    """Write a slot as it stands in timetable.yaml, every field in some other order or form than the program's."""
    fields: dict[str, object] = {
        "id": slot.id, "title": slot.title, "at": f"{slot.at:%H:%M:%S}", "max_min": slot.max_min,
        "days": [DAYS[day] for day in sorted(slot.days, reverse=True)], "lead_min": 90, "holidays": slot.holidays.value,
        "rundown": [{"column": "thoi-su"}],
    }  # fmt: skip
    said: dict[str, object] = {
        "from": slot.starts_on, "to": slot.ends_on, "nth": sorted(slot.nth, reverse=True),
        "every_weeks": slot.every_weeks, "dates": [f"{on:%d/%m/%Y}" for on in sorted(slot.dates)],
        "except": [{"from": str(first), "to": str(last)} for first, last in slot.excepted],
    }  # fmt: skip
    return fields | {name: value for name, value in said.items() if value}


def make_copied(slot: Slot, copied: tuple[date, date] | None) -> Schedules:
    bare = make_schedules(slot)
    return Schedules(bare.centre, bare.stations, bare.columns, (), (slot,), (DayCopy(*copied),) if copied else ())


@settings(max_examples=150, deadline=None)
@given(slots(), st.none() | st.tuples(dates, dates))
def test_calendar_means_the_same_dates_to_another_library(slot: Slot, copied: tuple[date, date] | None) -> None:
    schedules = make_copied(slot, copied)
    data = write_calendar(schedules, FIRST, LAST, MADE_AT)
    ours = {
        on for n in range((LAST - FIRST).days + 1)
        if match_slot(slot, on := FIRST + timedelta(days=n), schedules.copies).is_on
    }  # fmt: skip
    assert (expand_with_dateutil(data) if b"VEVENT" in data else set()) == ours


@example(LATE, None, date(2023, 10, 8))
@settings(max_examples=60, deadline=None)
@given(slots(), st.none() | st.tuples(dates, dates), dates)
def test_unchanged_calendar_changes_nothing(slot: Slot, copied: tuple[date, date] | None, today_on: date) -> None:
    schedules = make_copied(slot, copied)
    data = write_calendar(schedules, FIRST, LAST, MADE_AT)
    present = [write_fields(slot)]
    bare = re.sub(rb"X-BROADCASTER-[^\r]*\r\n", b"", data)  # as calendar programs write it that keep no such lines
    for taken in (parse_calendar(data, ZONE, "lich.ics"), parse_calendar(bare, ZONE, "lich.ics")):
        assert match_calendar(schedules, present, taken, today_on) == present


def test_calendar_taken_back_gives_the_same_slots(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    (workspace.schedules / "timetable.yaml").write_text(
        FULL.replace("      - programme: dai-hieu\n", "").replace("from: 2023-10-01", "from: 2023-10-02")
        + "    nth: [2, -1]\n    days: [tue, thu]\n    to: 2024-06-30\n",
        encoding="utf-8",
    )  # fmt: skip
    before = read_schedules(workspace.schedules)
    file = tmp_path / "lich.ics"
    file.write_bytes(write_calendar(before, date(2023, 10, 2), LAST, MADE_AT))
    write_edit(workspace.schedules, plan_edit(workspace.schedules, read_calendar(file, ZONE).slots, is_whole=True))
    after = read_schedules(workspace.schedules)
    for old, new in zip(before.slots, after.slots, strict=True):
        span = [date(2023, 10, 2) + timedelta(days=n) for n in range(363)]
        assert [match_slot(new, on).is_on for on in span] == [match_slot(old, on).is_on for on in span]
        assert (new.title, new.at, new.max_min, new.rundown, new.repeat_of) == (
            old.title, old.at, old.max_min, old.rundown, old.repeat_of,
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
    write_edit(workspace.schedules, plan_edit(workspace.schedules, read_calendar(file, ZONE).slots, is_whole=True))
    after = read_schedules(workspace.schedules)
    span = [first + timedelta(days=n) for n in range(366)]
    assert [match_slot(after.slots[0], on, after.copies).is_on for on in span] == [
        match_slot(before.slots[0], on, before.copies).is_on for on in span
    ]


WEEK = (
    FULL
    + """
  - id: ca-nhac
    title: Ca nhạc
    at: "11:00"
    max_min: 20
    holidays: skip
    lead_min: 60
    rundown: [{column: thoi-su}]
  - id: chu-nhat
    title: Chủ nhật
    at: "09:00"
    max_min: 20
    days: [sun]
    nth: [1, -1]
    rundown: [{column: thoi-su}]
  - id: mot-ngay
    title: Một ngày
    at: "08:00"
    max_min: 20
    dates: [20/11/2023, 2023-12-22]
    rundown: [{column: thoi-su}]
  - id: da-qua
    title: Đã qua
    at: "07:00"
    max_min: 20
    to: 2023-09-30
    rundown: [{column: thoi-su}]
"""
)
SINGLE = """BEGIN:VEVENT\r
UID:ca-nhac@broadcaster\r
RECURRENCE-ID:20231102T040000Z\r
SUMMARY:Ca nhạc\r
DTSTART:20231102T043000Z\r
DURATION:PT20M\r
CATEGORIES:column:thoi-su\r
END:VEVENT\r
"""


@pytest.mark.parametrize(("uid", "old", "new", "details"), [
    ("", "", "", ()),
    ("sang", "T051500", "T053000", (("at", "05:15", "05:30"),)),
    ("sang", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,MO", (("days", "", "mon, sun"),)),
    ("sang", "20231001T", "20231105T", (("from", "", "2023-11-05"),)),
    ("ca-nhac", "SUMMARY:Ca nhạc", "SUMMARY:Dân ca", (("title", "Ca nhạc", "Dân ca"),)),
    ("ca-nhac", "RRULE", "EXDATE:20231103T040000Z\r\nRRULE", (("except", "", "2023-11-03"),)),
    ("ca-nhac", "RRULE", "RDATE:20240101T040000Z\r\nRRULE",
     (("days", "", "mon, tue, wed, thu, fri, sat, sun"), ("dates", "", "2024-01-01"))),
    ("ca-nhac", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", (("days", "", "sun"),)),
    ("chu-nhat", "RRULE:", "RRULE:UNTIL=20240331T020000Z;", (("to", "", "2024-03-31"),)),
    ("chu-nhat", "FREQ=MONTHLY;BYDAY=-1SU,1SU", "FREQ=WEEKLY;BYDAY=SU", (("nth", "1, -1", ""),)),
    ("mot-ngay", "20231222T", "20231223T", (("dates", "2023-11-20, 2023-12-22", "2023-11-20, 2023-12-23"),)),
    ("chieu", "FREQ=WEEKLY;", "FREQ=WEEKLY;INTERVAL=2;",
     (("from", "2023-10-01", "2023-10-02"), ("every_weeks", "", "2"))),
    ("chieu", "END:VEVENT\r\n", "END:VEVENT\r\n" + SINGLE,
     (("except", "", "2023-11-02"), ("dates", "", "2023-11-02"))),
])  # fmt: skip
def test_changed_event_changes_that_alone(
    tmp_path: Path, uid: str, old: str, new: str, details: tuple[tuple[str, str, str], ...]
) -> None:
    folder = write_files(tmp_path, timetable=WEEK)
    data = write_calendar(read_schedules(folder), FIRST, LAST, MADE_AT).decode().replace("\r\n ", "")
    events = data.split("BEGIN:VEVENT")
    place = next(n for n, event in enumerate(events) if f"UID:{uid}@" in event or not uid)
    assert old in events[place]
    events[place] = events[place].replace(old, new, 1)
    text = "BEGIN:VEVENT".join(events)
    taken = parse_calendar(text.encode(), ZONE, "lich.ics")
    edit = plan_edit(folder, match_calendar(read_schedules(folder), read_slots(folder), taken, FIRST), is_whole=True)
    changes = [(one.slot, *one.details) for one in edit.changes]
    if new.endswith(SINGLE):
        assert changes == [("ca-nhac", details[0]), ("ca-nhac-20231102", *edit.changes[1].details)]
        assert details[1] in edit.changes[1].details
        assert ("at", "", "11:30") in edit.changes[1].details
    else:
        assert changes == ([(uid, *details)] if uid else [])
    assert "&id" not in edit.text


def test_calendar_program_that_drops_or_sorts_what_it_does_not_know_changes_nothing(tmp_path: Path) -> None:
    """Categories gone, others in their place, sorted with each but once; no place; a moved occurrence like that too."""
    folder = write_files(
        tmp_path, timetable=WEEK.replace("- fill: thoi-su", "- fill: thoi-su\n      - programme: dai-hieu")
    )
    schedules, slots = read_schedules(folder), read_slots(folder)
    data = write_calendar(schedules, FIRST, LAST, MADE_AT).decode().replace("\r\n ", "")
    bare = re.sub(r"LOCATION:.*\r\n", "", data)
    shortened = re.sub("CATEGORIES:(.*)", lambda found: "CATEGORIES:" + ",".join(sorted({*found[1].split(",")})), bare)
    for text in (re.sub(r"CATEGORIES:.*\r\n", "", bare), re.sub("CATEGORIES:.*", "CATEGORIES:Việc\r", bare), shortened):
        taken = parse_calendar(text.encode(), ZONE, "lich.ics", schedules.slots)
        assert plan_edit(folder, match_calendar(schedules, slots, taken, FIRST), is_whole=True).changes == ()
    text = bare.replace("END:VCALENDAR", SINGLE.replace("CATEGORIES:column:thoi-su\r\n", "") + "END:VCALENDAR")
    taken = parse_calendar(text.encode(), ZONE, "lich.ics", schedules.slots)
    assert taken.slots[-1]["rundown"] == [{"column": "thoi-su"}]
    text = data.replace("CATEGORIES:column:thoi-su", "CATEGORIES:fill:thoi-su")
    taken = parse_calendar(text.encode(), ZONE, "lich.ics", schedules.slots)
    edit = plan_edit(folder, match_calendar(schedules, slots, taken, FIRST), is_whole=True)
    assert ("rundown", "column:thoi-su", "fill:thoi-su") in edit.changes[0].details


@pytest.mark.parametrize(("lines", "told"), [
    ("RRULE:FREQ=YEARLY", "cannot hold the rule YEARLY every 1"),
    ("RRULE:FREQ=DAILY;COUNT=3", "cannot hold the rule COUNT"),
    ("RRULE:FREQ=MONTHLY;BYDAY=TU", "a monthly rule names weekdays"),
    ("CATEGORIES:thoi-su", "does not say what plays"),
    ("RRULE:FREQ=DAILYac", "its RRULE cannot be read"),
    ("EXDATE:2023", "its EXDATE cannot be read"),
])  # fmt: skip
def test_calendar_rules_that_a_timetable_cannot_hold_are_named(tmp_path: Path, lines: str, told: str) -> None:
    file = tmp_path / "x.ics"
    category = "" if lines.startswith("CATEGORIES") else "CATEGORIES:column:thoi-su\r\n"
    file.write_bytes(("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nSUMMARY:Chiều\r\n"
                      f"DTSTART;TZID=Asia/Ho_Chi_Minh:20231002T170000\r\nDURATION:PT30M\r\n{category}{lines}\r\n"
                      "END:VEVENT\r\nEND:VCALENDAR\r\n").encode())  # fmt: skip
    with pytest.raises(InputError, match=f"event 'Chiều': .*{told}"):
        read_calendar(file, ZONE)

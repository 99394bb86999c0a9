"""What stations may be asked for at most: weekdays, quiet hours, length and number of sessions."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from broadcaster.core.ids import SlotId
from broadcaster.core.model import QuietHours
from broadcaster.core.schedules import Slot
from broadcaster.timetable.guards import list_sessions, sum_session_min
from broadcaster.timetable.read import read_schedules
from tests.unit.test_timetable_files import CENTRE, STATIONS, list_faults, write_files

TWO = """format: 1
slots:
  - {id: sang, title: Sáng, at: "05:15", max_min: 30, rundown: [{column: thoi-su}]}
  - {id: chieu, title: Chiều, at: "17:00", max_min: 30, rundown: [{column: thoi-su}]}
  - {id: tin, title: Tin, at: "17:30", max_min: 15, stations: [xa], days: [sat], rundown: [{column: thoi-su}]}
"""


def guard(rule: str) -> str:
    return STATIONS + f"guards:\n  - stations: [xa]\n    {rule}\n"


@pytest.mark.parametrize(
    ("rule", "faults"),
    [
        ("days: [mon, tue, wed, thu, fri]", ["3:33: slot 'sang' is on a Sunday", "4:35: slot 'chieu' is on a Sunday",
                                             "5:31: slot 'tin' is on a Saturday"]),
        ("session_max_min: 40", ["5:31: the session chieu + tin on a Saturday is 45 min long"]),
        ("session_max_min: 45", []),
        ("sessions_per_day: 1", ["4:35: slot 'chieu' is session 2 on any day"]),
        ("sessions_per_day: 2", []),
        ('quiet_hours: [{from: "05:30", to: "07:00"}]', ["3:33: slot 'sang' (05:15, up to 30 min) lies in the quiet"]),
        ('own_hours: [{from: "17:40", to: "18:00", days: [sat, sun]}]', [
            "5:31: slot 'tin' (17:30, up to 15 min) meets the communes' own hours 17:40-18:00 on a Saturday"]),
        ('own_hours: [{from: "17:45", to: "05:15"}, {from: "17:30", to: "17:45", days: [sun]}]', []),
        ('own_hours: [{from: "23:00", to: "05:16", days: [sun]}]', ["3:33: slot 'sang' (05:15, up to 30 min) meets"]),
        ('own_hours: [{from: "06:00", to: "06:00"}]', ["slot 'sang'", "slot 'chieu'", "slot 'tin'"]),
        ("stations_per_day: 2", ["stations.yaml:6:5: unknown field 'stations_per_day'"]),
        ("session_max_min: 0", ["stations.yaml:6:22: field 'session_max_min' is 0"]),
        ("days: []", ["stations.yaml:6:11: field 'days' is []"]),
    ],
)  # fmt: skip
def test_guard_names_each_slot_that_it_does_not_allow(tmp_path: Path, rule: str, faults: list[str]) -> None:
    found = list_faults(tmp_path, stations=guard(rule), timetable=TWO)
    assert len(found) == len(faults), found
    for message, expected in zip(found, faults, strict=True):
        assert expected in message


def test_guard_for_a_group_leaves_the_others_alone(tmp_path: Path) -> None:
    stations = STATIONS + "  - {id: dan-luc, name: Xã Dân Lực, groups: [khac]}\n"
    stations += "guards:\n  - {stations: [khac], session_max_min: 40, sessions_per_day: 2}\n"
    assert list_faults(tmp_path, stations=stations, timetable=TWO) == []


def test_guard_for_nobody_known_is_a_fault(tmp_path: Path) -> None:
    stations = STATIONS + "guards:\n  - {stations: [xaa], session_max_min: 40}\n"
    (fault,) = list_faults(tmp_path, stations=stations)
    assert "5:17: unknown station or group 'xaa' (did you mean 'xa'?)" in fault


def test_guards_look_through_second_weeks_and_periods(tmp_path: Path) -> None:
    for n, (rule, day) in enumerate((
        ("days: [sat], from: 2024-03-02, every_weeks: 2", "Saturday 02/03/2024"),
        ("days: [sat], nth: [2]", "some Saturdays"),
        ("dates: [2024-03-02]", "Saturday 02/03/2024"),
        ("days: [sat], from: 2020-01-01, holidays: skip", "some Saturdays"),
    )):  # fmt: skip
        late = TWO.replace("days: [sat]", rule)
        (tmp_path / str(n)).mkdir()
        (fault,) = list_faults(tmp_path / str(n), stations=guard("session_max_min: 40"), timetable=late)
        assert f"chieu + tin on {day} is 45 min long" in fault


def test_guards_look_at_every_group_and_at_periods_that_begin_far_ahead(tmp_path: Path) -> None:
    stations = STATIONS + "  - {id: dan-luc, name: Xã Dân Lực, groups: [khac]}\n"
    stations += "guards:\n  - {stations: [all], session_max_min: 40}\n"
    later = "stations: [khac], from: 2031-05-03, days: [sat]"
    timetable = TWO.replace("stations: [xa], days: [sat]", later)
    timetable += """  - {id: tet, title: T, at: "05:45", max_min: 15, stations: [xa], holidays: only,
     rundown: [{column: thoi-su}]}
"""
    first, second = sorted(list_faults(tmp_path, stations=stations, timetable=timetable))
    assert "chieu + tin on Saturday 03/05/2031 is 45 min long" in first
    assert "sang + tet on a holiday (Tết Dương lịch) is 45 min long" in second


def test_box_gets_the_quiet_hours_of_its_guards_too(tmp_path: Path) -> None:
    rule = guard('quiet_hours: [{from: "12:00", to: "13:30"}, {from: "21:00", to: "05:00"}]')
    schedules = read_schedules(write_files(tmp_path, stations=rule, centre=CENTRE))
    (station,) = schedules.stations
    assert schedules.list_quiet_hours(station) == (
        QuietHours(time(21), time(5)), QuietHours(time(12), time(13, 30)),
    )  # fmt: skip


def test_what_follows_within_a_minute_is_one_session() -> None:
    slots = [Slot(SlotId(name), name, at, length) for name, at, length in (
        ("c", time(18), 10), ("a", time(17), 30), ("b", time(17, 30, 30), 15), ("d", time(18, 11), 5),
    )]  # fmt: skip
    sessions = list_sessions(slots)
    assert [[slot.id for slot in session] for session in sessions] == [["a", "b"], ["c"], ["d"]]
    assert [sum_session_min(session) for session in sessions] == [45.5, 10, 5]
    assert date(2023, 1, 1).weekday() == 6

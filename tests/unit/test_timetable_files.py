"""Wrong files in schedules/ and the message that each gives: file, line, column, what was expected.

`python -m tests.unit.test_timetable_files` writes them as a table, docs/wrong-files.md.
"""

from __future__ import annotations

import difflib
import tempfile
import unicodedata
from pathlib import Path

import pytest

from broadcaster.centre.workspace import init_workspace
from broadcaster.core.errors import ConfigError, TimetableError, WorkspaceError
from broadcaster.timetable.read import read_all, read_schedules

STATIONS = "format: 1\nstations:\n  - {id: an-nong, name: Xã An Nông, groups: [xa]}\n"
COLUMNS = "format: 1\ncolumns:\n  - {id: thoi-su, name: Thời sự}\n"
CENTRE = 'format: 1\nname: Trung tâm\nquiet_hours:\n  - {from: "21:00", to: "05:00"}\n'
CAMPAIGNS = "format: 1\ncampaigns: []\n"
SLOT = """format: 1
slots:
  - id: chieu
    title: Chiều
    at: "17:00"
    max_min: 30
    rundown: [{column: thoi-su}]
"""
RIGHT = {"centre": CENTRE, "stations": STATIONS, "columns": COLUMNS, "campaigns": CAMPAIGNS, "timetable": SLOT}


def write_files(folder: Path, **changed: str) -> Path:
    schedules = folder / "schedules"
    schedules.mkdir()
    for name, text in {**RIGHT, **changed}.items():
        (schedules / f"{name}.yaml").write_text(text, encoding="utf-8")
    return schedules


def list_faults(folder: Path, **changed: str) -> list[str]:
    found = read_all(write_files(folder, **changed))
    return [str(fault) for fault in found.faults]


WRONG = [
    ({"timetable": SLOT.replace("17:00", "25:00")}, "timetable.yaml:5:9: field 'at' is '25:00'", "a time of day"),
    ({"timetable": SLOT.replace('"17:00"', "1700")}, "timetable.yaml:5:9: field 'at' is 1700", '"17:00"'),
    ({"timetable": SLOT.replace('"17:00"', "17h00")}, "timetable.yaml:5:9: field 'at' is '17h00'", '"17:00"'),
    ({"timetable": SLOT.replace('"17:00"', "“17:00”")}, "timetable.yaml:5:9: field 'at' is '“17:00”'", '"17:00"'),
    ({"timetable": SLOT.replace("    max_min", "\tmax_min")}, "timetable.yaml:6:1: not YAML", "spaces"),
    ({"timetable": SLOT.replace("title: ", "title:")}, "timetable.yaml:4:5: not YAML", "a space behind"),
    ({"timetable": SLOT + "    stations: all\n"}, "8:15: field 'stations' is 'all'", "a list"),
    ({"timetable": SLOT + "    days: [t2]\n"}, "8:12: field 'days' is 't2'", "'tue'"),
    ({"timetable": SLOT.replace("[{column: thoi-su}]", "thoi-su")}, "field 'rundown' is 'thoi-su'", "a list"),
    ({"timetable": SLOT.replace("{column: thoi-su}", "thoi-su")}, "field 'rundown' is 'thoi-su'", "fields"),
    ({"timetable": SLOT.replace(" at:", " att:")}, "timetable.yaml:5:5: unknown field 'att'", "(did you mean 'at'?)"),
    ({"timetable": SLOT.replace("max_min: 30", "max_min: 0")}, "timetable.yaml:6:14: field 'max_min' is 0", "1"),
    ({"timetable": SLOT.replace("thoi-su", "thoi-xu")}, "7:24: unknown column 'thoi-xu'", "did you mean 'thoi-su'?"),
    ({"timetable": SLOT.replace("}]", "}, {fill: thoi-s}]")}, "7:41: unknown column 'thoi-s'", "mean 'thoi-su'?"),
    ({"timetable": SLOT.replace("}]", ", fill: thoi-su}]")}, "7:15: a rundown item is a programme, a column or", ""),
    ({"timetable": SLOT + "    stations: [an-nog]\n"}, "8:16: unknown station or group", "did you mean 'an-nong'?"),
    ({"timetable": SLOT + "    days: [mom]\n"}, "timetable.yaml:8:12:", "'mon'"),
    ({"timetable": SLOT.replace("17:00", "03:15")}, "5:9: slot 'chieu' (03:15, up to 30 min) lies in the quiet", ""),
    ({"timetable": SLOT.replace("17:00", "20:45")}, "lies in the quiet hours 21:00-05:00", "another time"),
    ({"timetable": SLOT + SLOT[16:].replace("chieu", "sau").replace("17:00", "17:15")}, "overlaps slot 'chieu'", ""),
    ({"timetable": SLOT + SLOT[16:].replace("17:00", "18:00")}, "a second slot with the id 'chieu'", "its own"),
    ({"timetable": SLOT.replace("    rundown: [{column: thoi-su}]\n", "")}, "has nothing to play", "rundown"),
    ({"timetable": SLOT.replace("rundown: [{column: thoi-su}]", "repeat_of: sang")}, "unknown slot 'sang'", ""),
    ({"timetable": SLOT + "    repeat_of: chieu\n"}, "not both", "one of the two"),
    ({"timetable": SLOT + "    begins: within\n"}, "8:13: begins within some minutes, but how many?", "`within_min`"),
    ({"timetable": SLOT + "    begins: soon\n"}, "timetable.yaml:8:13: field 'begins' is 'soon'", "'within'"),
    ({"timetable": SLOT + "    within_min: 5\n"}, "8:17: within_min without `begins: within`", "no within_min"),
    ({"timetable": SLOT + "    from: 2023-10-10\n    to: 2023-10-01\n"}, "ends before it starts", "on or after"),
    ({"timetable": SLOT + "    from: 2023-13-10\n"}, "timetable.yaml:8:11: field 'from' is '2023-13-10'", "a day that"),
    ({"timetable": "format: 1\nslots: [\n"}, "timetable.yaml:3:1: not YAML", ""),
    ({"timetable": ""}, "timetable.yaml:1:1: the file is not a list of fields", "format: 1"),
    ({"timetable": SLOT.replace("format: 1\n", "")}, "field 'format' is missing", ""),
    ({"timetable": SLOT.replace("format: 1", "format: 2")}, "timetable.yaml:1:9: field 'format' is 2", "1"),
    ({"stations": STATIONS.replace("an-nong", "An Nông")}, "stations.yaml:3:10: field 'id' is 'An Nông'", "a-z"),
    ({"stations": STATIONS + "  - {id: an-nong, name: Khác}\n"}, "4:10: a second station", ""),
    ({"stations": STATIONS + "  - {id: b, name: B, host_key: abc}\n"}, "field 'host_key' is 'abc'", "ssh-ed25519"),
    ({"stations": STATIONS + "  - {id: b, name: B, volume: 300}\n"}, "field 'volume' is 300", "130"),
    ({"stations": STATIONS + "  - {id: b, name: B, port: http}\n"}, "field 'port' is 'http'", "a whole number"),
    ({"centre": CENTRE + "zone: Asia/Thanh_Hoa\n"}, "centre.yaml:5:7: field 'zone'", "Asia/Ho_Chi_Minh"),
    ({"centre": CENTRE + "loudness: {target_lufs: 16}\n"}, "field 'target_lufs' is 16", "-9"),
    ({"centre": CENTRE.replace("name:", "nme:")}, "centre.yaml:2:1: unknown field 'nme'", "(did you mean 'name'?)"),
    ({"columns": COLUMNS + "  - {id: thoi-su, name: Lặp}\n"}, "a second column with the id 'thoi-su'", ""),
    ({"timetable": SLOT + "    every_weeks: 2\n"}, "8:18: every 2 weeks, but from which week?", "`from`"),
    ({"timetable": SLOT + "    every_weeks: 0\n"}, "8:18: field 'every_weeks' is 0", "1"),
    ({"timetable": SLOT + "    nth: [6]\n"}, "timetable.yaml:8:11:", "-1"),
    ({"timetable": SLOT + "    nth: []\n"}, "8:10: field 'nth' is []", "at least 1"),
    ({"timetable": SLOT + "    dates: [2023-02-29]\n"}, "8:13: field 'dates' is '2023-02-29'", "date"),
    ({"timetable": SLOT + "    from: 2023-10-02\n    dates: [2023-10-01]\n"}, "01/10/2023 lies outside", "`from`"),
    ({"timetable": SLOT + "    except: [{from: 2023-10-02, to: 2023-10-01}]\n"}, "8:14: the exception ends", "on or"),
    ({"timetable": SLOT + "    except: [tet]\n"}, "is 'tet'", "a day"),
    ({"timetable": SLOT + "    holidays: no\n"}, "8:15: field 'holidays' is", "'skip'"),
    ({"timetable": SLOT + "    holiday: skip\n"}, "8:5: unknown field 'holiday'", "'holidays'"),
    ({"timetable": SLOT + "copies:\n  - {date: 2023-10-14, like: 2023-W41}\n"}, "9:5: what is copied", "both"),
    ({"timetable": SLOT + "copies:\n  - {week: 2023-W54, like: 2023-W41}\n"}, "field 'week' is '2023-W54'", "W41"),
    ({"timetable": SLOT + "copies:\n  - {date: 2023-10-14, like: 2023-14}\n"}, "9:30: field 'like' is", "2023-W41"),
    (
        {"timetable": SLOT + "copies:\n  - {week: 2023-W40, like: 2023-W40}\n"},
        "9:28: 2023-W40 is to be like",
        "another",
    ),
    (
        {"timetable": SLOT + "copies:\n" + "  - {date: 14/10/2023, like: 09/10/2023}\n" * 2},
        "timetable.yaml:10:5: a second copy for 14/10/2023",
        "one for each",
    ),
    ({"timetable": SLOT + "    stations: [Xã An Nông]\n"}, "unknown station or group", "did you mean 'an-nong'?"),
    ({"stations": STATIONS + "  - {id: b, name: B, phone: 0912345678}\n"}, "4:29: field 'phone' is", "in quotes"),
    ({"stations": STATIONS + "  - {id: b, name: B, host: 'b.vn:2222'}\n"}, "field 'host' is 'b.vn:2222'", "`port`"),
    ({"stations": STATIONS + "  - {id: b, name: B, host: '192.0.2.9:22'}\n"}, "'host' is '192.0.2.9:22'", "`port`"),
    (
        {
            "timetable": SLOT
            + "    days: [mon]\n"
            + SLOT[16:].replace("chieu", "sau")
            + "    nth: [-1]\n    days: [mon]\n"
        },
        "overlaps slot 'chieu'",
        "a time outside",
    ),
    (
        {"campaigns": "format: 1\ncampaigns:\n  - {id: a, name: A, from: 2023-10-10, to: 2023-10-01}\n"},
        "campaigns.yaml:3:44: the campaign ends before it starts",
        "",
    ),
]


DOCS = Path(__file__).parents[2] / "docs" / "wrong-files.md"
HEAD = """# Wrong files and what is said of them

Each row is one mistake in otherwise right files of `schedules/`, and all that `broadcaster check` says of it. The test
that makes this table fails when a message changes. Faults of all files come at once, in the order of their lines; a
field that cannot be read hides no fault elsewhere, nor does a file that is no YAML: only names that are looked up in
that file are taken on trust until it can be read.

| what stands in the file | what is said |
|---|---|
"""


def write_table(folder: Path) -> str:
    rows = []
    for n, (changed, _, _) in enumerate(WRONG):
        (place := folder / str(n)).mkdir()
        ((name, text),) = changed.items()
        lines = list(difflib.ndiff(RIGHT[name].splitlines(), text.splitlines()))
        new = [f"`{line[2:].replace(chr(9), '⇥').strip()}`" for line in lines if line[:2] == "+ " and line[2:].strip()]
        gone = [f"without `{line[2:].strip()}`" for line in lines if line[:2] == "- "]
        shown = new or (gone if text else ["an empty file"])
        told = [fault.removeprefix("schedules/").replace("|", "\\|") for fault in list_faults(place, **changed)]
        rows.append(f"| {'<br>'.join(shown)} | {'<br>'.join(told)} |\n")
    return HEAD + "".join(rows)


def test_table_in_the_docs_says_what_is_said(tmp_path: Path) -> None:
    assert len(WRONG) >= 40
    assert DOCS.read_text(encoding="utf-8") == write_table(tmp_path)


@pytest.mark.parametrize(("changed", "where", "expected"), WRONG)
def test_wrong_field_is_named_with_its_place(
    tmp_path: Path, changed: dict[str, str], where: str, expected: str
) -> None:
    faults = list_faults(tmp_path, **changed)
    assert any(where in fault and expected in fault for fault in faults), faults


def test_slots_at_one_time_on_days_that_never_meet_do_not_overlap(tmp_path: Path) -> None:
    twin = SLOT[16:].replace("chieu", "tet") + "    holidays: only\n"
    assert list_faults(tmp_path, timetable=SLOT + "    holidays: skip\n" + twin) == []


def test_copied_day_that_brings_two_slots_together_is_a_fault(tmp_path: Path) -> None:
    late = SLOT[16:].replace("chieu", "dem").replace("17:00", "16:50") + "    days: [sun]\n"
    early = SLOT + "    days: [sat]\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert list_faults(tmp_path / "a", timetable=early + late) == []
    copied = early + late + "    dates: [2023-10-14]\ncopies:\n  - {date: 2023-10-16, like: 2023-10-14}\n"
    assert any("overlaps" in fault for fault in list_faults(tmp_path / "b", timetable=copied))


def test_right_files_have_no_fault(tmp_path: Path) -> None:
    assert list_faults(tmp_path) == []


def test_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_schedules(write_files(tmp_path, centre="format: 3\n", columns="[]", timetable=SLOT.replace("at:", "art:")))
    assert {fault.path.name for fault in caught.value.faults} == {"centre.yaml", "columns.yaml", "timetable.yaml"}


def test_field_that_cannot_be_read_hides_no_broken_rule_and_makes_none_up(tmp_path: Path) -> None:
    """What refers to the unreadable station, column and slot is right; the slots at 3:15 and in 'thoi-xu' are not."""
    again = SLOT[16:].replace("chieu", "sang").replace("17:00", "5:15").replace("rundown: [{column: thoi-su}]", "{}")
    timetable = (
        SLOT.replace("17:00", "25:00").replace("thoi-su", "tin-xa") + "    stations: [dan-ly]\n"
        + again.replace("{}", "repeat_of: chieu") + "    stations: [xa]\n"
        + SLOT[16:].replace("chieu", "dem").replace("17:00", "03:15").replace("thoi-su", "thoi-xu")
    )  # fmt: skip
    found = list_faults(
        tmp_path,
        timetable=timetable,
        stations=STATIONS + "  - {id: dan-ly, name: Xã Dân Lý, volume: 300}\n",
        columns=COLUMNS + "  - {id: tin-xa, title: Tin xã, name: Tin}\n",
        centre=CENTRE + "workers: 0\n",
    )
    heads = [fault.partition(" (")[0].removeprefix("schedules/") for fault in found]
    assert heads == [
        "centre.yaml:5:10: field 'workers' is 0",
        "stations.yaml:4:43: field 'volume' is 300",
        "columns.yaml:4:18: unknown field 'title'",
        "timetable.yaml:5:9: field 'at' is '25:00'",
        "timetable.yaml:19:9: slot 'dem'",
        "timetable.yaml:21:24: unknown column 'thoi-xu'",
    ]


def test_station_and_column_that_cannot_be_read_keep_the_names_that_others_use(tmp_path: Path) -> None:
    """Its groups, and of an id that is none the one that was meant; all in the order of their lines."""
    guards = "guards:\n  - {stations: [xa, dan-ly], session_max_min: 45}\n"
    stations = STATIONS.replace("groups", "phone: 0912345678, groups") + "  - {id: Dân Lý, name: Xã Dân Lý}\n" + guards
    found = list_faults(
        tmp_path, stations=stations, columns=COLUMNS.replace("thoi-su", "thoi_su") + "  - {name: Tin}\n",
        timetable=SLOT.replace("}]", "}, {column: tin}]") + SLOT[16:].replace("chieu", "sa").replace("17:00", "25:00"),
    )  # fmt: skip
    assert [fault.partition(" (")[0].removeprefix("schedules/") for fault in found] == [
        "stations.yaml:3:44: field 'phone' is 912345678",
        "stations.yaml:4:10: field 'id' is 'Dân Lý'",
        "columns.yaml:3:10: field 'id' is 'thoi_su'",
        "columns.yaml:4:5: field 'id' is missing",
        "timetable.yaml:7:43: unknown column 'tin'",
        "timetable.yaml:11:9: field 'at' is '25:00'",
    ]
    assert found[-2].endswith("(expected one of thoi-su)")


def test_file_that_is_no_yaml_hides_only_what_depends_on_it(tmp_path: Path) -> None:
    twin = SLOT[16:].replace("chieu", "dem").replace("thoi-su", "tin-xa") + "    repeat_of: sang\n    stations: [xa]\n"
    late = CAMPAIGNS.replace("[]", "[{id: a, name: A, from: 2023-10-10, to: 2023-10-01}]")
    found = list_faults(tmp_path, stations="stations: [", columns="columns:\t[", campaigns=late, timetable=SLOT + twin)
    assert [fault.partition(" (")[0].removeprefix("schedules/") for fault in found] == [
        "stations.yaml:1:12: not YAML: expected the node content, but found '<stream end>'",
        "columns.yaml:1:9: not YAML: found character '\\t' that cannot start any token",
        "campaigns.yaml:2:52: the campaign ends before it starts",
        "timetable.yaml:11:9: slot 'dem'",
        "timetable.yaml:14:16: a slot has a rundown or repeats another slot, not both",
        "timetable.yaml:14:16: unknown slot 'sang'",
    ]


def test_broken_rules_are_timetable_errors_with_exit_code_30(tmp_path: Path) -> None:
    with pytest.raises(TimetableError) as caught:
        read_schedules(write_files(tmp_path, timetable=SLOT.replace("17:00", "03:15")))
    assert caught.value.exit_code == 30


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    schedules = write_files(tmp_path)
    (schedules / "columns.yaml").unlink()
    assert "schedules/columns.yaml:1:1: the file is missing" in str(read_all(schedules).config_faults[0])
    with pytest.raises(WorkspaceError):
        read_all(tmp_path / "nowhere")


def test_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    schedules = write_files(tmp_path)
    (schedules / "columns.yaml").write_bytes(b"format: 1\n# Th\xf6i s\xf1\n")
    assert "not UTF-8" in str(read_all(schedules).config_faults[0])


def test_names_in_nfd_are_read_as_nfc(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", STATIONS)
    assert decomposed != STATIONS
    assert read_schedules(write_files(tmp_path, stations=decomposed)).stations[0].name == "Xã An Nông"


def test_files_that_init_makes_are_right(tmp_path: Path) -> None:
    workspace, made = init_workspace(tmp_path / "mới")
    assert len(made) == 5
    assert len(read_schedules(workspace.schedules).slots) == 2
    (workspace.schedules / "centre.yaml").write_text("của tôi")
    _, again = init_workspace(workspace.root)
    assert again == []
    assert (workspace.schedules / "centre.yaml").read_text() == "của tôi"


def test_worked_example_has_the_34_stations_of_trieu_son() -> None:
    schedules = read_schedules(Path(__file__).parents[2] / "schedules")
    names = [station.name for station in schedules.stations]
    assert len(names) == len(set(names)) == 34
    assert sum(name.startswith("Thị trấn ") for name in names) == 2
    campaign = schedules.campaigns[0]
    assert (campaign.starts_on.isoformat(), campaign.ends_on.isoformat()) == ("2023-10-01", "2023-10-10")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        DOCS.write_text(write_table(Path(name)), encoding="utf-8")

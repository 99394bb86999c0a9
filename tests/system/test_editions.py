"""Editions of the sample week: kept, made again to the same bytes, corrected by late journals."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import docx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event, text

from broadcaster.airtime.words import ENGLISH
from broadcaster.centre.editions import Written, read_edition, write_again, write_corrections, write_report
from broadcaster.centre.report_duty import ReportDuty
from broadcaster.centre.reports import order_month, order_week
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, RecordError, UnknownNameError
from broadcaster.core.files import hash_file
from broadcaster.core.ids import LogId
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.store.logs import write_journal
from broadcaster.store.plans import read_station_airings
from broadcaster.store.stations import write_contact
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.journal import Ending, Happening, read_entry, write_entry
from tests.sample_week import MADE_AT, MONDAY, SILENT, fill_week, init_sample
from tests.unit.makers import make_entry

LATE_AT = MADE_AT + timedelta(days=2)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample week once; tests work on copies."""
    workspace, schedules = init_sample(tmp_path_factory.mktemp("sample") / "w")
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
    return workspace.root


class Week:
    """An open copy of the sample week."""

    def __init__(self, workspace: Workspace, record: Record, schedules: Schedules) -> None:
        self.workspace, self.record, self.schedules = workspace, record, schedules

    def write(self, days: int = 0) -> Written:
        at = MADE_AT + timedelta(days=days)
        return write_report(self.workspace, self.record, self.schedules, order_week(MONDAY), at)

    def collect_late(self) -> None:
        """Collect what the silent station had played all the time."""
        begins_at = MADE_AT - timedelta(days=7)
        with self.record.write() as connection:
            planned = read_station_airings(connection, [SILENT], begins_at, MADE_AT)[SILENT]
            lines = []
            for number, (airing, _) in enumerate(planned):
                entry = make_entry(Happening.END, airing, output_ms=airing.duration_ms, ending=Ending.COMPLETE)
                raw = plan_line(ChainPoint(LogId("bb"), number, CHAIN_START), write_entry(entry))
                lines.append(read_entry(read_line(raw)))
            write_journal(connection, SILENT, lines, LATE_AT)
            write_contact(connection, SILENT, {"journal_until": LATE_AT, "reached_at": LATE_AT})


@pytest.fixture
def week(filled: Path, tmp_path: Path) -> Iterator[Week]:
    shutil.copytree(filled, tmp_path / "w")
    workspace = Workspace(tmp_path / "w")
    _, schedules = init_sample(tmp_path / "w")
    with workspace.open_record() as record:
        yield Week(workspace, record, schedules)


def hash_folder(folder: Path) -> dict[str, str]:
    return {path.name: hash_file(path) for path in folder.iterdir() if path.is_file()}


def test_report_written_again_is_the_same_edition_with_the_same_bytes(week: Week) -> None:
    first = week.write()
    assert first.is_new
    assert first.edition is not None
    assert first.edition.files == hash_folder(week.workspace.reports)
    again = week.write(days=1)
    assert (again.is_new, again.report.made_at, again.report.edition) == (False, first.report.made_at, 1)
    assert hash_folder(week.workspace.reports) == first.edition.files
    assert again.report == first.report


def test_questions_of_a_report_go_through_indexes_and_not_through_the_history(week: Week) -> None:
    asked: list[tuple[str, object]] = []

    def note(*call: object) -> None:
        asked.append((str(call[2]), call[3]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        week.write()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with week.record.read() as connection:
        plans = [
            str(row[3])
            for statement, values in asked
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
        ]
    grown = ("airings", "deliveries", "journal_lines", "plan_revisions", "receipts")
    found = [plan for plan in plans if plan.split()[0] in ("SCAN", "SEARCH") and plan.split()[1] in grown]
    assert {plan.split()[1] for plan in found} == set(grown)
    # one condition alone would be all that a station ever had
    whole = [plan for plan in found if "=?)" in plan.replace(" AND ", "") and " AND " not in plan]
    assert [plan for plan in found if plan.startswith("SCAN")] == []
    assert whole == []


def test_edition_is_made_again_to_the_same_bytes_after_names_and_contacts_changed(week: Week, tmp_path: Path) -> None:
    first = week.write()
    assert first.edition is not None
    stations = week.workspace.schedules / "stations.yaml"
    stations.write_text(stations.read_text().replace("Xã An Nông", "Xã khác"))
    with week.record.write() as connection:
        write_contact(connection, SILENT, {"message": "changed", "failed_at": LATE_AT, "clock_offset_s": 90.0})
        connection.execute(text("UPDATE programmes SET removed_at = '2023-11-01 00:00:00'"))
    again, same = write_again(week.record, "2023-W40", None, tmp_path / "again")
    assert same == dict.fromkeys(first.edition.files, True)
    assert again.report == first.report
    assert hash_folder(tmp_path / "again") == first.edition.files
    with zipfile.ZipFile(again.files.docx) as letter:
        assert {info.date_time for info in letter.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_late_journals_make_a_new_edition_that_says_what_it_corrects(week: Week, tmp_path: Path) -> None:
    first = week.write()
    assert first.edition is not None
    assert write_corrections(week.workspace, week.record, week.schedules, LATE_AT) == []
    week.collect_late()
    (second,) = write_corrections(week.workspace, week.record, week.schedules, LATE_AT)
    assert second.report.correction is not None
    assert (second.report.edition, second.report.correction.edition) == (2, 1)
    assert second.report.correction.made_at == first.report.made_at
    changes = {
        (change.station, change.figure): (change.before, change.after) for change in second.report.correction.changes
    }
    assert {station for station, _ in changes} == {"", SILENT}
    silent = next(row for row in first.report.stations if row.station == SILENT)
    assert changes[SILENT, "no_journal"] == (silent.no_journal, 0)
    gained = changes["", "played_dmin"][1] - changes["", "played_dmin"][0]
    assert gained == changes[SILENT, "played_dmin"][1] - changes[SILENT, "played_dmin"][0] > 0
    assert second.files.html.name == "bao-cao-2023-W40-v2.html"
    told = "Bản 2, thay bản 1 lập lúc 07:00 09/10/2023"
    assert told in second.files.html.read_text(encoding="utf-8")
    assert any(told in one.text for one in docx.Document(str(second.files.docx)).paragraphs)
    assert first.edition.files.items() <= hash_folder(week.workspace.reports).items()
    # the earlier edition still is what it was: what came later it does not know
    _, same = write_again(week.record, "2023-W40", 1, tmp_path / "again")
    assert set(same.values()) == {True}
    assert write_corrections(week.workspace, week.record, week.schedules, LATE_AT + timedelta(days=1)) == []


def test_edition_whose_rows_are_gone_is_not_made_again(week: Week, tmp_path: Path) -> None:
    week.write()
    with week.record.write() as connection:
        connection.execute(text("DELETE FROM journal_lines WHERE seq = 12"))
    with pytest.raises(RecordError, match="no longer holds"):
        write_again(week.record, "2023-W40", 1, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_report_of_a_running_week_is_provisional(week: Week) -> None:
    early = week.write(days=-2)
    assert (early.edition, early.report.edition) == (None, 0)
    with pytest.raises(UnknownNameError, match="2023-W40"):
        read_edition(week.record, "2023-W40")
    assert week.write().report.edition == 1


def test_other_language_belongs_to_the_same_edition(week: Week) -> None:
    week.write()
    written = write_report(
        week.workspace, week.record, week.schedules, order_week(MONDAY), MADE_AT + timedelta(hours=1), ENGLISH
    )
    kept = read_edition(week.record, "2023-W40")
    assert not written.is_new
    assert kept.files == hash_folder(week.workspace.reports)
    assert {"airtime-report-2023-W40.html", "bao-cao-2023-W40.html"} <= set(kept.files)


def test_months_are_named_both_ways() -> None:
    october = order_month("2023-10")
    assert (october.name, october.first_on, october.last_on) == ("2023-10", date(2023, 10, 1), date(2023, 10, 31))
    assert order_month("10/2023") == october
    assert order_month("2024-2").last_on == date(2024, 2, 29)
    for wrong in ("2023-13", "10-2023", "tháng 10", ""):
        with pytest.raises(InputError, match="is not a month"):
            order_month(wrong)
    with pytest.raises(InputError, match="before it begins"):
        replace(october, last_on=date(2023, 9, 30))


def call(week: Week, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--workspace", str(week.workspace.root), "report", *words])


def test_commands_list_show_and_make_again(week: Week) -> None:
    week.write()
    week.collect_late()
    write_corrections(week.workspace, week.record, week.schedules, LATE_AT)
    editions = json.loads(call(week, "list", "--json").output)
    assert [(one["name"], one["edition"], one["corrected_by"]) for one in editions] == [
        ("2023-W40", 1, 2), ("2023-W40", 2, None),
    ]  # fmt: skip
    assert "corrected by edition 2" in call(week, "show", "2023-W40", "--edition", "1").output
    (week.workspace.reports / "bao-cao-2023-W40.html").write_text("changed")
    shown = json.loads(call(week, "show", "2023-W40", "--edition", "1", "--json").output)
    assert shown["found"]["bao-cao-2023-W40.html"] == "changed"
    again = call(week, "again", "2023-W40", "--edition", "1", "--json")
    assert again.exit_code == 0
    assert set(json.loads(again.output)["same"].values()) == {True}
    assert isinstance(call(week, "show", "2023-W41").exception, UnknownNameError)


def test_commands_report_on_months_campaigns_stations_and_groups(week: Week) -> None:
    campaign = json.loads(call(week, "campaign", "ngay-chuyen-doi-so-2023", "--json").output)
    whole = json.loads(call(week, "weekly", "--week", "2023-W40", "--json").output)
    assert 0 < campaign["played_min"] < whole["played_min"]
    towns = json.loads(call(week, "weekly", "--week", "2023-W40", "--group", "thi-tran", "--json").output)
    communes = json.loads(call(week, "weekly", "--week", "2023-W40", "--group", "xa", "--json").output)
    assert (len(towns["stations"]), len(communes["stations"])) == (2, 32)
    assert round(towns["played_min"] + communes["played_min"], 1) == whole["played_min"]
    for said, title in ((towns, "Thị trấn Triệu Sơn, Thị trấn Nưa"), (communes, "xa (32)")):
        assert title in Path(said["html"]).read_text(encoding="utf-8")
    one = json.loads(call(week, "weekly", "--week", "2023-W40", "--station", "an-nong", "--json").output)
    assert [row["station"] for row in one["stations"]] == ["an-nong"]
    assert one["html"].endswith("bao-cao-2023-W40-an-nong.html")
    month = json.loads(call(week, "month", "10/2023", "--json").output)
    assert month["planned"] >= whole["planned"]
    wrong = call(week, "weekly", "--week", "2023-W40", "--station", "an-nog").exception
    assert isinstance(wrong, UnknownNameError)
    assert wrong.hint == "did you mean 'an-nong'?"
    assert isinstance(call(week, "campaign", "nothing").exception, UnknownNameError)


def test_service_writes_on_monday_and_corrects_once_a_day(week: Week) -> None:
    alarms: list[str] = []
    duty = ReportDuty(week.workspace, week.record)
    duty.run(week.schedules, MADE_AT - timedelta(minutes=1), alarms.append)
    assert not (week.workspace.reports / "bao-cao-2023-W40.html").exists()
    duty.run(week.schedules, MADE_AT, alarms.append)
    assert read_edition(week.record, "2023-W40").edition == 1
    week.collect_late()
    duty.run(week.schedules, MADE_AT + timedelta(hours=5), alarms.append)
    assert read_edition(week.record, "2023-W40").edition == 1
    duty.run(week.schedules, LATE_AT + timedelta(days=1), alarms.append)
    assert read_edition(week.record, "2023-W40").edition == 2
    assert alarms == []


def test_report_that_cannot_be_written_is_an_alarm_and_comes_later(week: Week) -> None:
    alarms: list[str] = []
    duty = ReportDuty(week.workspace, week.record)
    template = week.workspace.schedules / "report.docx"
    template.write_bytes(b"no Word file")
    duty.run(week.schedules, MADE_AT, alarms.append)
    assert "report.docx cannot be filled" in alarms[0]
    template.unlink()
    duty.run(week.schedules, MADE_AT + timedelta(hours=1), alarms.append)
    assert read_edition(week.record, "2023-W40").edition == 1

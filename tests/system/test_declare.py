"""Airtime that a person types in: previewed, marked, never over a box's own diary, taken back, audited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broadcaster.airtime.annexes import list_annexes
from broadcaster.airtime.reconcile import Verdict
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.centre.reports import make_report
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, InUseError, UnknownNameError
from broadcaster.core.ids import LogId
from broadcaster.core.schedules import Schedules
from broadcaster.store.approvals import read_audit
from broadcaster.store.engine import Record
from broadcaster.store.logs import read_log
from broadcaster.wire.chain import match_chain, read_line
from tests.sample_week import MADE_AT, SILENT, fill_week, init_sample

FRIDAY = date(2023, 10, 6)


@pytest.fixture
def week(tmp_path: Path) -> Iterator[tuple[Workspace, Record, Schedules]]:
    workspace, schedules = init_sample(tmp_path / "w")
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
        yield workspace, record, schedules


def call(workspace: Workspace, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--workspace", str(workspace.root), "journal", *words])


def sum_friday(record: Record, schedules: Schedules) -> tuple[int, int, int]:
    report = make_report(record, schedules, FRIDAY, FRIDAY, MADE_AT + timedelta(days=2000))
    (row,) = [row for row in report.stations if row.station == SILENT]
    assert row.declared_dmin == row.played_dmin
    return row.no_journal, row.declared, row.declared_dmin


def test_a_day_is_declared_after_a_preview_and_marked(week: tuple[Workspace, Record, Schedules]) -> None:
    workspace, record, schedules = week
    silent, declared, _ = sum_friday(record, schedules)
    assert (silent > 0, declared) == (True, 0)
    whole = ("add", SILENT, "--on", "06/10/2023", "--by", "Nguyễn Văn A")
    shown = call(workspace, *whole, "--preview")
    assert (shown.exit_code, "preview" in shown.output) == (0, True)
    assert sum_friday(record, schedules)[1] == 0
    assert "tự khai" in call(workspace, *whole).output
    assert sum_friday(record, schedules)[:2] == (0, silent)
    report = make_report(record, schedules, FRIDAY, FRIDAY, MADE_AT + timedelta(days=2000))
    mine = [one for one in report.outcomes if one.airing.station == SILENT]
    assert all(one.is_declared and one.verdict is Verdict.FULL for one in mine)
    assert report.total.declared == silent
    assert isinstance(call(workspace, *whole).exception, InUseError)
    with record.read() as connection:
        audit = read_audit(connection, silent)
        lines = read_log(connection, SILENT, LogId("declared"))
    assert all(line.action == "airtime declared" and "Nguyễn Văn A" in line.detail for line in audit)
    assert list(match_chain([read_line(line.raw) for line in lines], None)) == []


def test_one_airing_is_declared_in_part_and_taken_back(week: tuple[Workspace, Record, Schedules]) -> None:
    workspace, record, schedules = week
    report = make_report(record, schedules, FRIDAY, FRIDAY, MADE_AT)
    airing = max(
        (one.airing for one in report.outcomes if one.airing.station == SILENT), key=lambda one: one.duration_ms
    )
    add = ("add", SILENT, "--airing", airing.id, "--by", "Lái xe B")
    assert isinstance(call(workspace, *add, "--minutes", "600").exception, InputError)
    assert call(workspace, *add, "--minutes", "2").exit_code == 0
    assert sum_friday(record, schedules)[1:] == (1, 20)
    listed = json.loads(call(workspace, "list", SILENT, "--week", "2023-W40", "--json").output)
    assert [(one["airing"], one["output_ms"], one["declared_by"]) for one in listed] == [
        (airing.id, 120_000, "Lái xe B")
    ]
    assert call(workspace, "withdraw", SILENT, airing.id, "--by", "Lái xe B").exit_code == 0
    assert sum_friday(record, schedules)[1:] == (0, 0)
    assert json.loads(call(workspace, "list", SILENT, "--week", "2023-W40", "--json").output) == []
    assert isinstance(call(workspace, "withdraw", SILENT, airing.id, "--by", "B").exception, UnknownNameError)
    assert call(workspace, *add).exit_code == 0
    assert sum_friday(record, schedules)[1] == 1


def test_what_a_box_wrote_is_never_typed_over(week: tuple[Workspace, Record, Schedules]) -> None:
    workspace = week[0]
    refused = call(workspace, "add", "an-nong", "--on", "2023-10-06", "--by", "A").exception
    assert isinstance(refused, InUseError)
    assert "diary of an-nong tells" in refused.message
    assert isinstance(
        call(workspace, "add", SILENT, "--on", "2023-09-01", "--by", "A", "--slot", "x").exception, InputError
    )
    assert isinstance(call(workspace, "add", "tho-tn", "--on", "2023-10-06", "--by", "A").exception, UnknownNameError)
    sound = ("add", SILENT, "--on", "2023-10-06", "--at", "9:30")
    for words in (
        ("add", SILENT, "--by", "A"), (*sound, "--title", "X", "--minutes", "nan", "--by", "A"),
        (*sound, "--title", "X", "--minutes", "1e12", "--by", "A"),
        (*sound, "--title", " ", "--minutes", "5", "--by", "A"),
        (*sound, "--title", "X", "--minutes", "5", "--by", " "), ("withdraw", SILENT, "x", "--by", " "),
    ):  # fmt: skip
        assert call(workspace, *words).exit_code == 2, words


def test_a_round_that_was_not_planned_stands_apart(week: tuple[Workspace, Record, Schedules]) -> None:
    workspace, record, schedules = week
    words = ("add", SILENT, "--title", "Tuyên truyền lưu động", "--on", "06/10/2023", "--at", "9:30", "--minutes", "25")
    assert call(workspace, *words, "--by", "Lái xe B").exit_code == 0
    report = make_report(record, schedules, FRIDAY, FRIDAY, MADE_AT + timedelta(days=2000))
    assert [(one.airing.station, one.airing.title, one.played_ms, one.detail) for one in report.unplanned] == [
        (SILENT, "Tuyên truyền lưu động", 1_500_000, "typed in by Lái xe B")
    ]
    differences = list_annexes(report, schedules, VIETNAMESE)[3].list_texts(VIETNAMESE)
    assert [row[5:] for row in differences if row[4] == "Tuyên truyền lưu động"] == [
        ("Ngoài kế hoạch", "1.500", "Không có trong kế hoạch của trung tâm; Tự khai")
    ]
    assert report.total.declared_dmin == 0
    assert isinstance(call(workspace, *words, "--by", "Lái xe B").exception, InUseError)

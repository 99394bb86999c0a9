"""DuckDB over the exported tables comes to the figures of the report."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from broadcaster.centre.export import export_period
from broadcaster.centre.reports import make_report
from broadcaster.cli.main import cli
from broadcaster.core.ids import StationId
from tests.duckdb_totals import read_totals
from tests.sample_week import MADE_AT, MONDAY, SILENT, fill_week, init_sample

SUNDAY = MONDAY + timedelta(days=6)


def test_totals_of_the_sample_week_are_those_of_another_program(tmp_path: Path) -> None:
    workspace, schedules = init_sample(tmp_path / "w")
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
        call = ["--workspace", str(workspace.root), "journal", "add", SILENT, "--on", "2023-10-06", "--by", "A"]
        assert CliRunner().invoke(cli, call).exit_code == 0
        now_at = MADE_AT + timedelta(days=3000)
        report = make_report(record, schedules, MONDAY, SUNDAY, now_at)
        counts = export_period(record, schedules, MONDAY, SUNDAY, tmp_path / "out", now_at)
    assert counts["airings"] == report.total.planned
    stations, columns = read_totals(tmp_path / "out")
    ours = sorted(
        (row.station, row.planned, row.planned_dmin, row.played_dmin) for row in report.stations if row.planned
    )
    assert stations == ours
    sounded = [row for row in report.columns if row.airings]
    assert columns == sorted(
        (row.id, row.airings, row.new_dmin, row.repeat_dmin, row.stations_played) for row in sounded
    )
    assert sum(row.declared for row in report.stations) > 0
    assert StationId("an-nong") in {row[0] for row in stations}


def test_command_writes_the_tables(tmp_path: Path) -> None:
    workspace, schedules = init_sample(tmp_path / "w")
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
    call = ["--workspace", str(workspace.root), "airtime", "export", "--from", "02/10/2023", "--to", "08/10/2023"]
    done = CliRunner().invoke(cli, [*call, "--out", str(tmp_path / "o"), "--json"])
    assert json.loads(done.output)["rows"]["stations"] == 34
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["airings.csv", "journal.csv", "stations.csv"]
    assert CliRunner().invoke(cli, [*call[:-1], "01/10/2023", "--out", str(tmp_path / "x")]).exit_code == 1

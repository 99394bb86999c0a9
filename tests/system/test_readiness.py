"""Slot by slot before air: what is there, who holds it by its own receipts, and the exit code for a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from click.testing import CliRunner

from broadcaster.centre.publish import publish_days
from broadcaster.centre.slots_ready import read_slots_ready
from broadcaster.centre.workspace import init_workspace
from broadcaster.cli.main import cli
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import LogId, Sha256, StationId
from broadcaster.core.time import SystemClock
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_newest
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import write_contact, write_receipts
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.receipt import Receipt, Verdict, read_receipt, write_receipt
from tests.unit.makers import START, make_programme

MONDAY = date(2023, 10, 9)
MORNING = START - timedelta(hours=8)
STATIONS = "format: 1\nstations:\n  - {id: a, name: Xã A}\n  - {id: b, name: Xã B}\n"


def confirm(record: Record, station: StationId, hashes: Sequence[Sha256]) -> None:
    with record.write() as connection:
        for n, sha256 in enumerate(hashes):
            receipt = Receipt(MORNING, f"{sha256}.mp3", sha256, Verdict.VERIFIED, "")
            raw = plan_line(ChainPoint(LogId("aa"), n, CHAIN_START), write_receipt(receipt))
            write_receipts(connection, station, [read_receipt(read_line(raw))], MORNING)
        write_contact(connection, station, {"log_id": "aa"})


def test_slot_is_ready_when_every_station_holds_the_plan_and_all_masters(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    (workspace.schedules / "stations.yaml").write_text(STATIONS, encoding="utf-8")
    schedules = read_schedules(workspace.schedules)
    with workspace.open_record() as record:
        with record.write() as connection:
            write_programme(connection, make_programme("tin"))
        (slot,) = read_slots_ready(record, schedules, [MONDAY], MORNING)
        assert (slot.is_ready(), len(slot.stations), len(slot.holding)) == (False, 2, 0)
        publish_days(workspace, record, schedules, [MONDAY], MORNING)
        with record.read() as connection:
            plans = {station: plan.sha256 for (station, _), plan in read_newest(connection, MONDAY, MONDAY).items()}
        confirm(record, StationId("a"), [plans[StationId("a")], hash_bytes(b"tin")])
        confirm(record, StationId("b"), [hash_bytes(b"tin")])
        (slot,) = read_slots_ready(record, schedules, [MONDAY], MORNING)
        assert [station.id for station in slot.lacking] == ["b"]  # its master is there, its plan is not
        confirm(record, StationId("b"), [hash_bytes(b"tin"), plans[StationId("b")]])
        (slot,) = read_slots_ready(record, schedules, [MONDAY], MORNING)
        assert slot.is_ready()
        assert slot.missing == ("column thong-bao",)
        assert read_slots_ready(record, schedules, [MONDAY], START) == []  # begun: nothing can be done any more


def test_command_says_who_is_missing_and_ends_with_one(tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path / "w")
    schedules = read_schedules(workspace.schedules)
    tomorrow = SystemClock().now_at().astimezone(schedules.centre.zone).date() + timedelta(days=1)
    with workspace.open_record() as record, record.write() as connection:
        write_programme(connection, make_programme("tin", on=tomorrow))
    words = ["-w", str(workspace.root), "readiness", "--date", tomorrow.isoformat()]
    shown = CliRunner().invoke(cli, words)
    assert shown.exit_code == 1
    assert "0/1" in shown.output
    assert "0 of 2 slots are ready" in shown.output
    (repeat, slot) = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert (repeat["slot"], repeat["programmes"]) == ("phat-lai", [])
    assert (slot["programmes"], slot["delivered"], slot["lacking"]) == (["tin"], 0, ["xa-mau"])

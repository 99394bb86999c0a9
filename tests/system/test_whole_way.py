"""From a recording to the report, on real parts: four stations with real sshd, agents and players, three in trouble."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.centre.collector import collect_stations
from broadcaster.centre.deliver import read_missing
from broadcaster.centre.fanout import push_missing
from broadcaster.centre.programmes import ProgrammeWish, add_programme
from broadcaster.centre.publish import publish_days
from broadcaster.centre.readiness import Readiness, read_board
from broadcaster.centre.reports import make_report
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.core.errors import StationFullError
from broadcaster.core.ids import ColumnId, SlotId, StationId
from broadcaster.core.model import LateRule, ProgrammeKind, Station
from broadcaster.core.schedules import RundownItem, Schedules, Slot
from broadcaster.core.time import SystemClock
from broadcaster.store.engine import Record
from tests.sshd import Box, open_box
from tests.unit.makers import ZONE, make_schedules

AUDIO = Path(__file__).parents[2] / "audio"
NAMES = ("khoe", "bi-tat", "day-dia", "im-lang")  # healthy, killed, full disk, silent
CLOCK = SystemClock()


@dataclass
class Agent:
    """One box with its agent, which a test may kill and start again."""

    box: Box
    settings: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(self.settings), "run"]
        with (self.box.folder.parent / f"{self.settings.stem}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, number: signal.Signals) -> None:
        if self.process is not None:
            os.kill(self.process.pid, number)
            self.process.wait(20)
            self.process = None

    def read_journal(self) -> list[dict[str, object]]:
        paths = sorted(self.box.outbox.glob("journal-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Put a folder on a disk of one megabyte."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@dataclass
class Fleet:
    """A workspace with a record, and boxes by name."""

    workspace: Workspace
    record: Record
    agents: dict[str, Agent]
    stations: tuple[Station, ...]

    def make_schedules(self, start_at: datetime) -> Schedules:
        slot = Slot(
            SlotId("chieu"),
            "Chiều",
            start_at.astimezone(ZONE).time(),
            5,
            rundown=(RundownItem(column=ColumnId("thoi-su")),),
            late_rule=LateRule.JOIN,
        )
        return make_schedules(slot, stations=self.stations)

    def collect(self, schedules: Schedules, *names: str) -> None:
        chosen = [station for station in schedules.stations if station.id in names]
        collect_stations(self.workspace, self.record, schedules, chosen, CLOCK)

    def judge(self, schedules: Schedules, on: date) -> dict[str, list[Outcome]]:
        report = make_report(self.record, schedules, on, on, CLOCK.now_at())
        found: dict[str, list[Outcome]] = {}
        for outcome in report.outcomes:
            found.setdefault(outcome.airing.station, []).append(outcome)
        return found


def add_news(fleet: Fleet, schedules: Schedules, on: date) -> None:
    for name in ("Bản tin chuyển đổi số.mp3", "thong-bao-qua-to.mp3"):
        wish = ProgrammeWish(ProgrammeKind.PROGRAMME, None, None, "thoi-su", None, "vi", on)
        add_programme(fleet.workspace, fleet.record, schedules, AUDIO / name, wish, CLOCK.now_at())


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    workspace, _ = init_workspace(tmp_path / "workspace")
    place = tmp_path / "boxes"
    place.mkdir()
    for suffix in ("", ".pub"):
        shutil.copy2(f"{workspace.key}{suffix}", place / f"centre_key{suffix}")
    with ExitStack() as stack:
        agents: dict[str, Agent] = {}
        for name in NAMES:
            folder = stack.enter_context(small_disk(place / "small")) if name == "day-dia" else None
            box = stack.enter_context(open_box(place, name, folder=folder))
            settings = place / f"{name}.toml"
            fields = {
                "station": name, "centre_key": workspace.read_public_key(), "inbox": str(box.inbox),
                "outbox": str(box.outbox), "library": str(box.folder / "library"), "player": "pcm", "output": "null",
            }  # fmt: skip
            (box.folder / "library").mkdir()
            text = "".join(f"{field} = {json.dumps(value)}\n" for field, value in fields.items())
            settings.write_text(text + "reserve_mb = 0\n")
            agents[name] = Agent(box, settings)
            stack.callback(agents[name].kill, signal.SIGKILL)
        stations = tuple(
            Station(StationId(name), name, host=a.box.address.host, port=a.box.address.port, user=a.box.address.user,
                    host_key=a.box.address.host_key)
            for name, a in agents.items()
        )  # fmt: skip
        with workspace.open_record() as record:
            yield Fleet(workspace, record, agents, stations)


def wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - CLOCK.now_at()).total_seconds()))


@pytest.mark.timeout(180)
def test_report_tells_the_truth_about_every_station(fleet: Fleet) -> None:
    on = (datetime.now(UTC) + timedelta(seconds=30)).astimezone(ZONE).date()
    add_news(fleet, fleet.make_schedules(datetime.now(UTC)), on)
    for agent in fleet.agents.values():
        agent.start()
    start_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=14)
    schedules = fleet.make_schedules(start_at)
    publish_days(fleet.workspace, fleet.record, schedules, [on], CLOCK.now_at())
    missing = read_missing(fleet.workspace, fleet.record, schedules, CLOCK.now_at())
    delivered = {
        d.station.id: d for d in push_missing(fleet.workspace, fleet.record, schedules, missing, CLOCK, confirm_s=8)
    }
    assert [delivered[StationId(name)].is_confirmed for name in NAMES] == [True, True, False, True]
    assert isinstance(delivered[StationId("day-dia")].error, StationFullError)
    board = {row.station.id: row.readiness for row in read_board(fleet.record, schedules, CLOCK.now_at())}
    assert [board[StationId(name)] for name in NAMES] == [
        Readiness.READY, Readiness.READY, Readiness.MISSING, Readiness.READY,
    ]  # fmt: skip

    fleet.agents["im-lang"].kill(signal.SIGKILL)
    fleet.agents["im-lang"].box.server.stop()
    wait_until(start_at + timedelta(seconds=6))
    fleet.agents["bi-tat"].kill(signal.SIGKILL)
    wait_until(start_at + timedelta(seconds=24))
    fleet.collect(schedules, *NAMES)
    found = fleet.judge(schedules, on)
    assert [(o.verdict, o.cause) for o in found["khoe"]] == [(Verdict.FULL, Cause.NONE)] * 2
    assert all(abs(o.late_s or 0) < 2 for o in found["khoe"])
    assert [(o.verdict, o.cause, o.played_ms) for o in found["bi-tat"]] == [
        (Verdict.NO_JOURNAL, Cause.STATION_OFF, 0),
        (Verdict.NO_JOURNAL, Cause.NO_JOURNAL_YET, 0),
    ]
    assert [(o.verdict, o.cause) for o in found["day-dia"]] == [(Verdict.NOT_PLAYED, Cause.NOT_DELIVERED)] * 2
    assert "no room" in found["day-dia"][0].detail or "full" in found["day-dia"][0].detail
    assert {o.verdict for o in found["im-lang"]} == {Verdict.NO_JOURNAL}
    assert {o.cause for o in found["im-lang"]} == {Cause.STATION_OFF}

    fleet.agents["bi-tat"].start()
    wait_until(CLOCK.now_at() + timedelta(seconds=5))
    fleet.collect(schedules, "bi-tat")
    cut, missed = fleet.judge(schedules, on)["bi-tat"]
    assert (cut.verdict, cut.cause) == (Verdict.SHORT, Cause.STATION_OFF)
    assert 2_000 <= cut.played_ms <= 6_500
    assert (missed.verdict, missed.cause, missed.played_ms) == (Verdict.NOT_PLAYED, Cause.STATION_OFF, 0)
    events = [(line["event"], line["ending"]) for line in fleet.agents["bi-tat"].read_journal()]
    assert events == [("start", None), ("end", "interrupted"), *[("skip", None)] * (len(events) - 2)]


@pytest.mark.timeout(120)
def test_killed_centre_takes_up_where_it_was(fleet: Fleet, tmp_path: Path) -> None:
    on = (datetime.now(UTC) + timedelta(seconds=60)).astimezone(ZONE).date()
    start_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
    schedules = fleet.make_schedules(start_at)
    add_news(fleet, schedules, on if start_at.astimezone(ZONE).date() == on else start_at.astimezone(ZONE).date())
    write_files(fleet.workspace, replace(schedules, stations=fleet.stations[:2]))
    for name in NAMES[:2]:
        fleet.agents[name].start()
    service = start_service(fleet.workspace, tmp_path)
    wait_for_revision(fleet.workspace, fleet.record, service)
    os.kill(service.pid, signal.SIGKILL)
    service.wait()
    service = start_service(fleet.workspace, tmp_path)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        board = read_board(fleet.record, schedules, CLOCK.now_at())
        ready = [row.station.id for row in board if row.readiness is Readiness.READY]
        if ready == list(NAMES[:2]):
            break
        time.sleep(0.5)
    assert ready == list(NAMES[:2]), (tmp_path / "service.log").read_text()
    service.terminate()
    assert service.wait(30) == 0
    log = (tmp_path / "service.log").read_text()
    assert "stopped" in log
    assert "Traceback" not in log
    with fleet.record.read() as connection:
        revisions = connection.exec_driver_sql("SELECT max(revision) FROM plan_revisions").scalar_one()
    assert revisions == 1


def start_service(workspace: Workspace, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "broadcaster.cli.main", "-w", str(workspace.root), "run"]
    with (folder / "service.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_for_revision(workspace: Workspace, record: Record, service: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with record.read() as connection:
            if connection.exec_driver_sql("SELECT count(*) FROM plan_revisions").scalar_one():
                return
        assert service.poll() is None
        time.sleep(0.02)
    pytest.fail(f"no plan was published in {workspace.root}")


def write_files(workspace: Workspace, schedules: Schedules) -> None:
    slot = schedules.slots[0]
    boxes = [
        {"id": s.id, "name": s.name, "host": s.host, "port": s.port, "user": s.user, "host_key": s.host_key}
        for s in schedules.stations
    ]
    slots = [{"id": slot.id, "title": slot.title, "at": slot.at.isoformat("seconds"), "max_min": slot.max_min,
              "rundown": [{"column": "thoi-su"}]}]  # fmt: skip
    files: dict[str, dict[str, object]] = {
        "centre": {"name": "Trung tâm"},
        "stations": {"stations": boxes},
        "timetable": {"slots": slots},
    }
    for name, fields in files.items():
        (workspace.schedules / f"{name}.yaml").write_text(json.dumps({"format": 1, **fields}), encoding="utf-8")

"""Real processes on one record, killed with -9 and stopped in mid-work: nothing is lost, nothing is planned twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broadcaster.centre.lease import NAME
from broadcaster.centre.workspace import Workspace
from broadcaster.core.files import write_atomic
from broadcaster.store.engine import Record
from broadcaster.store.leases import read_lease
from broadcaster.store.programmes import write_programme
from tests.fast_centre import BEGAN
from tests.station_box import wait_until
from tests.unit.makers import make_programme

FIRST, DAYS = datetime(2023, 10, 1, tzinfo=UTC), 30
DAY_S = 2 / 3  # of real time
LOG = "log"
MACHINES = ("may-a", "may-b")
STATIONS = "format: 1\nstations:\n  - {id: a, name: Xã A}\n  - {id: b, name: Xã B}\n  - {id: c, name: Xã C}\n"


def start_centre(workspace: Workspace, machine: str) -> subprocess.Popen[bytes]:
    last_at = FIRST + timedelta(days=DAYS)
    words = [machine, FIRST.isoformat(), last_at.isoformat(), str(24 * 3600 / DAY_S)]
    command = [sys.executable, "-m", "tests.fast_centre", str(workspace.root), *words]
    with (workspace.root / LOG).open("ab") as file:
        return subprocess.Popen(command, stderr=file, cwd=Path(__file__).parents[2])


def read_leader(record: Record) -> str:
    with record.read() as connection:
        found = read_lease(connection, NAME)
    return found.host if found else ""


def wait_for_day(began_s: float, day: float) -> None:
    time.sleep(max(0.0, began_s + day * DAY_S - time.time()))


def test_two_services_killed_and_suspended_in_turn_plan_a_month_exactly_once(workspace: Workspace) -> None:
    """A day is two thirds of a second; every few days who leads is killed, or sleeps for a day and a half."""
    (workspace.schedules / "stations.yaml").write_text(STATIONS, encoding="utf-8")
    save(workspace.schedules / "centre.yaml", lambda text: text.replace("publish_days: 2", "publish_days: 7"))
    with workspace.open_record() as record:
        with record.write() as connection:
            for n in range(DAYS + 8):
                write_programme(connection, make_programme(f"tin-{n}", on=(FIRST + timedelta(days=n)).date()))
        running = {machine: start_centre(workspace, machine) for machine in MACHINES}
        taken_over = 0
        try:
            wait_until(lambda: all((workspace.root / f"ready-{machine}").exists() for machine in MACHINES))
            began_s = time.time()
            write_atomic(workspace.root / BEGAN, str(began_s).encode())
            for n, day in enumerate(range(3, DAYS - 3, 4)):
                wait_for_day(began_s, day)
                leader = read_leader(record)
                assert leader in MACHINES
                running[leader].send_signal(signal.SIGSTOP if n % 2 else signal.SIGKILL)
                wait_for_day(began_s, day + 1.5)
                taken_over += read_leader(record) != leader
                if n % 2:
                    running[leader].send_signal(signal.SIGCONT)
                else:
                    assert running[leader].wait(60) == -signal.SIGKILL
                    running[leader] = start_centre(workspace, leader)
            assert [process.wait(120) for process in running.values()] == [0, 0]
        finally:
            for process in running.values():
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        assert taken_over >= 3, (workspace.root / LOG).read_text(encoding="utf-8")[-3000:]
        require_planned_once(record)


def require_planned_once(record: Record) -> None:
    with record.read() as connection:
        plans = connection.exec_driver_sql(
            "SELECT station_id, on_date, count(*), min(published_at) FROM plan_revisions GROUP BY 1, 2"
        ).all()
        airings = connection.exec_driver_sql(
            "SELECT station_id, programme_id, count(*), min(start_at) FROM airings GROUP BY 1, 2"
        ).all()
        late = connection.exec_driver_sql(
            "SELECT count(*) FROM airings a JOIN plan_revisions p USING (station_id, on_date) "
            "WHERE p.published_at >= a.start_at"
        ).scalar_one()
    days = {str(row[1]) for row in plans}
    assert {str((FIRST + timedelta(days=n)).date()) for n in range(DAYS)} <= days
    assert [row[2] for row in plans] == [1] * (3 * len(days))
    # In the afternoon and again the next morning; what is planned for the last day repeats after the month.
    whole = {f"tin-{n}" for n in range(DAYS)}
    counts = {(row[0], row[1]): row[2] for row in airings}
    assert {counts.get((station, name)) for station in "abc" for name in whole} == {2}
    assert late == 0


@contextmanager
def run_service(workspace: Workspace, notices: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real service until the block ends; its READY has been heard."""
    command = [sys.executable, "-m", "broadcaster.cli.main", "-w", str(workspace.root), "run"]
    with subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": notices.getsockname()}) as process:
        try:
            wait_until(lambda: notices.recv(100) == b"READY=1")
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(60)


def count_plans(record: Record) -> int:
    with record.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM plan_revisions").scalar_one())


def save(path: Path, change: Callable[[str], str]) -> None:
    """Save a file as editors do: another one, renamed into its place."""
    new = path.with_suffix(".new")
    new.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    new.replace(path)


def test_service_that_was_killed_or_suspended_goes_on_and_takes_up_an_edited_file(
    workspace: Workspace, tmp_path: Path
) -> None:
    timetable = workspace.schedules / "timetable.yaml"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, workspace.open_record() as record:
        notices.bind(str(tmp_path / "notify"))
        notices.settimeout(60)
        today = datetime.now(UTC).date()
        with record.write() as connection:
            for n in range(-1, 3):
                write_programme(connection, make_programme(f"tin-{n + 1}", on=today + timedelta(days=n)))
        with run_service(workspace, notices) as first:
            wait_until(lambda: count_plans(record) == 2)
            first.kill()
            first.wait()
        with run_service(workspace, notices) as second:
            save(
                timetable,
                lambda text: text.replace("max_min: 30\n    rundown", "max_min: 30\n    volume: 90\n    rundown"),
            )
            wait_until(lambda: count_plans(record) > 2)  # at once: the same machine's dead run is no other leader
            second.send_signal(signal.SIGSTOP)
            known = count_plans(record)
            save(timetable, lambda text: text.replace("volume: 90", "volume: 80"))
            time.sleep(1.0)
            assert count_plans(record) == known
            second.send_signal(signal.SIGCONT)
            wait_until(lambda: count_plans(record) > known)
            second.terminate()
            assert second.wait(60) == 0
        with record.read() as connection:
            newest = (
                connection.exec_driver_sql("SELECT DISTINCT volume FROM airings WHERE volume <> 100").scalars().all()
            )
    assert newest == [80]

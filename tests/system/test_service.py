"""The service's duties, one by one, with a clock that the test sets."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from broadcaster.centre.clock import CentreClock, Duties
from broadcaster.centre.service import CentreService
from broadcaster.centre.workspace import Workspace
from broadcaster.core.ids import LogId, StationId
from broadcaster.core.time import SystemClock
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import write_contact
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.status import StationStatus, write_status
from tests.station_box import wait_until
from tests.station_simulator import FakeClock
from tests.unit.makers import make_programme

MONDAY_7 = datetime(2023, 10, 16, 0, 0, tzinfo=UTC)  # 07:00 in Viet Nam


@pytest.fixture
def record(workspace: Workspace) -> Iterator[Record]:
    with workspace.open_record() as record:
        yield record


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY_7)


@pytest.fixture
def service(workspace: Workspace, record: Record, clock: FakeClock) -> CentreService:
    return CentreService(workspace, record, read_schedules(workspace.schedules), clock)


def test_last_weeks_report_is_written_on_monday_at_seven_and_once(
    service: CentreService, workspace: Workspace, clock: FakeClock
) -> None:
    clock.at = MONDAY_7 - timedelta(days=3)
    service.publish()
    clock.at = MONDAY_7 - timedelta(minutes=1)
    service.report()
    page = workspace.reports / "bao-cao-2023-W41.html"
    assert not workspace.reports.exists() or not list(workspace.reports.iterdir())  # nothing was published before W41
    clock.at = MONDAY_7
    service.report()
    assert page.exists()
    page.unlink()
    clock.at += timedelta(days=3)
    service.report()
    assert not page.exists()


def test_station_that_is_not_ready_an_hour_before_air_is_an_alarm_once(
    service: CentreService, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock.at = datetime(2023, 10, 9, 8, 0, tzinfo=UTC)
    with record.write() as connection:
        write_programme(connection, make_programme("tin"))
    service.publish()
    assert "published 2 new day plans" in caplog.text
    service.watch()
    assert "ALARM" not in caplog.text
    clock.at = datetime(2023, 10, 9, 9, 5, tzinfo=UTC)
    service.watch()
    service.watch()
    assert caplog.text.count("ALARM Xã Mẫu is not ready for chieu at 17:00 09/10: 0 of 1 masters\n") == 1
    clock.at = datetime(2023, 10, 9, 11, 0, tzinfo=UTC)
    service.watch()
    service.watch()
    assert caplog.text.count("over, its time has passed: Xã Mẫu is not ready for chieu at 17:00 09/10") == 1
    assert "over: Xã Mẫu" not in caplog.text


def test_the_alarm_of_a_station_that_is_not_ready_says_why_where_that_is_known(
    service: CentreService, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.at = datetime(2023, 10, 9, 9, 5, tzinfo=UTC)
    with record.write() as connection:
        write_programme(connection, make_programme("tin"))
        write_contact(connection, StationId("xa-mau"), {"failed_at": clock.at, "message": "xa-mau: no answer"})
    service.publish()
    service.watch()
    assert "17:00 09/10: 0 of 1 masters; no answer\n" in caplog.text


def test_silent_box_is_an_alarm_until_something_sounds_again(
    service: CentreService, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    status = StationStatus(
        station=StationId("xa-mau"), log=LogId("0123456789abcdef"), at=clock.at, version="0.1.0", player="mpv",
        clock_error_ms=3, disk_free_bytes=1, masters=0, plan="", playing="", next_at=None, trouble="",
        silence="Tin sáng",
    )  # fmt: skip
    for silence in ("Tin sáng", "Tin sáng", ""):
        with record.write() as connection:
            write_contact(connection, status.station, {"status": write_status(replace(status, silence=silence))})
        service.watch()
    assert caplog.text.count("ALARM Xã Mẫu is silent at 07:00 16/10: nothing to play in place of 'Tin sáng'") == 1
    assert caplog.text.count("over: Xã Mẫu is silent") == 1


def test_the_time_of_that_alarm_is_the_settings(
    service: CentreService, workspace: Workspace, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with (workspace.schedules / "centre.yaml").open("a", encoding="utf-8") as file:
        file.write("\nwarn_ahead_min: 150\n")
    clock.at = datetime(2023, 10, 9, 7, 29, tzinfo=UTC)
    with record.write() as connection:
        write_programme(connection, make_programme("tin"))
    service.publish()
    service.watch()
    assert "is not ready" not in caplog.text
    clock.at = datetime(2023, 10, 9, 7, 30, tzinfo=UTC)
    service.watch()
    assert "ALARM Xã Mẫu is not ready for chieu at 17:00 09/10" in caplog.text


def watch(service: CentreService) -> None:
    service.watch()
    service.tell()


def test_alarms_begin_once_and_end_once_also_at_the_webhook_that_was_away(
    service: CentreService, workspace: Workspace, record: Record, clock: FakeClock
) -> None:
    posted: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output quiet."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        port = server.server_port
    with (workspace.schedules / "centre.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nalarm_webhook: http://127.0.0.1:{port}/\n")
    clock.at = datetime(2023, 10, 9, 2, 0, tzinfo=UTC)
    watch(service)  # nobody listens: the alarm waits
    with HTTPServer(("127.0.0.1", port), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            watch(service)
            watch(service)
            begun = [text for text in posted if "nothing to play in chieu at 17:00 09/10" in text]
            assert len(begun) == 1
            assert begun[0].startswith("ALARM ")
            with record.write() as connection:
                write_programme(connection, make_programme("tin"))
            watch(service)
            watch(service)
        finally:
            server.shutdown()
            thread.join()
    assert sum(text.startswith("over: nothing to play in chieu at 17:00 09/10") for text in posted) == 1
    assert len(posted) == len(set(posted))


def test_incomplete_slot_is_an_alarm_from_its_lead_time_on(
    service: CentreService, workspace: Workspace, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    path = workspace.schedules / "timetable.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("max_min: 30", "max_min: 30\n    lead_min: 240", 1))
    with record.write() as connection:
        write_programme(connection, make_programme("tin"))
    clock.at = datetime(2023, 10, 9, 5, 59, tzinfo=UTC)
    service.watch()
    assert "lead time" not in caplog.text
    clock.at = datetime(2023, 10, 9, 6, 0, tzinfo=UTC)
    service.watch()
    assert "ALARM chieu at 17:00 09/10 is not ready at its lead time, it misses column thong-bao" in caplog.text


def test_two_services_on_one_record_plan_a_month_exactly_once(workspace: Workspace) -> None:
    first_on, days = datetime(2023, 10, 1, tzinfo=UTC), 30
    with workspace.open_record() as record, record.write() as connection:
        for n in range(days):
            write_programme(connection, make_programme(f"tin-{n}", on=(first_on + timedelta(days=n)).date()))
    both = threading.Barrier(2, timeout=60)

    def serve() -> None:
        clock = FakeClock(first_on)
        with workspace.open_record() as record:
            service = CentreService(workspace, record, read_schedules(workspace.schedules), clock)
            for n in range(days * 2):
                clock.at = first_on + timedelta(hours=12 * n)
                both.wait()
                service.publish()

    with ThreadPoolExecutor(2) as pool:
        for served in [pool.submit(serve) for _ in range(2)]:
            served.result()
    with workspace.open_record() as record, record.read() as connection:
        revisions = connection.exec_driver_sql("SELECT on_date, count(*) FROM plan_revisions GROUP BY 1").all()
        airings = connection.exec_driver_sql("SELECT programme_id, count(*) FROM airings GROUP BY 1").all()
    assert [count for _, count in revisions] == [1] * (days + 1)
    # At five in the afternoon and again the next morning.
    assert [tuple(row) for row in airings] == sorted((f"tin-{n}", 2) for n in range(days))


def test_service_tells_systemd_that_it_is_ready_alive_and_stopping(workspace: Workspace, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(address))
        line.settimeout(60)
        command = [sys.executable, "-m", "broadcaster.cli.main", "-w", str(workspace.root), "run"]
        with subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": str(address)}) as process:
            try:
                assert [line.recv(100), line.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
                second = subprocess.run(command, check=False, capture_output=True, timeout=60)
                assert second.returncode == 56
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        told = b""
        while told != b"STOPPING=1":
            told = line.recv(100)


def test_faulty_schedules_are_an_alarm_and_the_service_goes_on(
    service: CentreService, workspace: Workspace, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    with record.write() as connection:
        write_programme(connection, make_programme("tin", on=MONDAY_7.date()))
    (workspace.schedules / "timetable.yaml").write_text("format: 1\nslot: []\n")
    service.publish()
    assert "ALARM schedules/ has faults" in caplog.text
    with record.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM plan_revisions").scalar_one() == 2


def test_edited_schedules_take_effect_without_a_restart(
    service: CentreService, workspace: Workspace, record: Record
) -> None:
    stations = [{"id": f"s{n}", "name": f"Xã {n}"} for n in range(3)]
    (workspace.schedules / "stations.yaml").write_text(json.dumps({"format": 1, "stations": stations}))
    service.publish()
    with record.read() as connection:
        found = connection.exec_driver_sql("SELECT DISTINCT station_id FROM plan_revisions ORDER BY 1").scalars().all()
    assert found == ["s0", "s1", "s2"]


def wait_for(alarms: list[str], said: str) -> None:
    until = datetime.now(UTC) + timedelta(seconds=20)
    while not any(said in alarm for alarm in alarms) and datetime.now(UTC) < until:
        time.sleep(0.05)
    assert any(said in alarm for alarm in alarms), alarms


def test_failed_and_hanging_duties_are_alarms(workspace: Workspace) -> None:
    alarms: list[str] = []
    is_over = threading.Event()

    def fail() -> None:
        raise RuntimeError("the disk is on fire")

    def hang() -> None:
        is_over.wait(30)

    def rest() -> None:
        return

    settings = replace(read_schedules(workspace.schedules).centre, collect_every=timedelta(seconds=1))
    duties = Duties(publish=fail, push=rest, collect=hang, watch=rest, tell=rest, report=rest)
    centre = CentreClock(
        settings, duties, SystemClock(), lambda job, said: alarms.append(f"{job}: {said}"), none_missed
    )
    centre.start()
    try:
        wait_for(alarms, "publish: publish failed: the disk is on fire")
        wait_for(alarms, "collect: collect is still at work though its next time has come")
    finally:
        is_over.set()
        centre.stop()


@pytest.mark.parametrize("ago", [timedelta(hours=2), timedelta(days=20 * 365)])
def test_clock_that_was_set_forward_missed_every_duty_and_calls_it_once(workspace: Workspace, ago: timedelta) -> None:
    """Also when the machine began with a clock that was years behind."""
    calls: list[str] = []
    missed: list[tuple[str, datetime]] = []
    settings = read_schedules(workspace.schedules).centre
    began_at = datetime.now(UTC) - ago
    clock = FakeClock(began_at)
    duties = Duties(lambda: calls.append("x"), hold, hold, hold, hold, hold)
    centre = CentreClock(settings, duties, clock, no_trouble, lambda found: missed.extend(found.items()))

    def is_done() -> bool:
        centre.wake()
        return len(missed) == 6 and calls == ["x"]

    clock.at = datetime.now(UTC)
    centre.start()
    try:
        wait_until(is_done)
    finally:
        centre.stop()
    assert calls == ["x"]  # what was due in all that time is done once
    assert sorted(name for name, _ in missed) == ["collect", "publish", "push", "report", "tell", "watch"]
    assert min(due_at for _, due_at in missed) == began_at


def test_what_was_missed_is_one_alarm_until_all_of_it_was_done(
    service: CentreService, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.note_missed({"push": MONDAY_7, "watch": MONDAY_7 + timedelta(minutes=1)})
    service.note_missed({"tell": MONDAY_7 + timedelta(minutes=2)})
    for name in ("watch", "push", "push"):
        service.lead(name, hold)()
    assert "over:" not in caplog.text
    service.lead("tell", hold)()
    service.lead("tell", hold)()
    said = [(one.levelname, one.message) for one in caplog.records if "nothing was done" in one.message]
    assert [(level, words.partition(" ")[0]) for level, words in said] == [("ERROR", "ALARM"), ("INFO", "over:")]
    assert "nothing was done since 07:00 16/10" in said[0][1]
    assert said[0][1].endswith("made good now: push, watch")


def test_service_that_starts_after_a_crash_says_how_long_none_ran(
    service: CentreService, workspace: Workspace, record: Record, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.note_absence()  # the first of all has missed nothing
    service.lead("watch", hold)()
    clock.at += timedelta(minutes=1)
    schedules = read_schedules(workspace.schedules)
    CentreService(workspace, record, schedules, clock).note_absence()  # systemd was quick
    assert "no service ran" not in caplog.text
    clock.at += timedelta(hours=3)
    third = CentreService(workspace, record, schedules, clock)
    third.note_absence()
    for name in ("publish", "push", "collect", "watch"):
        assert "over:" not in caplog.text
        third.lead(name, hold)()
    assert caplog.text.count("ALARM no service ran from 07:00 16/10 to 10:01 16/10") == 1
    assert caplog.text.count("over: no service ran") == 1


def hold() -> None:
    """Do nothing."""


def no_trouble(name: str, message: str) -> None:
    raise AssertionError(f"{name}: {message}")


def none_missed(missed: Mapping[str, datetime]) -> None:
    raise AssertionError(f"missed {missed}")

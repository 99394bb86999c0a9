"""Our side of the delivery benchmark, in a process of its own.

    python -m benchmarks.senders WORK WISH.json TOLD.json

A service imports its libraries once a day and sends all day long, so work is timed from its first connection to the
end of its last, without the start of Python; OpenSSH's commands are small enough to be timed whole. WORKs:

push      the file to some stations at once, or so many `workers` at a time, each in a session of its own
          `act_after_bytes` says when to `act`: "die" by SIGKILL, or "cut" the lines
poll      what stations wrote since the last time, over kept sessions; and one round trip over each of these
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.processes import time_work
from broadcaster.centre.collector import Collector
from broadcaster.centre.deliver import make_address
from broadcaster.centre.workspace import Workspace
from broadcaster.core.files import hash_bytes, write_atomic
from broadcaster.core.ids import AiringId, LogId, StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import CentreSettings, Schedules
from broadcaster.core.time import SystemClock
from broadcaster.link.fleet import run_for_stations
from broadcaster.link.line import DEFAULT_LIMITS
from broadcaster.link.session import StationAddress, open_session
from broadcaster.link.transfer import send_file
from broadcaster.station.journal import Journal
from broadcaster.wire.journal import Ending, Happening, JournalEntry
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.status import StationStatus, write_status

Wish = dict[str, Any]
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def send(wish: Wish) -> Wish:
    """Send the file to every station, all at once or so many at a time as was wished."""
    source, key = Path(wish["source"]), Path(wish["key"])
    hosts = {StationId(str(number)): one for number, one in enumerate(wish["stations"])}
    done_bytes = 0
    opened_s: list[float] = []

    def progress(more_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += more_bytes
        if wish.get("act_after_bytes") and done_bytes >= wish["act_after_bytes"]:
            act(wish)

    def serve(station: StationId) -> int:
        one = hosts[station]
        address = StationAddress(station, one["host"], wish["port"], wish["user"], wish["host_key"], one["folder"])
        began_s = time.monotonic()
        with open_session(address, key) as session:
            opened_s.append(time.monotonic() - began_s)
            return send_file(session, source, wish["name"], progress).bytes_sent

    def work() -> Wish:
        outcomes = run_for_stations(list(hosts), serve, wish.get("workers") or len(hosts))
        failed = [f"{outcome.station}: {outcome.error.message}" for outcome in outcomes if outcome.error]
        return {
            "failed": failed,
            "sent_bytes": sum(outcome.value or 0 for outcome in outcomes),
            "open_s": statistics.median(opened_s or [0.0]),
            "ended_at_s": time.monotonic(),
        }

    return time_work(work)


def act(wish: Wish) -> None:
    """Do at a moment of the transfer what was asked for, once."""
    wish["act_after_bytes"] = None
    if wish["act"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    Path(wish["lines"]).write_text("0 65535 0 0 50 0 125\n")
    os.kill(wish["emulator"], signal.SIGHUP)
    Path(wish["cut_at"]).write_text(str(time.monotonic()))


def poll(wish: Wish) -> Wish:
    """Collect what every station wrote since the last time, in turn with one round trip to each."""
    stations = [
        Station(
            StationId(f"s{number}"), f"Station {number}", host=one["host"], port=wish["port"], user=wish["user"],
            host_key=wish["host_key"],
        )
        for number, one in enumerate(wish["stations"])
    ]  # fmt: skip
    outboxes = [Path(one["folder"]) / "outbox" for one in wish["stations"]]
    diaries = [Diary(one.id, outbox) for one, outbox in zip(stations, outboxes, strict=True)]
    workspace = Workspace(Path(wish["workspace"]))
    workspace.prepare_state()
    shutil.copy2(wish["key"], workspace.key)
    schedules = Schedules(CentreSettings("Centre", ZONE), tuple(stations), (), (), ())
    told: Wish = {"fresh_s": 0.0, "lines": 0, "poll_s": [], "round_trip_s": []}

    def collect() -> float:
        for diary in diaries:
            diary.write()
        began_s = time.monotonic()
        found = collector.collect(schedules, stations)
        took_s = time.monotonic() - began_s
        for station, lines in found.items():
            if lines != 2:
                raise SystemExit(f"{station}: {lines} where 2 lines were due")
        return took_s

    with ExitStack() as stack:
        collector = Collector(workspace, stack.enter_context(workspace.open_record()), SystemClock(), is_keeping=True)
        stack.callback(collector.close)
        told["fresh_s"] = collect()
        sessions = {
            one.id: stack.enter_context(open_session(make_address(one), workspace.key, DEFAULT_LIMITS))
            for one in stations
        }

        def ask(station: StationId) -> None:
            sessions[station].sftp.ask_stat("/").take()

        collect()
        for _ in range(wish["polls"]):
            began_s = time.monotonic()
            run_for_stations(list(sessions), ask, len(sessions))
            told["round_trip_s"].append(time.monotonic() - began_s)
            told["poll_s"].append(collect())
    return told


class Diary:
    """Writes a station's outbox as its agent does: two lines of journal for an airing, and the status."""

    def __init__(self, station: StationId, outbox: Path) -> None:
        self._station = station
        self._outbox = outbox
        self._number = 0
        self._log = LogId(secrets.token_hex(8))
        self._journal = Journal(outbox, self._log, outbox.parent)

    def write(self) -> None:
        """Write about one airing more."""
        self._number += 1
        at = datetime.now(UTC)
        for happening, ending in ((Happening.START, None), (Happening.END, Ending.COMPLETE)):
            entry = JournalEntry(
                happening=happening, at=at, airing=AiringId(f"a{self._number}"), sha256=hash_bytes(b"a"),
                title="A programme", planned_at=at, duration_ms=1_800_000, started_at=at,
                output_ms=1_800_000 if ending else 0, ending=ending, reason=None, note="", volume=100,
                clock_error_ms=3,
            )  # fmt: skip
            self._journal.write(entry, ZONE)
        status = StationStatus(self._station, self._log, at, "0.1.0", "mpv", 3, 10**9, 30, "", "", None, "")
        write_atomic(self._outbox / STATUS, write_status(status))


WORKS: dict[str, Callable[[Wish], Wish]] = {"push": send, "poll": poll}


if __name__ == "__main__":
    name, wish_path, told_path = sys.argv[1:]
    Path(told_path).write_text(json.dumps(WORKS[name](json.loads(Path(wish_path).read_text()))))

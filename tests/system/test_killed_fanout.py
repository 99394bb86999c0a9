"""kill -9 of the centre at 50 random moments of a fan-out: every station ends with exactly the right bytes."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broadcaster.centre.deliver import Missing
from broadcaster.centre.fanout import push_missing
from broadcaster.centre.workspace import Workspace
from broadcaster.core.ids import StationId
from broadcaster.core.schedules import UplinkCap
from broadcaster.store.deliveries import read_attempts
from broadcaster.store.engine import Record, open_record
from broadcaster.store.stations import read_held
from broadcaster.wire.chain import read_lines
from broadcaster.wire.receipt import Verdict, read_receipt
from tests.fleet import CLOCK, Fleet, open_fleet
from tests.unit.makers import make_schedules

NAMES = ("an-nong", "minh-son", "hop-ly")
KILLS = 50
SIZE_BYTES = 4_000_000
MASTERS = 2
RATE_KBIT_S = 16_000  # 24 MB in 12 s: the kills spread over all of it
LONGEST_RUN_S = 0.5


def push(root: Path, missing: Sequence[Missing]) -> None:
    """Do what `broadcaster push` does, in a process of its own that may be killed."""
    schedules = make_schedules()
    schedules = replace(schedules, centre=replace(schedules.centre, uplink=UplinkCap(RATE_KBIT_S)))
    workspace = Workspace(root)
    record = open_record(workspace.state / "record.sqlite3")
    push_missing(workspace, record, schedules, missing, CLOCK, 20, tries=1)
    record.close()


def list_parts(fleet: Fleet) -> dict[tuple[str, str], int]:
    """List the parts of masters in all inboxes with their sizes."""
    found = {}
    for name, box in fleet.boxes.items():
        for path in box.inbox.glob("*.mp3.part"):
            found[name, path.name] = path.stat().st_size
    return found


def list_verified(fleet: Fleet, name: str) -> list[str]:
    """List what a station confirmed, as often as it did."""
    path = fleet.boxes[name].outbox / "receipts.jsonl"
    lines, errors, _ = read_lines(path.read_bytes() if path.exists() else b"")
    assert errors == []
    receipts = [read_receipt(line).receipt for line in lines]
    assert {receipt.verdict for receipt in receipts} <= {Verdict.VERIFIED}
    return [receipt.name for receipt in receipts]


@pytest.mark.timeout(240)
def test_a_centre_killed_at_random_moments_sends_nothing_twice_and_leaves_nothing_half_done(
    tmp_path: Path, workspace: Workspace, record: Record
) -> None:
    dice = secrets.SystemRandom()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with open_fleet(tmp_path / "boxes", workspace, record, NAMES) as fleet:
        masters = [fleet.make_master(seed, SIZE_BYTES) for seed in range(MASTERS)]
        missing = [fleet.make_missing(name, masters) for name in NAMES]
        parts: dict[tuple[str, str], int] = {}
        kills = 0
        while kills < KILLS:
            process = context.Process(target=push, args=(workspace.root, missing))
            process.start()
            time.sleep(dice.uniform(0.0, LONGEST_RUN_S))
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            process.join()
            now = list_parts(fleet)
            for key, size_bytes in now.items():
                assert size_bytes >= parts.get(key, 0), f"{key} began anew"
            parts = now
        process = context.Process(target=push, args=(workspace.root, missing))
        process.start()
        process.join()
        assert process.exitcode == 0
        wanted = {master.sha256 for master in masters}
        with record.read() as connection:
            held = read_held(connection)
            attempts = {name: read_attempts(connection, StationId(name), 1000) for name in NAMES}
        for name in NAMES:
            assert fleet.list_library(name) == wanted
            assert fleet.boxes[name].list_inbox() == []
            assert sorted(list_verified(fleet, name)) == sorted(master.name for master in masters)
            assert set(held[StationId(name)]) == wanted
            assert attempts[name][0].error == ""
            assert all(attempt.ended_at <= datetime.now(UTC) for attempt in attempts[name])
        assert sum(a.error == "Interrupted" for one in attempts.values() for a in one) > KILLS // 2

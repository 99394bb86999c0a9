"""When things really sound at a box: starts, gaps, memory and processor of the real agent beside a process per item.

    python -m benchmarks.playout

The agent runs with mpv, no sound card, and the niceness of its unit (so: as root); a wrapper gives its mpv a second
IPC socket, at which an ear asks how much was given out. The peer is what a timer does: at its second it starts mpv with
the file. Half of the starts have every core busy with a loop. Prints a table, writes results/playout.json and .md,
exits 1 if a bar is not met.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.ear import Ear, find_starts
from benchmarks.processes import read_pss_kib
from broadcaster.core.ids import AiringId, SlotId
from broadcaster.core.model import Airing, StartRule
from broadcaster.core.programs import find_ffmpeg
from tests.station_box import StationBox, make_airing_of, make_master, make_plan, start_agent, wait_until
from tests.unit.makers import make_airing

RESULTS = Path(__file__).resolve().parent / "results" / "playout.json"
ITEM_S = 0.6
EVERY = timedelta(seconds=2)  # what sounds must be over by LINE_AHEAD before the next: only then can it be loaded ahead
LEAD = timedelta(seconds=6)
NICE = -10  # as in the unit that `broadcaster-station install` writes
LONG_S = 30.0
START_BAR_MS, GAP_BAR_MS, MEMORY_BAR_MIB, CORE_BAR = 20.0, 100.0, 60.0, 2.0
Row = dict[str, object]


@dataclass
class Times:
    """How far (ms) starts lay from their second, and how long the gaps within a rundown were."""

    starts_ms: list[float]
    gaps_ms: list[float]

    def add(self, second: datetime, starts: Sequence[float], length_s: float) -> None:
        """Add a rundown of two items."""
        if len(starts) != 2:
            raise SystemExit(f"of the two items planned at {second} {len(starts)} were heard")
        self.starts_ms.append((starts[0] - second.timestamp()) * 1000)
        self.gaps_ms.append((starts[1] - starts[0] - length_s) * 1000)


def find_p99(values: Sequence[float]) -> float:
    """Find the value that 99 of 100 do not pass."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


@contextlib.contextmanager
def busy_cores(*, are_busy: bool) -> Iterator[None]:
    """Keep every core busy."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)] if are_busy else []
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def find_second(ahead: timedelta) -> datetime:
    """Give the whole second that is so far ahead."""
    return (datetime.now(UTC) + ahead).replace(microsecond=0)


def measure_length_s(path: Path) -> float:
    """Measure how long a file sounds when it is decoded."""
    command = [
        find_ffmpeg(),
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "s16le",
        "-ar",
        "48000",
        "-ac",
        "1",
        "-",
    ]
    return len(subprocess.run(command, capture_output=True, check=True).stdout) / 2 / 48_000


@dataclass
class Bench:
    """One box with a running agent, its master, and the ears."""

    folder: Path
    box: StationBox
    master: Path
    length_s: float
    revision: int = 0

    def publish(self, airings: Sequence[Airing]) -> None:
        """Send a day plan with these airings alone."""
        self.revision += 1
        on = airings[0].start_at.date()
        self.box.send_plan(make_plan(on, airings, revision=self.revision, zone="UTC"))

    def play_ours(self, count: int) -> Times:
        """Have the agent play rundowns of two items, and listen."""
        first_at, number = find_second(LEAD), self.revision
        seconds = [first_at + n * EVERY for n in range(count)]
        airings = []
        for n, second in enumerate(seconds):
            head = make_airing_of(make_airing(f"{number}-{n}-1", second), self.master, ITEM_S)
            head = replace(head, slot=SlotId(f"s{number}-{n}"))
            follows_at = second + timedelta(milliseconds=head.duration_ms)
            name = AiringId(f"{number}-{n}-2")
            airings += [head, replace(head, id=name, start_at=follows_at, start_rule=StartRule.AFTER)]
        self.publish(airings)
        times, ear = Times([], []), Ear(self.folder / "agent.sock")
        for second in seconds:
            begin_s = second.timestamp()
            time.sleep(max(0.0, begin_s - 0.02 - time.time()))
            times.add(second, find_starts(ear.listen(begin_s + EVERY.total_seconds() - 0.15)), self.length_s)
        ear.close()
        return times

    def play_peer(self, count: int) -> Times:
        """Start a fresh mpv for each item: at its second, and when the one before has ended."""
        times, path = Times([], []), self.folder / "peer.sock"
        command = [
            str(self.folder / "real-mpv"), "--no-config", "--no-video", "--no-terminal", "--ao=null",
            "--gapless-audio=no", f"--input-ipc-server={path}", str(self.master),
        ]  # fmt: skip
        for _ in range(count):
            second = find_second(timedelta(seconds=1.5))
            starts = []
            time.sleep(max(0.0, second.timestamp() - time.time()))
            for _ in range(2):
                path.unlink(missing_ok=True)
                ear, heard = Ear(path), []
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
                while process.poll() is None:
                    heard += ear.listen(time.time() + 0.02)
                ear.close()
                starts += find_starts(heard)[:1]
            times.add(second, starts, self.length_s)
        return times

    def measure_load(self, pid: int) -> tuple[float, float]:
        """Measure an agent while it plays one long item: its memory without the player (MiB), share of a core (%)."""
        long, _ = make_master(self.folder, LONG_S, 330)
        self.box.send_bytes(long.read_bytes())
        second = find_second(LEAD)
        self.publish([make_airing_of(make_airing("long", second), long, LONG_S)])
        time.sleep(max(0.0, second.timestamp() + 3 - time.time()))
        before_s, began_s = read_cpu_s(pid), time.monotonic()
        time.sleep(LONG_S - 8)
        share = (read_cpu_s(pid) - before_s) / (time.monotonic() - began_s) * 100
        return read_pss_kib(pid) / 1024, share


def read_cpu_s(pid: int) -> float:
    """Read the processor time of a process without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def open_bench() -> Iterator[tuple[Bench, int]]:
    """Set up a box whose mpv has a second socket, and start the real agent."""
    mpv = shutil.which("mpv")
    if mpv is None:
        raise SystemExit("mpv is not on this machine: apt install mpv")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        (folder / "real-mpv").symlink_to(mpv)
        wrapper = folder / "bin" / "mpv"
        wrapper.write_text(f'#!/bin/sh\nexec {folder}/real-mpv --input-ipc-server={folder}/agent.sock "$@"\n')
        wrapper.chmod(0o755)
        box = StationBox(folder / "box")
        master, _ = make_master(folder, ITEM_S)
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{folder / 'bin'}:{path}"
        agent = start_agent(box.write_settings(player="mpv"), folder / "agent.log")
        os.environ["PATH"] = path
        os.setpriority(os.PRIO_PROCESS, agent.pid, NICE)  # before it has started mpv, which inherits it
        try:
            wait_until((box.outbox / "status.json").exists)
            box.send_bytes(master.read_bytes())
            yield Bench(folder, box, master, measure_length_s(master)), agent.pid
        finally:
            agent.terminate()
            agent.wait()


def make_row(work: str, ours: float, unit: str, bar: float, peer: dict[str, float]) -> Row:
    """Make one row of the table."""
    ratio = round(next(iter(peer.values())) / ours, 1) if peer and ours else None
    shown = {name: round(value, 2) for name, value in peer.items()}
    return {"work": work, "ours": round(ours, 2), "unit": unit, "peer": shown, "ratio": ratio, "bar": bar,
            "met": ours <= bar}  # fmt: skip


def plan_rows(ours: dict[str, Times], peers: dict[str, Times], memory_mib: float, share: float) -> list[Row]:
    """Make the rows: each state alone, then all starts and gaps together, then the load."""
    rows: list[Row] = []
    together = (Times([], []), Times([], []))
    for state, mine in ours.items():
        for all_of, found in zip(together, (mine, peers[state]), strict=True):
            all_of.starts_ms.extend(found.starts_ms)
            all_of.gaps_ms.extend(found.gaps_ms)
    for state, (mine, theirs) in {
        **{state: (ours[state], peers[state]) for state in ours}, "all": together,
    }.items():  # fmt: skip
        far, peer_far = ([abs(value) for value in times.starts_ms] for times in (mine, theirs))
        count = f"{len(far)} starts, {state}"
        rows += [
            make_row(f"{count}: off their second, median", statistics.median(far), "ms", START_BAR_MS,
                     {"a process per item": statistics.median(peer_far)}),
            make_row(f"{count}: off their second, p99", find_p99(far), "ms", START_BAR_MS,
                     {"a process per item": find_p99(peer_far)}),
            make_row(f"{len(mine.gaps_ms)} gaps, {state}: longest", max(mine.gaps_ms), "ms", GAP_BAR_MS,
                     {"a process per item": max(theirs.gaps_ms)}),
        ]  # fmt: skip
    rows.append(make_row("memory of the agent without the player", memory_mib, "MiB", MEMORY_BAR_MIB, {}))
    rows.append(make_row("processor of the agent while playing, of one core", share, "%", CORE_BAR, {}))
    return rows


def plan_table(rows: Sequence[Row], player: str) -> str:
    """Give the table as Markdown."""
    lines = [
        "# When things sound at a box", "",
        f"`python -m benchmarks.playout`, {player}, no sound card, {os.cpu_count()} cores; the agent has",
        f"niceness {NICE}. Starts and gaps as an ear at mpv heard them, not as the agent says; an answer that comes",
        "late makes a start look later. Busy: a loop on every core. The peer is a fresh mpv for each item, in the same",
        "run, of fewer items. The diary was read afterwards: every item was played to its end.", "",
        "| what | ours | a process per item | ratio | bar | |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        peer = row["peer"]
        theirs = next(iter(peer.values()), "") if isinstance(peer, dict) else ""
        verdict = "met" if row["met"] else "**missed**"
        ratio = "" if row["ratio"] is None else row["ratio"]
        lines.append(f"| {row['work']} | {row['ours']} {row['unit']} | {theirs} | {ratio} | {row['bar']} | {verdict} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100, help="in each of the two states")
    parser.add_argument("--peer-starts", type=int, default=10)
    chosen = parser.parse_args()
    player = " ".join(
        subprocess.run(["mpv", "--version"], capture_output=True, text=True, check=True).stdout.split()[:2]
    )
    ours, peers = {}, {}
    with open_bench() as (bench, pid):
        memory_mib, share = bench.measure_load(pid)
        for state, are_busy in (("quiet", False), ("every core busy", True)):
            with busy_cores(are_busy=are_busy):
                ours[state] = bench.play_ours(chosen.starts)
                peers[state] = bench.play_peer(chosen.peer_starts)
        memory_mib = max(memory_mib, read_pss_kib(pid) / 1024)
        ends = [line.ending for line in bench.box.read_journal() if line.ending is not None]
    if set(ends) != {"complete"} or len(ends) != 4 * chosen.starts + 1:
        raise SystemExit("the diary does not say that every item was played to its end")
    rows = plan_rows(ours, peers, memory_mib, share)
    raw = {
        state: {
            "starts_ms": [round(one, 2) for one in times.starts_ms],
            "gaps_ms": [round(one) for one in times.gaps_ms],
        }
        for state, times in ours.items()
    }
    table = plan_table(rows, player)
    RESULTS.write_text(json.dumps({"player": player, "rows": rows, "raw": raw}, indent=1, ensure_ascii=False) + "\n")
    RESULTS.with_suffix(".md").write_text(table)
    print(table, end="")
    return 0 if all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

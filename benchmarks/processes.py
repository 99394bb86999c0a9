"""Run a command and tell what it and all processes below it took."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """What one run took: clock, processor of the whole tree, and the highest proportional share of memory (PSS)."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def list_tree(pid: int) -> list[int]:
    """Give a process and all below it; one that has not become its own program yet still shows its parent's memory."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        below = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        command = read_command(pid)
    except OSError:
        return [pid]
    return [pid, *(one for child in below if read_command(child) != command for one in list_tree(child))]


def read_command(pid: int) -> bytes:
    """Read the command line of a process; nothing of one that has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def read_pss_kib(pid: int) -> int:
    """Read a process's proportional share of memory; 0 when it has ended."""
    try:
        match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    except OSError:
        return 0
    return int(match[1]) if match else 0


def run(command: Sequence[str]) -> Run:
    """Run a command to its end, watching its process tree five times a second."""
    peak_kib = 0
    ended = threading.Event()
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal peak_kib
        while not ended.wait(0.2):
            peak_kib = max(peak_kib, sum(read_pss_kib(pid) for pid in list_tree(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, peak_kib / 1024)


def time_work(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do some work in this process and tell what it took beside what it tells itself: clock, processor, switches."""
    before, began_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    told = work()
    wall_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
    return {"wall_s": wall_s, "cpu_s": cpu_s, "switches": switches, **told}


def find_median(runs: Sequence[Run]) -> Run:
    """Give the medians of several runs of one command; of memory the highest."""
    return Run(
        statistics.median(one.wall_s for one in runs),
        statistics.median(one.cpu_s for one in runs),
        max(one.peak_mib for one in runs),
    )

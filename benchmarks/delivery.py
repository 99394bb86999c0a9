"""Delivery, ours and the tools a centre would pick instead, in turn, to real sshds over lines as bad as those outside.

    python -m benchmarks.delivery                           # everything: about half an hour
    python -m benchmarks.delivery --quick                   # everything with small files: some minutes
    python -m benchmarks.delivery --parts loss,poll         # some parts; the results of the others stay
    python -m benchmarks.delivery --rounds 3                # medians of three
    python -m benchmarks.delivery --parts loss --rounds 2 --more    # two rounds more to those that are there

Parts: `loopback`, one station, 200 MB; `line`, 20 MB at 10 Mbit/s and 100 ms; `loss`, 5 MB with 1 % loss; `fleet`, 20
MB to 34 stations each on such a line; `linear`, 34 to 166 stations, on loopback and over lines; `broken`, the centre
killed at 90 %; `poll`, 34 stations asked for what they wrote; `dead`, a line that is cut, and 34 poor ones that are
not. Writes benchmarks/results/delivery.json and .md and exits 1 if a bar is not met. Memory is the proportional share
(PSS) of the process tree, sampled five times a second. See benchmarks/lines.py for the lines and what they need.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.delivery_bench import Bench
from benchmarks.delivery_table import Row, plan_table
from benchmarks.lines import LOOPBACK, STATION_PORT, Line, address, open_net
from benchmarks.processes import Run, find_median

HERE = Path(__file__).resolve().parent
MEMORY = "/dev/shm"  # noqa: S108 - stations' disks are not what is compared; the folder in it has a name of its own
FLEET = 34
PROVINCE = 166
MB = 1_000_000
PEERS = ("sftp", "sftp-best", "scp", "rsync", "rclone", "asyncssh")
MEMORY_MIB = 120.0
GROWTH = 1.5  # of what each station costs, from 34 to 166: what grows with the square would be at 4.9
POLLS = 10


def measure_loopback(bench: Bench) -> None:
    """One station, nothing but the processor in the way."""
    done = bench.compare(PEERS, [LOOPBACK], bench.make_source(200 * MB))
    best = min(("sftp", "sftp-best"), key=lambda peer: done[peer].wall_s)
    bench.add_rates(done, {best: 0.85, "rsync": 1.0, "asyncssh": 1.0, "scp": 0, "rclone": 0})
    bench.add_bar("sftp-best", "CPU s", done["ours"].cpu_s, done["sftp-best"].cpu_s, most=2.0)


def measure_line(bench: Bench) -> None:
    """One station, far away."""
    bench.net.shape(Line())
    peers = ("rsync", "sftp", "rclone", "asyncssh")
    done = bench.compare(peers, [address(1)], bench.make_source(20 * MB))
    bench.add_rates(done, dict.fromkeys(peers, 0.0) | {"rsync": 1.0})


def measure_loss(bench: Bench) -> None:
    """One station, far away, on a line that loses one packet in a hundred."""
    bench.net.shape(Line(loss_percent=1))
    peers = ("sftp", "rsync", "rclone")
    bench.add_rates(bench.compare(peers, [address(1)], bench.make_source(5 * MB)), dict.fromkeys(peers, 5.0))


def measure_fleet(bench: Bench) -> None:
    """A district's stations, all at once."""
    bench.net.shape(Line())
    source = bench.make_source(20 * MB)
    hosts = [address(number + 1) for number in range(FLEET)]
    alone = find_median([bench.send("ours", hosts[:1], source) for _ in range(bench.rounds)])
    peers = [peer for peer in PEERS if peer not in ("sftp-best", "scp")]
    done = bench.compare(peers, hosts, source)
    bench.add_run("ours, one station alone", alone, source.stat().st_size)
    best = min(("sftp", "rsync", "rclone"), key=lambda peer: done[peer].wall_s)
    bench.add_bar(f"the best: {best}", "wall s", done["ours"].wall_s, done[best].wall_s, most=1.0)
    bench.add_bar("one station alone", "wall s", done["ours"].wall_s, alone.wall_s, most=1.1)
    bench.add_bar(f"{MEMORY_MIB:g} MiB", "peak MiB", done["ours"].peak_mib, MEMORY_MIB, most=1.0)


def measure_linear(bench: Bench) -> None:
    """A province: what a station costs may not grow with their number.

    On loopback the stations' sshds take the same processors; so a province is served there all at once, and as many at
    a time as the settings say when nobody sets them; and all at once over lines, where the line is what each waits for.
    """
    source = bench.make_source(2 * MB)
    hosts = [address(number + 1) for number in range(PROVINCE)]
    ways = {f"{count} stations": (count, 0) for count in (FLEET, PROVINCE // 2, PROVINCE)}
    ways[usual := f"{PROVINCE} stations, {FLEET} at a time"] = (PROVINCE, FLEET)
    runs: dict[str, list[Run]] = {}
    switches: dict[str, list[float]] = {}

    def serve(name: str, count: int, workers: int, *, is_loopback: bool) -> None:
        bench.clean(chosen := hosts[:count])
        dialled = [LOOPBACK] * count if is_loopback else chosen
        wish = bench.make_wish(dialled, source, [bench.get_folder(one) for one in chosen])
        words = ["benchmarks.senders", "push"]
        whole, told = bench.start(words, wish | {"workers": workers}, is_loopback=is_loopback)
        if told["failed"] or bench.count_whole(chosen, source) != count:
            raise SystemExit(f"{count} stations: not all served: {told['failed'][:1]}")
        runs.setdefault(name, []).append(Run(told["wall_s"], told["cpu_s"], whole.peak_mib))
        switches.setdefault(name, []).append(told["switches"] / count)
        print(f"  {name:40} {told['cpu_s'] / count * 1000:6.1f} ms each", flush=True)

    bench.net.shape(Line(kbit_s=2_000))
    far = {f"{count} stations, lines of 2 Mbit/s": count for count in (FLEET, PROVINCE)}
    for _ in range(bench.rounds):
        for name, (count, workers) in ways.items():
            serve(name, count, workers, is_loopback=True)
    for name, count in far.items():
        serve(name, count, 0, is_loopback=False)
    counts = {name: count for name, (count, _) in ways.items()} | far
    costs = {name: find_median(kept) for name, kept in runs.items()}
    for name, count in counts.items():
        bench.add_run(f"ours, {name}", costs[name], source.stat().st_size * count)
        each_ms = [one.cpu_s / count * 1000 for one in runs[name]]
        turns = statistics.median(switches[name])
        bench.add_note(
            f"{name}: all served; of each {min(each_ms):.1f} to {max(each_ms):.1f} ms of processor, median "
            f"{statistics.median(each_ms):.1f}; {turns:.0f} switches between threads."
        )
    few, half, many = (costs[f"{count} stations"] for count in (FLEET, PROVINCE // 2, PROVINCE))
    least_s = few.cpu_s / FLEET
    bench.add_bar(f"of {FLEET} stations", "CPU s each, all at once", many.cpu_s / PROVINCE, least_s, most=GROWTH)
    bench.add_bar(
        f"of {FLEET} stations", f"CPU s each, {FLEET} at a time", costs[usual].cpu_s / PROVINCE, least_s, most=GROWTH
    )
    some, all_of_them = ((costs[name].cpu_s / count, count) for name, count in far.items())
    bench.add_bar(f"of {some[1]} stations", "CPU s each, over lines", all_of_them[0], some[0], most=GROWTH)
    steps = (PROVINCE // 2 - FLEET, PROVINCE - PROVINCE // 2)
    halves = [(half.peak_mib - few.peak_mib) / steps[0], (many.peak_mib - half.peak_mib) / steps[1]]
    bench.add_bar("of the first half", "MiB each", halves[1], halves[0], most=GROWTH)


def measure_broken(bench: Bench) -> None:
    """The centre dies when nine tenths are safe: how much goes over the line in the second try."""
    bench.net.shape(Line())
    source, host = bench.make_source(20 * MB), address(1)
    size_bytes = source.stat().st_size
    bench.clean([host])
    wish = bench.make_wish([host], source)
    with contextlib.suppress(SystemExit):  # it kills itself
        bench.start(["benchmarks.senders", "push"], wish | {"act": "die", "act_after_bytes": size_bytes * 9 // 10})
    before = bench.net.count_bytes()
    whole, told = bench.start(["benchmarks.senders", "push"], wish)
    after = bench.net.count_bytes()
    if told["failed"] or bench.count_whole([host], source) != 1:
        raise SystemExit(f"the second try failed: {told['failed']}")
    bench.add_run("ours, second try", Run(told["wall_s"], told["cpu_s"], whole.peak_mib), told["sent_bytes"])
    bench.add_bar("the file", "bytes sent", after[0] - before[0], size_bytes, most=0.11)
    bench.add_bar("the file", "bytes received", after[1] - before[1], size_bytes)


def measure_poll(bench: Bench) -> None:
    """A district's stations asked for what they wrote: over sessions that are kept, and the first time."""
    bench.net.shape(Line())
    hosts = [address(number + 1) for number in range(FLEET)]
    bench.clean(hosts)
    with tempfile.TemporaryDirectory(prefix="bench-") as workspace:
        wish = bench.make_wish(hosts, bench.net.ssh_config) | {"workspace": workspace, "polls": POLLS}
        wish["port"] = STATION_PORT
        _, told = bench.start(["benchmarks.senders", "poll"], wish)
    poll_s, round_trip_s = statistics.median(told["poll_s"]), statistics.median(told["round_trip_s"])
    bench.add_bar("one round trip each", "wall s", poll_s, round_trip_s, most=1.5)
    bench.add_bar("one round trip each", "first time, wall s", told["fresh_s"], round_trip_s)


def measure_dead(bench: Bench) -> None:
    """How soon a line that is cut is noticed, and whether ones that are only poor are taken for it."""
    bench.net.shape(Line())
    source, host = bench.make_source(20 * MB), address(1)
    cut_at = bench.net.folder / "cut-at"
    wish = {"act": "cut", "lines": str(bench.net.lines), "emulator": bench.net.emulator.pid, "cut_at": str(cut_at)}
    bench.clean([host])
    half_bytes = source.stat().st_size // 2
    _, told = bench.start(
        ["benchmarks.senders", "push"], bench.make_wish([host], source) | wish | {"act_after_bytes": half_bytes}
    )
    if not told["failed"]:
        raise SystemExit("a line that was cut has carried a file")
    bench.add_bar("30 s", "noticed, s", told["ended_at_s"] - float(cut_at.read_text()), 30.0, most=1.0)
    bench.net.shape(Line(2_000, 75, 2))
    source, hosts = bench.make_source(2 * MB), [address(number + 1) for number in range(FLEET)]
    bench.clean(hosts)
    _, told = bench.start(["benchmarks.senders", "push"], bench.make_wish(hosts, source))
    bench.add_note(f"{FLEET} stations at 2 Mbit/s, 150 ms, 2 % loss, {source.stat().st_size} bytes to each.")
    bench.add_bar(f"{FLEET} poor lines", "served", FLEET - len(told["failed"]), FLEET, least=1.0)


PARTS: dict[str, Callable[[Bench], None]] = {
    "loopback": measure_loopback,
    "line": measure_line,
    "loss": measure_loss,
    "fleet": measure_fleet,
    "linear": measure_linear,
    "broken": measure_broken,
    "poll": measure_poll,
    "dead": measure_dead,
}


def read_versions() -> dict[str, str]:
    """Give machine and versions, without a path."""
    found = {"python": platform.python_version(), "kernel": platform.release(), "cores": str(os.cpu_count())}
    found |= {name: version(name) for name in ("paramiko", "asyncssh")}
    for name, command in (("OpenSSH", "ssh -V"), ("rsync", "rsync --version"), ("rclone", "rclone version")):
        told = subprocess.run(command.split(), capture_output=True, text=True, check=True)
        match = re.search(r"\d+\.\d+\S*", told.stdout + told.stderr)
        found[name] = match[0].rstrip(",") if match else "unknown"
    return found


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="keep the rounds against the peers that are there")
    parser.add_argument("--quick", action="store_true", help="a tenth of the bytes")
    parser.add_argument("--output", type=Path, help="a .json; the table lies beside it")
    wish = parser.parse_args()
    output = wish.output or HERE / "results" / ("delivery-quick.json" if wish.quick else "delivery.json")
    document = json.loads(output.read_text()) if output.exists() else {"rows": []}
    document["versions"] = document.get("versions", {}) | read_versions()
    command = f"python -m benchmarks.delivery {' '.join(sys.argv[1:])}".strip()
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-", dir=MEMORY) as name, open_net(Path(name), PROVINCE) as net:
        for part in [part for part in PARTS if part in wish.parts.split(",")]:
            print(part, flush=True)
            earlier = [row for row in document["rows"] if row["part"] == part] if wish.more else []
            bench = Bench(net, wish.rounds, 0.1 if wish.quick else 1.0, earlier)
            began_s = time.monotonic()
            PARTS[part](bench)
            print(f"  took {time.monotonic() - began_s:.0f} s", flush=True)
            missed += sum(row.get("met") is False for row in bench.rows)
            at = datetime.now(UTC).isoformat(timespec="minutes")
            rounds = sum(row["kind"] == "round" and row["peer"] == "ours" for row in bench.rows) or wish.rounds
            said: Row = {"part": part, "rounds": rounds, "at": at, "command": command}
            kept = [row for row in document["rows"] if row["part"] != part]
            document["rows"] = [*kept, *({**said, **row} for row in bench.rows)]
            output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
            output.with_suffix(".md").write_text(plan_table(document["versions"], document["rows"]))
    print(f"{missed} bars missed" if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

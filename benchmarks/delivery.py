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
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.delivery_table import Row, plan_table
from benchmarks.lines import LOOPBACK, PORT, STATION_PORT, Line, Net, address, open_net
from benchmarks.processes import Run, find_median, run

HERE = Path(__file__).resolve().parent
MEMORY = "/dev/shm"  # noqa: S108 - stations' disks are not what is compared; the folder in it has a name of its own
FLEET = 34
PROVINCE = 166
MB = 1_000_000
BEST_SFTP = ("-B", "261120", "-c", "aes128-gcm@openssh.com")
PEERS = ("sftp", "sftp-best", "scp", "rsync", "rclone", "asyncssh")
MEMORY_MIB = 120.0
GROWTH = 1.5  # of what each station costs, from 34 to 166: what grows with the square would be at 4.9
POLLS = 10
ROUND = ("wall_s", "cpu_s", "peak_mib")
Wish = dict[str, Any]


class Bench:
    """The net, the folders of its stations, and the rows of the part that is being measured."""

    def __init__(self, net: Net, rounds: int, scale: float, earlier: Sequence[Row] = ()) -> None:
        self.net = net
        self.earlier = earlier
        self.rounds = rounds
        self.scale = scale
        self.rows: list[Row] = []
        self.opened_s: list[float] = []
        self.host_key = (net.folder / "host_key.pub").read_text().strip()

    def make_source(self, size_bytes: int) -> Path:
        """Make a file that no compression shortens; where all is small, a small one."""
        source = self.net.folder / "source.mp3"
        with source.open("wb") as file:
            left_bytes = max(round(size_bytes * self.scale), 400_000)
            while left_bytes > 0:
                file.write(os.urandom(min(left_bytes, 8 << 20)))
                left_bytes -= 8 << 20
        return source

    def get_folder(self, host: str) -> Path:
        """Give a station's folder."""
        return self.net.folder / "boxes" / host

    def clean(self, hosts: Sequence[str]) -> None:
        """Make stations hold nothing."""
        for host in hosts:
            shutil.rmtree(self.get_folder(host), ignore_errors=True)
            for part in ("inbox", "outbox"):
                (self.get_folder(host) / part).mkdir(parents=True)

    def count_whole(self, hosts: Sequence[str], source: Path) -> int:
        """Count the stations that hold exactly the file."""
        data = source.read_bytes()
        return sum((self.get_folder(host) / "inbox" / source.name).read_bytes() == data for host in hosts)

    def make_wish(self, hosts: Sequence[str], source: Path, places: Sequence[Path] | None = None) -> Wish:
        """Say what senders.py is to do; `places` are folders where several stations answer on one address."""
        folders = places or [self.get_folder(host) for host in hosts]
        stations = [{"host": host, "folder": str(folder)} for host, folder in zip(hosts, folders, strict=True)]
        return {
            "stations": stations, "port": PORT, "user": self.net.user, "key": str(self.net.key),
            "host_key": self.host_key, "known_hosts": str(self.net.folder / "known_hosts"), "source": str(source),
            "name": source.name,
        }  # fmt: skip

    def start(self, words: Sequence[str], wish: Wish, *, is_loopback: bool = False) -> tuple[Run, Wish]:
        """Run senders.py, or asyncssh in its place, to its end; what it tells of its work is in the second."""
        wish_path, told_path = self.net.folder / "wish.json", self.net.folder / "told.json"
        wish_path.write_text(json.dumps(wish))
        told_path.unlink(missing_ok=True)
        command = [sys.executable, "-m", *words, str(wish_path), str(told_path)]
        whole = run(self.net.on_loopback(command) if is_loopback else self.net.in_centre(command))
        return whole, json.loads(told_path.read_text())

    def send(self, peer: str, hosts: Sequence[str], source: Path) -> Run:
        """Have one of the tools send a file to all hosts at once, and see that it arrived whole."""
        self.clean(hosts)
        is_loopback = hosts == [LOOPBACK]
        if peer in ("ours", "asyncssh"):
            words = ["benchmarks.senders", "push"] if peer == "ours" else ["benchmarks.by_asyncssh"]
            whole, told = self.start(words, self.make_wish(hosts, source), is_loopback=is_loopback)
            if told["failed"]:
                raise SystemExit(f"{peer}: {told['failed'][0]}")
            took = Run(told["wall_s"], told["cpu_s"], whole.peak_mib)
            if peer == "ours":
                self.opened_s.append(told["open_s"])
        else:
            names = self.net.folder / "hosts"
            names.write_text("".join(f"{host}\n" for host in hosts))
            command = [
                "xargs",
                "-a",
                str(names),
                "-P",
                str(len(hosts)),
                "-I{}",
                *self.plan_command(peer, hosts, source),
            ]
            took = run(self.net.on_loopback(command) if is_loopback else self.net.in_centre(command))
        if (whole_count := self.count_whole(hosts, source)) != len(hosts):
            raise SystemExit(f"{peer}: {whole_count} of {len(hosts)} stations hold the file")
        return took

    def plan_command(self, peer: str, hosts: Sequence[str], source: Path) -> list[str]:
        """Give the command that sends to the host `{}`, as a person would type it."""
        config = str(self.net.ssh_config)
        place = f"{self.net.folder}/boxes/{{}}/inbox"
        if peer in ("sftp", "sftp-best"):
            for host in hosts:
                words = f"put {source} {self.get_folder(host)}/inbox/{source.name}\n"
                (self.net.folder / f"batch-{host}").write_text(words)
            best = BEST_SFTP if peer == "sftp-best" else ()
            return ["sftp", "-q", "-F", config, *best, "-b", f"{self.net.folder}/batch-{{}}", "{}"]
        if peer == "scp":
            return ["scp", "-q", "-F", config, str(source), f"{{}}:{place}/"]
        if peer == "rsync":
            return ["rsync", "-e", f"ssh -F {config}", str(source), f"{{}}:{place}/"]
        remote = f"host={{}},port={PORT},user={self.net.user},key_file={self.net.key}"
        known = f"known_hosts_file={self.net.folder}/known_hosts"
        return [
            "rclone",
            "--config",
            "/dev/null",
            "copyto",
            str(source),
            f":sftp,{remote},{known}:{place}/{source.name}",
        ]

    def compare(self, peers: Sequence[str], hosts: Sequence[str], source: Path) -> dict[str, Run]:
        """Send by ours and by each peer in turn, several times, and give the medians, with those of earlier rounds."""
        runs: dict[str, list[Run]] = {peer: [] for peer in ("ours", *peers)}
        for row in self.earlier:
            if row["kind"] == "round":
                runs[str(row["peer"])].append(Run(*(float(row[name] or 0) for name in ROUND)))
        for _ in range(self.rounds):
            for peer, kept in runs.items():
                kept.append(self.send(peer, hosts, source))
                print(f"  {peer:10} {kept[-1].wall_s:7.2f} s", flush=True)
        done = {peer: find_median(kept) for peer, kept in runs.items()}
        for peer, took in done.items():
            self.add_run(peer, took, source.stat().st_size * len(hosts))
        for peer, kept in runs.items():
            self.rows += [{"kind": "round", "peer": peer} | dict(zip(ROUND, astuple(one), strict=True)) for one in kept]
            walls_s = [one.wall_s for one in kept]
            self.add_note(f"{peer}: {min(walls_s):.2f} to {max(walls_s):.2f} s in {len(kept)} rounds")
        opened_s = statistics.median(self.opened_s)
        self.add_note(f"Ours: {opened_s:.2f} s of it until a session stood")
        return done

    def add_run(self, name: str, took: Run, size_bytes: int) -> None:
        """Add what one tool took."""
        row: Row = {"kind": "run", "peer": name, "wall_s": round(took.wall_s, 3), "cpu_s": round(took.cpu_s, 3)}
        row |= {"peak_mib": round(took.peak_mib, 1), "mbit_s": round(size_bytes * 8e-6 / took.wall_s, 2)}
        self.rows.append(row)

    def add_note(self, text: str) -> None:
        """Add a sentence."""
        self.rows.append({"kind": "note", "text": text})
        print(f"  {text}", flush=True)

    def add_bar(self, what: str, unit: str, ours: float, theirs: float, *, least: float = 0, most: float = 0) -> None:
        """Add a comparison: ours over theirs must be at least, or at most, so much; with neither it is only told."""
        ratio = ours / theirs
        met = None if not least and not most else ratio >= least if least else ratio <= most
        bar = f"≥ {least:g}" if least else f"≤ {most:g}" if most else ""
        row: Row = {"kind": "ratio", "peer": what, "unit": unit, "ours": round(ours, 3), "theirs": round(theirs, 3)}
        self.rows.append({**row, "ratio": round(ratio, 3), "bar": bar, "met": met})
        verdict = "" if met is None else "met" if met else "MISSED"
        print(f"  {unit:10} ours {ours:9.2f}  {what:22} {theirs:9.2f}  ratio {ratio:6.3f}  {bar} {verdict}", flush=True)

    def add_rates(self, done: dict[str, Run], least: dict[str, float]) -> None:
        """Compare rates, which for the same bytes are times turned round."""
        for peer, bar in least.items():
            self.add_bar(peer, "rate", 1 / done["ours"].wall_s, 1 / done[peer].wall_s, least=bar)


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

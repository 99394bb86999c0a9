"""What each part of the delivery benchmark stands on: stations' folders, senders as commands, rows of results."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from benchmarks.delivery_table import Row
from benchmarks.lines import LOOPBACK, PORT, Net
from benchmarks.processes import Run, find_median, run

BEST_SFTP = ("-B", "261120", "-c", "aes128-gcm@openssh.com")
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

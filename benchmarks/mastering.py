"""Mastering, ours and the tools a station would pick instead, in turn, on the same hour of speech and music.

    python benchmarks/mastering.py [--minutes 60] [--peers floor,ffmpeg-normalize,loudnorm,pydub]

Makes the programme itself (espeak-ng reading the texts of the sample recordings, and their ident as music), installs
ffmpeg-normalize into benchmarks/.venv, prints a table, writes benchmarks/results/mastering.json, and exits 1 if
a bar is not met. Memory is the proportional share (PSS) summed over the process tree, sampled five times a second.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
import venv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import MasteringTarget, TagSet
from broadcaster.mastering.master import make_master

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "audio"))
make_samples = importlib.import_module("make_samples")

PEERS = ("floor", "ffmpeg-normalize", "loudnorm", "pydub")
WORKS = {"linear gain": -20.0, "limiter throughout": -14.0}  # target loudness of each, LUFS
CEILING_DBTP = -1.0
FORM = ("-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k")
PYDUB = (
    "import sys, warnings; warnings.simplefilter('ignore'); from pydub import AudioSegment, effects; "
    "effects.normalize(AudioSegment.from_file(sys.argv[1]), 1.0).export(sys.argv[2], format='mp3', bitrate='128k')"
)


@dataclass(frozen=True)
class Run:
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def list_tree(pid: int) -> list[int]:
    """Give a process and all below it."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        below = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(one for child in below for one in list_tree(child))]


def read_pss_kib(pid: int) -> int:
    """Read a process's proportional share of memory; 0 when it has ended."""
    try:
        match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    except OSError:
        return 0
    return int(match[1]) if match else 0


def run(command: list[str]) -> Run:
    """Run a command to its end, watching its process tree."""
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
        raise SystemExit(f"{' '.join(command[:2])} ended with {process.returncode}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, peak_kib / 1024)


def make_programme(folder: Path, minutes: float) -> Path:
    """Make a programme of speech and music, an MP3 as recorders write them."""
    speech, ident, one, programme = (folder / name for name in ("speech.wav", "ident.wav", "one.wav", "programme.mp3"))
    text = " ".join((make_samples.GREETING, make_samples.DIGITAL, make_samples.FARMING, *make_samples.TALK))
    subprocess.run(["espeak-ng", "-v", "vi", "-s", "170", "-w", str(speech), text], check=True)
    make_samples.write_wav(ident, make_samples.make_ident())
    graph = (
        "[0:a]aresample=44100,pan=stereo|c0=c0|c1=0.8*c0,volume=-6dB[a];"
        "[1:a]aloop=6:2e9,volume=-3dB[b];[a][b]concat=n=2:v=0:a=1[c]"
    )
    ffmpeg = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    join = ["-i", str(speech), "-i", str(ident), "-filter_complex", graph, "-map", "[c]", str(one)]
    subprocess.run([*ffmpeg, *join], check=True)
    whole = ["-stream_loop", "-1", "-i", str(one), "-t", str(minutes * 60), *FORM, str(programme)]
    subprocess.run([*ffmpeg, *whole], check=True)
    os.utime(programme, (1_600_000_000, 1_600_000_000))
    return programme


def measure(path: Path) -> tuple[float, float]:
    """Measure a file by ffmpeg's meter: loudness (LUFS) and true peak (dBTP)."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(\S+) LUFS", words)[-1]), float(re.findall(r"Peak:\s+(\S+) dBFS", words)[-1])


def find_normalizer() -> str:
    """Install ffmpeg-normalize beside the benchmark."""
    home = HERE / ".venv"
    program = home / "bin" / "ffmpeg-normalize"
    if not program.exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "ffmpeg-normalize"], check=True)
    return str(program)


def plan_command(peer: str, source: Path, made: Path, target_lufs: float) -> list[str]:
    """Give the command line of a tool."""
    if peer == "ours":
        return [sys.executable, str(HERE / "mastering.py"), "--master", str(source), str(made), str(target_lufs)]
    if peer == "pydub":
        return [sys.executable, "-c", PYDUB, str(source), str(made)]
    if peer == "ffmpeg-normalize":
        goal = ["-t", str(target_lufs), "-tp", str(CEILING_DBTP), "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "128k"]
        return [find_normalizer(), str(source), *goal, "-f", "-o", str(made)]
    loud = ["-af", f"loudnorm=I={target_lufs}:TP={CEILING_DBTP}"] if peer == "loudnorm" else []
    return ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *loud, *FORM, str(made)]


def master(sources: list[Path], made: Path, target_lufs: float) -> None:
    """Master with ours: what the child process of a run does."""
    tags = TagSet("Bench", "Bench", "Bench", date(2023, 10, 9), "vi", ProgrammeId("bench"))
    for source in sources:
        done = make_master(source, made.parent, MasteringTarget(target_lufs, CEILING_DBTP), tags)
        (made.parent / f"{done.sha256}.mp3").replace(made)


class Table:
    """Rows of results, printed as they come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, work: str, peer: str, unit: str, ours: float, theirs: float, bar: float | None) -> None:
        """Add a comparison; with a bar, ours over the peer's must be at most so much (of a peak: ours itself)."""
        ratio = ours / theirs if theirs else ours
        met = None if bar is None else ratio <= bar
        row = {"work": work, "peer": peer, "unit": unit, "ours": round(ours, 2), "theirs": round(theirs, 2)}
        self.rows.append({**row, "ratio": round(ratio, 3), "bar": bar, "met": met})
        verdict = "" if met is None else f"bar {bar:g} {'met' if met else 'MISSED'}"
        print(f"  {unit:9} ours {ours:9.2f}  {peer:16} {theirs:9.2f}  ratio {ratio:6.3f}  {verdict}", flush=True)


def compare(table: Table, work: str, source: Path, target_lufs: float, peers: list[str]) -> None:
    """Run ours and the peers in turn on one programme."""
    folder = source.parent
    done: dict[str, Run] = {}
    for peer in (*[peer for peer in peers if peer == "floor"], "ours", *[peer for peer in peers if peer != "floor"]):
        made = folder / f"{peer}.mp3"
        done[peer] = run(plan_command(peer, source, made, target_lufs))
        loudness_lufs, peak_dbtp = measure(made)
        print(
            f"{work}: {peer:16} wall {done[peer].wall_s:7.1f} s  CPU {done[peer].cpu_s:7.1f} s  "
            f"peak {done[peer].peak_mib:7.1f} MiB  {loudness_lufs:6.1f} LUFS {peak_dbtp:5.1f} dBTP",
            flush=True,
        )
        row = {"work": work, "peer": peer, "unit": "LUFS, dBTP", "loudness_lufs": loudness_lufs}
        table.rows.append({**row, "true_peak_dbtp": peak_dbtp, "asked_lufs": target_lufs, "asked_dbtp": CEILING_DBTP})
        made.unlink()
    is_linear = work.startswith("linear")
    bars = {("floor", "wall s"): 0.75 if is_linear else 1.0, ("floor", "CPU s"): 1.35 if is_linear else 1.8}
    bars["ffmpeg-normalize", "wall s"] = 0.2
    for peer in peers:
        for unit, name in (("wall s", "wall_s"), ("CPU s", "cpu_s"), ("peak MiB", "peak_mib")):
            bar = bars.get((peer, unit))
            table.add(work, peer, unit, getattr(done["ours"], name), getattr(done[peer], name), bar)
    table.add(work, "limit of 150 MiB", "peak MiB", done["ours"].peak_mib, 150.0, 1.0)


def compare_batch(table: Table, minutes: float, folder: Path) -> None:
    """Master eight files in one go, against the floor one after another."""
    source, made = make_programme(folder, minutes), folder / "made.mp3"
    floor_s = sum(run(plan_command("floor", source, made, 0.0)).wall_s for _ in range(8))
    command = [sys.executable, str(HERE / "mastering.py"), "--master", *[str(source)] * 8, str(made), "-20"]
    table.add(f"batch of eight, {minutes:g} min each", "floor", "wall s", run(command).wall_s, floor_s, 0.7)


def read_versions(peers: list[str]) -> dict[str, str]:
    """Give machine and versions, without a path."""
    first = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    found = {"python": platform.python_version(), "ffmpeg": first, "cores": str(os.cpu_count())}
    found["processor"] = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    if "ffmpeg-normalize" in peers:
        words = subprocess.run([find_normalizer(), "--version"], capture_output=True, text=True, check=True).stdout
        found["ffmpeg-normalize"] = words.split()[-1]
    return found


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--batch-minutes", type=float, default=7.5)
    parser.add_argument("--output", type=Path, default=HERE / "results" / "mastering.json")
    parser.add_argument("--master", nargs="+", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.master:
        *sources, made, target = wish.master
        master([Path(source) for source in sources], Path(made), float(target))
        return 0
    peers = [peer for peer in PEERS if peer in wish.peers.split(",")]
    versions, table = read_versions(peers), Table()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        source = make_programme(Path(name), wish.minutes)
        for work, target_lufs in WORKS.items():
            compare(table, f"{work}, {wish.minutes:g} min", source, target_lufs, peers)
        if wish.batch_minutes and "floor" in peers:
            compare_batch(table, wish.batch_minutes, Path(name))
    wish.output.parent.mkdir(parents=True, exist_ok=True)
    command = f"python benchmarks/mastering.py --minutes {wish.minutes:g} --peers {','.join(peers)}"
    document = {"command": command, "at": datetime.now(UTC).isoformat(timespec="minutes"), "versions": versions}
    wish.output.write_text(json.dumps({**document, "rows": table.rows}, indent=1, ensure_ascii=False) + "\n")
    missed = [row for row in table.rows if row.get("met") is False]
    print(f"{len(missed)} bars missed" if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

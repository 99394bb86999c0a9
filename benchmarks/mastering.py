"""Mastering, ours and the tools a station would pick instead, in turn, on the same hour of speech and music.

    python -m benchmarks.mastering                            # everything, an hour of programme: about an hour
    python -m benchmarks.mastering --quick                    # everything on a small programme: some minutes
    python -m benchmarks.mastering --parts linear,batch       # a part of it; the results of the others stay
    python -m benchmarks.mastering --minutes 10 --rounds 3    # ours and the floor: medians of three

Parts: `linear` (gain is enough) and `limiter` (it works all through), each against all peers; `batch`, eight files
one after another, against the floor; `growth`, cost and memory at 10, 60 and 180 minutes. Writes
benchmarks/results/mastering.json and .md, prints where the time went of each work that missed a bar, exits 1 then.
Memory is the proportional share (PSS) summed over the process tree, sampled five times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.mastering_table import Row, plan_table
from benchmarks.ours import CEILING_DBTP, USAGE
from benchmarks.peers import FFMPEG, FORM, HERE, PEERS, find_normalizer, make_programme, measure, read_version
from benchmarks.peers import plan_command as plan_peer
from benchmarks.processes import Run, find_median, run
from broadcaster.mastering.encode import find_encoder

PARTS = ("linear", "limiter", "batch", "growth")
LIMITER_LUFS = -14.0  # loud enough that the limiter works all through
BARS = {"linear": (0.75, 1.35), "limiter": (1.0, 1.8)}  # wall and CPU over the floor's
NORMALIZE_BAR = 0.2
BATCH, BATCH_BAR = 8, 0.7
MEMORY_MIB = 150.0
GROWTH_BAR = 1.1  # cost of a minute, of the longest over that of the shortest


def print_profile(source: Path, target_lufs: float) -> list[Row]:
    """Tell where the processor's time goes: our process, and what ffmpeg needs in any case to decode and encode."""
    folder = source.parent
    usage, made, sound = folder / "usage.json", folder / "made.mp3", folder / "sound.raw"
    os.environ[USAGE] = str(usage)
    whole = run(plan_peer("ours", source, made, target_lufs))
    del os.environ[USAGE]
    decode = run([*FFMPEG, "-threads", "1", "-i", str(source), "-f", "f32le", str(sound)])
    raw = ("-f", "f32le", "-ar", "44100", "-ac", "2", "-i", str(sound))
    encode = run([find_encoder(), *FFMPEG[1:], "-threads", "1", *raw, *FORM, str(made)])
    sound.unlink()
    found: dict[str, float] = json.loads(usage.read_text())
    found = {"all": whole.cpu_s, **found, "one decoding alone": decode.cpu_s, "one encoding alone": encode.cpu_s}
    print("  processor, s: " + " · ".join(f"{name} {value:.1f}" for name, value in found.items()), flush=True)
    return [{"kind": "profile", "name": name, "cpu_s": round(value, 2)} for name, value in found.items()]


def add_ratio(rows: list[Row], peer: str, unit: str, ours: float, theirs: float, bar: float | None) -> None:
    """Add a comparison: with a bar, ours over the peer's must be at most so much."""
    ratio = ours / theirs
    met = None if bar is None else ratio <= bar
    row: Row = {"kind": "ratio", "peer": peer, "unit": unit, "ours": round(ours, 2), "theirs": round(theirs, 2)}
    rows.append({**row, "ratio": round(ratio, 3), "bar": bar, "met": met})
    verdict = "" if met is None else f"bar {bar:g} {'met' if met else 'MISSED'}"
    print(f"  {unit:9} ours {ours:9.2f}  {peer:18} {theirs:9.2f}  ratio {ratio:6.3f}  {verdict}", flush=True)


def choose_linear_target(source: Path) -> float:
    """Give the loudness (LUFS) at which gain alone leaves the peak 1.5 dB under the ceiling, room for the encoder."""
    loudness_lufs, peak_dbtp = measure("-i", str(source))
    return round(loudness_lufs + CEILING_DBTP - 1.5 - peak_dbtp, 1)


def compare(part: str, source: Path, peers: list[str], rounds: int) -> list[Row]:
    """Run ours and the peers in turn on one programme; ours and the floor, which differ least, several times."""
    rows: list[Row] = []
    target_lufs = LIMITER_LUFS if part == "limiter" else choose_linear_target(source)
    order = [*[peer for peer in peers if peer == "floor"], "ours", *[peer for peer in peers if peer != "floor"]]
    runs: dict[str, list[Run]] = {peer: [] for peer in order}
    found: dict[str, tuple[float, float]] = {}
    for turn in range(rounds):
        for peer in [peer for peer in order if turn == 0 or peer in ("floor", "ours")]:
            made = source.parent / f"{peer}.mp3"
            runs[peer].append(run(plan_peer(peer, source, made, target_lufs)))
            found[peer] = found.get(peer) or measure("-i", str(made))
            made.unlink()
    done = {peer: find_median(runs[peer]) for peer in order}
    for peer, took in done.items():
        row: Row = {"kind": "run", "peer": peer, "wall_s": round(took.wall_s, 2), "cpu_s": round(took.cpu_s, 2)}
        row |= {"peak_mib": round(took.peak_mib, 1), "loudness_lufs": found[peer][0], "true_peak_dbtp": found[peer][1]}
        rows.append({**row, "asked_lufs": target_lufs, "asked_dbtp": CEILING_DBTP})
        print(
            f"  {peer:18} wall {took.wall_s:7.1f} s  CPU {took.cpu_s:7.1f} s  peak {took.peak_mib:7.1f} MiB  "
            f"{found[peer][0]:6.1f} LUFS {found[peer][1]:5.1f} dBTP",
            flush=True,
        )
    bars = {("floor", "wall s"): BARS[part][0], ("floor", "CPU s"): BARS[part][1]}
    bars[("ffmpeg-normalize", "wall s")] = NORMALIZE_BAR
    for peer in peers:
        for unit, name in (("wall s", "wall_s"), ("CPU s", "cpu_s"), ("peak MiB", "peak_mib")):
            add_ratio(rows, peer, unit, getattr(done["ours"], name), getattr(done[peer], name), bars.get((peer, unit)))
    add_ratio(rows, "150 MiB", "peak MiB", done["ours"].peak_mib, MEMORY_MIB, 1.0)
    return [*rows, *print_profile(source, target_lufs)] if any(row.get("met") is False for row in rows) else rows


def compare_batch(source: Path, rounds: int) -> list[Row]:
    """Master eight files in one go, against the floor one after another."""
    made, rows = source.parent / "made.mp3", []
    target_lufs = choose_linear_target(source)
    floors, ours = [], []
    for _ in range(rounds):
        floors.append(sum(run(plan_peer("floor", source, made, 0.0)).wall_s for _ in range(BATCH)))
        command = plan_peer("ours", source, made, target_lufs)
        ours.append(run([*command[:3], *[str(source)] * BATCH, *command[4:]]))
    took = find_median(ours)
    add_ratio(rows, "floor", "wall s", took.wall_s, sorted(floors)[len(floors) // 2], BATCH_BAR)
    return rows


def compare_lengths(folder: Path, lengths: list[float]) -> list[Row]:
    """Master programmes of several lengths with the limiter: cost of a minute, and memory, may not grow."""
    rows: list[Row] = []
    costs: list[Run] = []
    for minutes in lengths:
        source, made = make_programme(folder, minutes), folder / "made.mp3"
        took = run(plan_peer("ours", source, made, LIMITER_LUFS))
        costs.append(Run(took.wall_s / minutes, took.cpu_s / minutes, took.peak_mib))
        row: Row = {"kind": "length", "length_min": minutes, "wall_s": round(took.wall_s, 2)}
        rows.append({**row, "cpu_s": round(took.cpu_s, 2), "peak_mib": round(took.peak_mib, 1)})
        print(
            f"  {minutes:g} min: wall {took.wall_s:.1f} s, CPU {took.cpu_s:.1f} s, {took.peak_mib:.1f} MiB", flush=True
        )
    shortest = f"{lengths[0]:g} min"
    add_ratio(rows, shortest, "CPU s a minute", costs[-1].cpu_s, costs[0].cpu_s, GROWTH_BAR)
    add_ratio(rows, shortest, "peak MiB", costs[-1].peak_mib, costs[0].peak_mib, None)
    add_ratio(rows, "150 MiB", "peak MiB", max(cost.peak_mib for cost in costs), MEMORY_MIB, 1.0)
    return rows


def read_versions(peers: list[str]) -> dict[str, str]:
    """Give machine and versions, without a path."""
    found = {"python": platform.python_version(), "ffmpeg": read_version(), "cores": str(os.cpu_count())}
    found["encoder"] = read_version(find_encoder())
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
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--minutes", type=float, default=60.0, help="of programme")
    parser.add_argument("--batch-minutes", type=float, default=7.5, help="of each file of the batch")
    parser.add_argument("--lengths", default="10,60,180", help="minutes of the part `growth`")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--quick", action="store_true", help="two minutes of programme, and shorter ones")
    parser.add_argument("--output", type=Path, help="a .json; the table lies beside it")
    wish = parser.parse_args()
    if wish.quick:
        wish.minutes, wish.batch_minutes, wish.lengths = 2.0, 0.5, "0.5,2,4"
    output = wish.output or HERE / "results" / ("mastering-quick.json" if wish.quick else "mastering.json")
    peers = [peer for peer in PEERS if peer in wish.peers.split(",")]
    document = json.loads(output.read_text()) if output.exists() else {"rows": []}
    document["versions"] = document.get("versions", {}) | read_versions(peers)
    command = f"python -m benchmarks.mastering {' '.join(sys.argv[1:])}".strip()
    missed = 0
    for part in [part for part in PARTS if part in wish.parts.split(",")]:
        lengths = [float(minutes) for minutes in wish.lengths.split(",")]
        minutes = {"batch": wish.batch_minutes, "growth": lengths[-1]}.get(part, wish.minutes)
        print(f"{part}, {minutes:g} min", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            if part == "growth":
                rows = compare_lengths(Path(name), lengths)
            elif part == "batch":
                rows = compare_batch(make_programme(Path(name), minutes), wish.rounds)
            else:
                rows = compare(part, make_programme(Path(name), minutes), peers, wish.rounds)
        missed += sum(row.get("met") is False for row in rows)
        kept = [row for row in document["rows"] if row.get("part") != part]
        at = datetime.now(UTC).isoformat(timespec="minutes")
        said: Row = {"part": part, "minutes": minutes, "rounds": wish.rounds, "at": at, "command": command}
        document["rows"] = [*kept, *({**said, **row} for row in rows)]
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        output.with_suffix(".md").write_text(plan_table(document["versions"], document["rows"]))
    print(f"{missed} bars missed" if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The signals of EBU Tech 3341, read by our meter and by ffmpeg's, beside what is expected.

    python -m benchmarks.loudness

Writes benchmarks/results/loudness.json and .md; exits 1 when ours misses a tolerance.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import FFMPEG, HERE, measure, read_version
from broadcaster.mastering.loudness import LoudnessMeter
from tests.tech_3341 import CALIBRATION, CASES, RATE_HZ, Case, Samples

Row = dict[str, "str | float | bool"]
STEP_S = 0.1
WINDOWS_S = {"S": 3.0, "M": 0.4}
UNITS = {"I": "LUFS", "S": "LUFS", "M": "LUFS", "TP": "dBTP"}


def read_ours(case: Case) -> list[float]:
    """Give every reading of the case by our meter."""
    samples = case.make(RATE_HZ)
    meter = LoudnessMeter(RATE_HZ, samples.shape[1])
    meter.feed(samples)
    if case.reads in WINDOWS_S:
        levels = meter.list_short_term_lufs() if case.reads == "S" else meter.list_momentary_lufs()
        return [float(one) for one in levels[round((case.from_s - WINDOWS_S[case.reads]) / STEP_S) :]]
    reading = meter.read()
    return [reading.integrated_lufs if case.reads == "I" else reading.true_peak_dbtp]


def read_by_ffmpeg(case: Case, folder: Path) -> list[float]:
    """Give every reading of the case by ffmpeg's filter ebur128."""
    samples: Samples = case.make(RATE_HZ)
    sound = folder / "sound.raw"
    sound.write_bytes(samples.astype("<f4").tobytes())
    raw = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", str(samples.shape[1]), "-i", str(sound)]
    if case.reads == "TP":
        return [measure(*raw)[1]]
    meter = "ebur128=metadata=1,ametadata=print:file=-"
    done = subprocess.run([*FFMPEG, *raw, "-af", meter, "-f", "null", "-"], capture_output=True, text=True, check=True)
    moments = re.split(r"frame:\d+ ", done.stdout)[1:]
    found = [re.search(rf"lavfi\.r128\.{case.reads}=(\S+)", moment) for moment in moments]
    levels = [float(one[1]) for one in found if one]
    return levels[round(case.from_s / STEP_S) - 1 :] if case.reads in WINDOWS_S else levels[-1:]


def plan_row(case: Case, ours: list[float], theirs: list[float]) -> Row:
    """Give what both read: of a level that has to stand still, the reading that lies farthest off."""
    low, high = case.expected - case.under, case.expected + case.over
    row: Row = {"case": case.number, "signal": case.signal, "reads": case.reads, "expected": case.expected}
    row |= {"low": round(low, 2), "high": round(high, 2)}
    for name, levels in (("ours", ours), ("ffmpeg", theirs)):
        worst = max(levels, key=lambda level: abs(level - case.expected))
        row |= {name: round(worst, 3), f"{name}_met": low <= min(levels) and max(levels) <= high}
    return row


def plan_table(rows: list[Row], version: str) -> str:
    """Give the table as Markdown."""
    lines = [
        "# EBU Tech 3341: our meter, ffmpeg's and what is expected",
        "",
        f"`python -m benchmarks.loudness`, ffmpeg {version}; 48 kHz. Cases 7 and 8 are real programmes that cannot be",
        "made; of short-term and momentary loudness the reading that lies farthest off is shown. ffmpeg tells peaks to",
        "0.1 dB.",
        "",
        "| case | signal (peak level dBFS, s) | reads | ours | ffmpeg | expected | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = "calibration" if row["case"] == CALIBRATION else row["case"]
        under, over = float(row["expected"]) - float(row["low"]), float(row["high"]) - float(row["expected"])
        tolerance = f"± {over:.1f}" if round(under - over, 6) == 0 else f"+{over:.1f} / −{under:.1f}"
        verdict = "met" if row["ours_met"] else "**missed**"
        verdict += "" if row["ffmpeg_met"] else ", ffmpeg missed"
        figures = f"{float(row['ours']):.2f} | {float(row['ffmpeg']):.2f} | {row['expected']} {tolerance}"
        lines.append(
            f"| {name} | {row['signal']} | {row['reads']} {UNITS[str(row['reads'])]} | {figures} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read all cases with both meters and write the table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        rows = [plan_row(case, read_ours(case), read_by_ffmpeg(case, Path(name))) for case in CASES]
    version = read_version()
    table = plan_table(rows, version)
    output = HERE / "results" / "loudness.json"
    output.write_text(json.dumps({"ffmpeg": version, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    output.with_suffix(".md").write_text(table)
    print(table, end="")
    return 0 if all(row["ours_met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

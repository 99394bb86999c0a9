"""The results of the mastering benchmark as a table that a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Row = dict[str, "str | float | bool | None"]
TITLES = {
    "linear": "Linear gain is enough",
    "limiter": "The limiter works all through",
    "batch": "Eight files in one go, one after another, against the floor one after another",
    "growth": "Length of the programme, limiter working",
}
NAMES = {
    "floor": "floor: plain ffmpeg transcode",
    "ours": "**ours**",
    "loudnorm": "ffmpeg loudnorm, one pass",
    "pydub": "pydub: load, normalize, export",
}


def plan_table(versions: Mapping[str, str], rows: Iterable[Row]) -> str:
    """Give the Markdown page of all parts that were run."""
    rows = list(rows)
    lines = ["# Mastering, measured", "", ", ".join(f"{name} {value}" for name, value in versions.items()) + "."]
    lines += ["Wall and processor are those of the whole process tree; loudness and peak are measured by ffmpeg."]
    for part, title in TITLES.items():
        if found := [row for row in rows if row["part"] == part]:
            first = found[0]
            lines += ["", f"## {title}: {first['minutes']:g} min", ""]
            lines += [f"`{first['command']}`, {first['at']}, rounds: {first['rounds']}", ""]
            lines += [line for kind in PLANS for line in PLANS[kind]([row for row in found if row["kind"] == kind])]
    return "\n".join(lines).rstrip() + "\n"


def _plan_runs(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    asked = f"asked {rows[0]['asked_lufs']} LUFS, at most {rows[0]['asked_dbtp']} dBTP"
    lines = [f"| {asked} | wall s | CPU s | peak MiB | LUFS | dBTP |", "|---|---|---|---|---|---|"]
    for row in rows:
        name = NAMES.get(str(row["peer"]), str(row["peer"]))
        took = f"{row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['peak_mib']:.0f}"
        lines.append(f"| {name} | {took} | {row['loudness_lufs']} | {row['true_peak_dbtp']} |")
    return [*lines, ""]


def _plan_lengths(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| minutes | wall s | CPU s | peak MiB | wall s a minute | CPU s a minute |", "|---|---|---|---|---|---|"]
    for row in rows:
        minutes, wall_s, cpu_s = (float(str(row[name])) for name in ("length_min", "wall_s", "cpu_s"))
        each = f"{wall_s / minutes:.3f} | {cpu_s / minutes:.3f}"
        lines.append(f"| {minutes:g} | {wall_s:.1f} | {cpu_s:.1f} | {row['peak_mib']:.0f} | {each} |")
    return [*lines, ""]


def _plan_ratios(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| ours over | what | ours | theirs | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        bar = "" if row["bar"] is None else f"{row['bar']:g}"
        verdict = {True: "met", False: "**missed**"}.get(row["met"] is True, "") if row["met"] is not None else ""
        figures = f"{row['ours']} | {row['theirs']} | {row['ratio']}"
        lines.append(f"| {row['peer']} | {row['unit']} | {figures} | {bar} | {verdict} |")
    return [*lines, ""]


def _plan_profile(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    return ["Processor, s: " + " · ".join(f"{row['name']} {row['cpu_s']}" for row in rows) + ".", ""]


PLANS = {"run": _plan_runs, "length": _plan_lengths, "ratio": _plan_ratios, "profile": _plan_profile}

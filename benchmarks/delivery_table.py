"""The results of the delivery benchmark as a table that a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Row = dict[str, "str | float | bool | None"]
TITLES = {
    "loopback": "200 MB over loopback, one station",
    "line": "20 MB at 10 Mbit/s, 100 ms, no loss",
    "loss": "5 MB at 10 Mbit/s, 100 ms, 1 % loss",
    "fleet": "20 MB to each of 34 stations at once, each 10 Mbit/s, 100 ms",
    "linear": "A province, 2 MB to each station, on loopback and over lines",
    "broken": "20 MB at 10 Mbit/s, 100 ms; the centre is killed at 90 %",
    "poll": "34 stations asked for what they wrote, 100 ms",
    "dead": "Lines that are cut, and poor ones that are not",
}


def plan_table(versions: Mapping[str, str], rows: Iterable[Row]) -> str:
    """Give the Markdown page of all parts that were run."""
    rows = list(rows)
    lines = ["# Delivery, measured", "", ", ".join(f"{name} {value}" for name, value in versions.items()) + "."]
    lines += [
        "Real sshd, network namespaces, lines by benchmarks/linkem.c, TCP set to CUBIC as on a stock Debian.",
        "Ours and asyncssh are timed from the first connection on, without the start of Python; memory is of the whole",
        "process tree.",
    ]
    for part, title in TITLES.items():
        if found := [row for row in rows if row["part"] == part]:
            first = found[0]
            lines += ["", f"## {title}", "", f"`{first['command']}`, {first['at']}, rounds: {first['rounds']}", ""]
            lines += [line for kind in PLANS for line in PLANS[kind]([row for row in found if row["kind"] == kind])]
    return "\n".join(lines).rstrip() + "\n"


def _plan_runs(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| | wall s | Mbit/s | CPU s | peak MiB |", "|---|---|---|---|---|"]
    for row in rows:
        name = f"**{row['peer']}**" if row["peer"] == "ours" else row["peer"]
        lines.append(f"| {name} | {row['wall_s']} | {row['mbit_s']} | {row['cpu_s']} | {row['peak_mib']} |")
    return [*lines, ""]


def _plan_ratios(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| ours over | what | ours | theirs | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        verdict = "" if row["met"] is None else "met" if row["met"] else "**missed**"
        figures = f"{row['ours']} | {row['theirs']} | {row['ratio']}"
        lines.append(f"| {row['peer']} | {row['unit']} | {figures} | {row['bar']} | {verdict} |")
    return [*lines, ""]


def _plan_notes(rows: list[Row]) -> list[str]:
    return [f"- {row['text']}" for row in rows]


PLANS = {"run": _plan_runs, "ratio": _plan_ratios, "note": _plan_notes}

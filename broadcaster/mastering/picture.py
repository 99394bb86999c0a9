"""A master as a picture: its waveform under the ceiling, its loudness second by second before and after."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from broadcaster.core.model import Master, MasteringTarget
from broadcaster.core.time import SystemClock
from broadcaster.mastering.faults import name_time
from broadcaster.mastering.load import check_source, read_sound
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.sound import CHANNELS, HEADROOM_DB, RATE_HZ, find_scale, view_samples

WIDTH, LEFT, RIGHT = 1000, 64, 24
WAVE_TOP, WAVE_HEIGHT = 84, 150
CURVE_TOP, CURVE_HEIGHT = 286, 210
HEIGHT = CURVE_TOP + CURVE_HEIGHT + 44
BLUE, ORANGE, GREY, RED, INK = "#0072b2", "#e69f00", "#8a97a3", "#b0243a", "#222"
_LOWEST_LUFS = -60.0
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def draw_picture(
    path: Path, master: Master, before_lufs: Sequence[float], target: MasteringTarget, title: str, column: str
) -> str:
    """Draw a master as SVG; it needs nothing but itself.

    Args:
        path: The master's MP3.
        master: Its readings.
        before_lufs: Short-term loudness (LUFS) of each second of the recording; empty where it was not kept.
        target: Loudness and ceiling that are marked.
        title: The programme's.
        column: Its column and date, or "".

    Raises:
        ProgrammeFileError: The master is not there.
        DecodeError: It cannot be decoded.
        ToolMissingError: No ffmpeg on this machine.
    """
    duration_s = master.duration_ms / 1000
    tops, after_lufs = _listen(path, duration_s)
    before, after = master.before, master.after
    facts = (
        f"{before.integrated_lufs:.1f} → {after.integrated_lufs:.1f} LUFS, {before.true_peak_dbtp:+.1f} → "
        f"{after.true_peak_dbtp:+.1f} dBTP, gain {master.gain_db:+.1f} dB, limiter at most {master.limiter_db:.1f} dB"
    )
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 30, title, size=20, weight="bold"),
        _text(LEFT, 52, " · ".join(part for part in (column, name_time(duration_s), facts) if part), size=13),
        *_draw_wave(tops, target),
        *_draw_curves(before_lufs, after_lufs, target, duration_s),
        *_draw_times(duration_s),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="Arial, Arimo, Liberation Sans, sans-serif">{"".join(parts)}</svg>\n'
    )


def _listen(path: Path, duration_s: float) -> tuple[list[float], list[float]]:
    """Decode the master once: the highest sample of each column of the picture, the loudness of each second."""
    columns = WIDTH - LEFT - RIGHT
    tops = np.zeros(columns)
    meter = LoudnessMeter(RATE_HZ, CHANNELS)
    frames, total = 0, max(1.0, duration_s * RATE_HZ)
    with contextlib.closing(read_sound(check_source(path, SystemClock()))) as pieces:
        for piece in pieces:
            samples = view_samples(piece)
            scale = find_scale(HEADROOM_DB)
            meter.feed(samples, scale)
            places = ((frames + np.arange(0, len(samples))) * columns / total).astype(np.int64).clip(0, columns - 1)
            np.maximum.at(tops, places, np.abs(samples).max(axis=1) * scale)
            frames += len(samples)
    meter.read()
    return [float(top) for top in tops], [float(level) for level in meter.list_short_term_lufs()[::10]]


def _draw_wave(tops: Sequence[float], target: MasteringTarget) -> list[str]:
    middle, half = WAVE_TOP + WAVE_HEIGHT / 2, WAVE_HEIGHT / 2
    up = [f"{LEFT + x},{middle - half * min(1.0, top):.1f}" for x, top in enumerate(tops)]
    down = [f"{LEFT + x},{middle + half * min(1.0, top):.1f}" for x, top in reversed(list(enumerate(tops)))]
    ceiling = half * 10 ** (target.ceiling_dbtp / 20)
    lines = [
        _line(LEFT, middle + side * ceiling, WIDTH - RIGHT, middle + side * ceiling, RED, "4 3") for side in (-1, 1)
    ]
    return [
        f'<rect x="{LEFT}" y="{WAVE_TOP}" width="{WIDTH - LEFT - RIGHT}" height="{WAVE_HEIGHT}" fill="#f4f6f8"/>',
        f'<polygon points="{" ".join((*up, *down))}" fill="{BLUE}"/>',
        *lines,
        _text(LEFT - 6, middle - ceiling + 4, f"{target.ceiling_dbtp:g} dBTP", anchor="end", colour=RED),
        _text(LEFT - 6, middle + 4, "0", anchor="end"),
    ]


def _draw_curves(
    before: Sequence[float], after: Sequence[float], target: MasteringTarget, duration_s: float
) -> list[str]:
    levels = [level for level in (*before, *after, target.loudness_lufs) if level > _LOWEST_LUFS]
    highest = math.ceil(max(levels) / 5) * 5 + 5
    lowest = max(_LOWEST_LUFS, math.floor(min(levels) / 5) * 5)
    scale = CURVE_HEIGHT / (highest - lowest)

    def place(level: float) -> float:
        return CURVE_TOP + (highest - max(lowest, min(highest, level))) * scale

    parts = [
        f'<rect x="{LEFT}" y="{CURVE_TOP}" width="{WIDTH - LEFT - RIGHT}" height="{CURVE_HEIGHT}" fill="#f4f6f8"/>'
    ]
    step = 5 if highest - lowest <= 40 else 10
    for level in range(int(lowest), int(highest) + 1, step):
        parts.append(_line(LEFT, place(level), WIDTH - RIGHT, place(level), "#dde2e7"))
        parts.append(_text(LEFT - 6, place(level) + 4, f"{level}", anchor="end"))
    for curve, colour in ((before, ORANGE), (after, BLUE)):
        points = [
            f"{_place_s(1.5 + second, duration_s):.1f},{place(level):.1f}"
            for second, level in enumerate(curve)
            if math.isfinite(level)
        ]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    parts.append(_line(LEFT, place(target.loudness_lufs), WIDTH - RIGHT, place(target.loudness_lufs), RED, "4 3"))
    at = LEFT
    heads = [("short-term loudness, LUFS:", INK), ("before", ORANGE), ("after", BLUE),
             (f"target {target.loudness_lufs:g} LUFS", RED)]  # fmt: skip
    for words, colour in heads if before else [heads[0], *heads[2:]]:
        parts.append(_text(at, CURVE_TOP - 10, words, colour=colour, size=13))
        at += 7 * len(words) + 16
    parts.append(_text(LEFT, WAVE_TOP - 10, "waveform of the master, and its ceiling", size=13))
    return parts


def _draw_times(duration_s: float) -> list[str]:
    step_s = next((step for step in _TICKS_S if duration_s / step <= 12), 3600)
    parts = []
    for number in range(int(duration_s / step_s) + 1):
        left = _place_s(number * step_s, duration_s)
        parts.append(_line(left, CURVE_TOP + CURVE_HEIGHT, left, CURVE_TOP + CURVE_HEIGHT + 5, GREY))
        parts.append(_text(left, CURVE_TOP + CURVE_HEIGHT + 20, name_time(number * step_s), anchor="middle"))
    return parts


def _place_s(at_s: float, duration_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, at_s / max(0.001, duration_s))


def _line(left: float, top: float, right: float, bottom: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}" stroke="{colour}" '
        f'stroke-width="1"{dashed}/>'
    )


def _text(
    left: float,
    top: float,
    words: str,
    *,
    anchor: str = "start",
    colour: str = INK,
    size: int = 12,
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )

"""The test signals of EBU Tech 3341 (version 4) that can be made: 48 kHz, levels are peaks of one channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
Parts = list[tuple[float, float]]
RATE_HZ = 48_000
CALIBRATION = 0


@dataclass(frozen=True)
class Case:
    """One signal and what a meter has to read.

    `reads` is I (integrated), S or M (short-term or momentary, at every moment after `from_s`) in LUFS, or TP in dBTP.
    """

    number: int
    signal: str
    make: Callable[[int], Samples]
    reads: str
    expected: float
    under: float = 0.1
    over: float = 0.1
    from_s: float = 0.0


def make_tone(parts: Parts, rate_hz: int = RATE_HZ, hz: float = 1000.0) -> Samples:
    """Join stretches of a stereo sine: (peak level in dBFS, seconds); shaped (frames, 2)."""
    levels = np.concatenate([np.full(round(s * rate_hz), 10 ** (db / 20)) for db, s in parts])
    sine = levels * np.sin(2 * np.pi * hz * np.arange(len(levels)) / rate_hz)
    return np.stack((sine, sine), axis=1)


def make_five_channels(levels_dbfs: list[float], rate_hz: int) -> Samples:
    """Make 20 s of a sine in left, right, centre, left and right surround; shaped (frames, 5)."""
    sine = make_tone([(0.0, 20)], rate_hz)[:, 0]
    return np.stack([sine * 10 ** (db / 20) for db in levels_dbfs], axis=1)


def make_peak(divisor: int, amplitude: float, phase_deg: float, rate_hz: int) -> Samples:
    """Make a second of a sine at a part of the sample rate, with fades of 10 ms, whose peaks lie off the samples."""
    at = np.arange(rate_hz)
    sine = amplitude * np.sin(2 * np.pi * at / divisor + math.radians(phase_deg))
    line = sine * np.minimum(1.0, np.minimum(at, at[::-1]) / (0.01 * rate_hz))
    return np.stack((line, line), axis=1)


def _plan_tone(number: int, parts: Parts, reads: str = "I", expected: float = -23.0, from_s: float = 0.0) -> Case:
    times = f" × {count}" if (count := len(parts) // 2) >= 5 else ""
    said = " · ".join(f"{db:g} {s:g} s" for db, s in (parts[:2] if times else parts))
    signal = f"({said}){times}" if times else said
    return Case(number, signal, lambda rate_hz: make_tone(parts, rate_hz), reads, expected, from_s=from_s)


def _plan_peak(number: int, divisor: int, amplitude: float, phase_deg: float, expected: float) -> Case:
    signal = f"fs/{divisor}, {amplitude:.2f} of full scale, {phase_deg:g}°"
    return Case(
        number, signal, lambda rate_hz: make_peak(divisor, amplitude, phase_deg, rate_hz), "TP", expected, 0.4, 0.2
    )


_SURROUND = [-28.0, -28.0, -24.0, -30.0, -30.0]
CASES = (
    _plan_tone(CALIBRATION, [(-18.0, 20)], expected=-18.0),
    _plan_tone(1, [(-23.0, 20)]),
    _plan_tone(2, [(-33.0, 20)], expected=-33.0),
    _plan_tone(3, [(-36.0, 10), (-23.0, 60), (-36.0, 10)]),
    _plan_tone(4, [(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)]),
    _plan_tone(5, [(-26.0, 20), (-20.0, 20.1), (-26.0, 20)]),
    Case(6, "5.0: L, R −28, C −24, Ls, Rs −30, 20 s", lambda hz: make_five_channels(_SURROUND, hz), "I", -23.0),
    _plan_tone(9, [(-20.0, 1.34), (-30.0, 1.66)] * 5, "S", from_s=3.0),
    _plan_tone(12, [(-20.0, 0.18), (-30.0, 0.22)] * 25, "M", from_s=1.0),
    _plan_peak(15, 4, 0.5, 0, -6.0),
    _plan_peak(16, 4, 0.5, 45, -6.0),
    _plan_peak(17, 6, 0.5, 60, -6.0),
    _plan_peak(18, 8, 0.5, 67.5, -6.0),
    _plan_peak(19, 4, 1.41, 45, 3.0),
)

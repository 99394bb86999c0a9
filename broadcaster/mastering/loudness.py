"""Loudness meter: K-weighting, gates, range, momentary and short-term loudness, true peak. Pure, fed in pieces.

It keeps one number per 100 ms of programme, so its memory does not grow with the sound.

Sources: ITU-R BS.1770-5 annexes 1 and 2; EBU Tech 3341 (momentary, short-term); EBU Tech 3342 (range).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import signal

from broadcaster.core.model import LoudnessReading
from broadcaster.mastering.true_peak import TruePeakMeter

Samples = npt.NDArray[np.float64]

ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_OFFSET_LUFS = -0.691
_STEP_S = 0.1
_BLOCK_STEPS = 4  # 400 ms, a new one every 100 ms: 75 % overlap
_SHORT_TERM_STEPS = 30
_STEREO_WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 5: (1.0, 1.0, 1.0, 1.41, 1.41)}


def plan_k_weighting(rate_hz: int) -> Samples:
    """Give the K-weighting as two second-order sections for a sample rate.

    The standard prints coefficients for 48 kHz only; these are the analogue prototypes behind them, carried over by
    the bilinear transform, and at 48 kHz they are the printed ones.
    """
    k = math.tan(math.pi * 1681.974450955533 / rate_hz)
    q = 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]
    k = math.tan(math.pi * 38.13547087602444 / rate_hz)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    return np.array([shelf, high_pass])


def sum_loudness(energy: Samples) -> Samples:
    """Turn mean squares into LUFS; zero becomes -inf."""
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LUFS + 10 * np.log10(energy))


class LoudnessMeter:
    """Measures one programme.

    Args:
        rate_hz: Sample rate, a multiple of 10.
        channels: 1, 2, or 5 in the order left, right, centre, left and right surround.
        weights: Of each channel in the sum; those of the standard when None.
    """

    def __init__(self, rate_hz: int, channels: int, weights: Sequence[float] | None = None) -> None:
        self._rate_hz = rate_hz
        self._step = round(rate_hz * _STEP_S)
        self._weights = np.array(_STEREO_WEIGHTS[channels] if weights is None else weights)
        self._sections = plan_k_weighting(rate_hz)
        self._state = np.zeros((2, 2, channels))
        self._left = np.zeros(0)
        self._steps = array("d")
        self._frames = 0
        self._peak = TruePeakMeter(channels)

    def feed(self, samples: Samples) -> None:
        """Take in samples shaped (frames, channels), 1.0 being full scale."""
        if not len(samples):
            return
        self._frames += len(samples)
        self._peak.feed(samples)
        weighted, self._state = signal.sosfilt(self._sections, samples, axis=0, zi=self._state)
        power = np.concatenate((self._left, np.square(weighted) @ self._weights))
        whole = len(power) - len(power) % self._step
        self._left = power[whole:]
        self._steps.extend(power[:whole].reshape(-1, self._step).mean(axis=1))

    def list_momentary_lufs(self) -> Samples:
        """Give the momentary loudness (400 ms) at every 100 ms, from the first whole window on."""
        return sum_loudness(self._average(_BLOCK_STEPS))

    def list_short_term_lufs(self) -> Samples:
        """Give the short-term loudness (3 s) at every 100 ms, from the first whole window on."""
        return sum_loudness(self._average(_SHORT_TERM_STEPS))

    def sum_audible_s(self) -> float:
        """Give how many seconds lie above the absolute gate; a single click makes 0.4 s."""
        return float((self.list_momentary_lufs() > ABSOLUTE_GATE_LUFS).sum() * _STEP_S)

    def read(self) -> LoudnessReading:
        """Give the reading of all that was fed.

        Less than 400 ms, and silence, read -inf LUFS; less than 3 s has a range of 0 LU.
        """
        return LoudnessReading(
            integrated_lufs=self._sum_integrated(),
            range_lu=self._sum_range(),
            true_peak_dbtp=self._peak.read_dbtp(),
            duration_s=self._frames / self._rate_hz,
        )

    def _average(self, steps: int) -> Samples:
        energy = np.array(self._steps)
        if len(energy) < steps:
            return np.zeros(0)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(energy, steps).mean(axis=1))

    def _sum_integrated(self) -> float:
        energy = self._average(_BLOCK_STEPS)
        energy = energy[sum_loudness(energy) > ABSOLUTE_GATE_LUFS]
        if not len(energy):
            return float("-inf")
        gate = sum_loudness(energy.mean()) + _RELATIVE_GATE_LU
        return float(sum_loudness(energy[sum_loudness(energy) > gate].mean()))

    def _sum_range(self) -> float:
        energy = self._average(_SHORT_TERM_STEPS)
        energy = energy[sum_loudness(energy) > ABSOLUTE_GATE_LUFS]
        if not len(energy):
            return 0.0
        levels = sum_loudness(energy)
        levels = levels[levels > sum_loudness(energy.mean()) + _RANGE_GATE_LU]
        low, high = np.percentile(levels, (10, 95))
        return float(high - low)

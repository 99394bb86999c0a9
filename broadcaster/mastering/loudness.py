"""Loudness meter: K-weighting, gates, range, momentary and short-term loudness, true peak. Pure, fed in pieces.

It keeps one or two numbers per 100 ms of programme, so its memory does not grow with the sound.

Sources: ITU-R BS.1770-5 annexes 1 and 2; EBU Tech 3341 (momentary, short-term); EBU Tech 3342 (range).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from broadcaster.core.model import LoudnessReading
from broadcaster.mastering.k_weighting import GROUP, KWeighting
from broadcaster.mastering.true_peak import Fine, TruePeakMeter

Samples = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.float32] | npt.NDArray[np.int32]

ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_OFFSET_LUFS = -0.691
_STEP_S = 0.1
_BLOCK_STEPS = 4  # 400 ms, a new one every 100 ms: 75 % overlap
_SHORT_TERM_STEPS = 30
_STEREO_WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 5: (1.0, 1.0, 1.0, 1.41, 1.41)}


def sum_loudness(energy: Samples) -> Samples:
    """Turn mean squares into LUFS; zero becomes -inf."""
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LUFS + 10 * np.log10(energy))


def integrate_lufs(momentary_lufs: Samples) -> float:
    """Give the gated loudness (LUFS) of a programme from its momentary loudness at every 100 ms; -inf for silence.

    >>> round(integrate_lufs(np.array([-23.0, -23.0, -36.0, -80.0])), 1)
    -23.0
    """
    levels = momentary_lufs[momentary_lufs > ABSOLUTE_GATE_LUFS]
    if not len(levels):
        return float("-inf")
    energy = 10 ** ((levels - _OFFSET_LUFS) / 10)
    gate = sum_loudness(energy.mean()) + _RELATIVE_GATE_LU
    return float(sum_loudness(energy[levels > gate].mean()))


class _ChannelMeter:
    """Energies and true peak of one channel."""

    def __init__(self, rate_hz: int, watch: float | None, *, keeps_peaks: bool) -> None:
        self._keeps_peaks = keeps_peaks
        self.energies = array("d")
        self.peaks = array("f")
        self.peak = TruePeakMeter(1, watch, rate_hz)
        self._step = round(rate_hz * _STEP_S)
        self._filter = KWeighting(rate_hz)
        self._unfiltered = np.zeros(0, dtype=np.float32)
        self._left = np.zeros(0, dtype=np.float32)
        self._plain_left = np.zeros(0, dtype=np.float32)

    def feed(self, samples: Numbers, scale: float) -> None:
        line = np.multiply(samples, scale, dtype=np.float32)
        self.peak.feed(line[:, np.newaxis])
        line = np.concatenate((self._unfiltered, line))
        whole = len(line) - len(line) % GROUP
        self._unfiltered = line[whole:]
        self._sum_steps(self._filter.feed(line[:whole]), line[:whole])

    def finish(self) -> None:
        if count := len(self._unfiltered):
            last = np.concatenate((self._unfiltered, np.zeros(GROUP - count, dtype=np.float32)))
            self._unfiltered = last[:0]
            self._sum_steps(self._filter.feed(last)[:count], last[:count])

    def _sum_steps(self, weighted: Fine, plain: Fine) -> None:
        steps, self._left = self._cut_steps(self._left, weighted)
        self.energies.extend(np.einsum("ij,ij->i", steps, steps) / self._step)
        if self._keeps_peaks:
            steps, self._plain_left = self._cut_steps(self._plain_left, plain)
            self.peaks.extend(np.maximum(steps.max(axis=1), -steps.min(axis=1)))

    def _cut_steps(self, left: Fine, line: Fine) -> tuple[Fine, Fine]:
        joined = np.concatenate((left, line))
        whole = len(joined) - len(joined) % self._step
        return joined[:whole].reshape(-1, self._step), joined[whole:]


class LoudnessMeter:
    """Measures one programme.

    Args:
        rate_hz: Sample rate, a multiple of 10.
        channels: 1, 2, or 5 in the order left, right, centre, left and right surround.
        weights: Of each channel in the sum; those of the standard when None.
        watch_dbtp: `list_over` tells in which seconds this true peak was passed.
        keeps_peaks: For `list_momentary_peaks_dbfs`.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        weights: Sequence[float] | None = None,
        *,
        watch_dbtp: float | None = None,
        keeps_peaks: bool = False,
    ) -> None:
        self._rate_hz = rate_hz
        self._weights = np.array(_STEREO_WEIGHTS[channels] if weights is None else weights)
        watch = None if watch_dbtp is None else 10 ** (watch_dbtp / 20)
        self._channels = [_ChannelMeter(rate_hz, watch, keeps_peaks=keeps_peaks) for _ in range(channels)]
        self._frames = 0

    def feed(self, samples: Numbers, scale: float = 1.0) -> None:
        """Take in samples shaped (frames, channels), whose full scale is 1.0 after they are multiplied by `scale`."""
        if not len(samples):
            return
        self._frames += len(samples)
        for channel, line in zip(self._channels, samples.T, strict=True):
            channel.feed(line, scale)

    def list_momentary_lufs(self) -> Samples:
        """Give the momentary loudness (400 ms) at every 100 ms, from the first whole window on."""
        return sum_loudness(self._average(_BLOCK_STEPS))

    def list_short_term_lufs(self) -> Samples:
        """Give the short-term loudness (3 s) at every 100 ms, from the first whole window on."""
        return sum_loudness(self._average(_SHORT_TERM_STEPS))

    def list_momentary_peaks_dbfs(self) -> Samples:
        """Give the highest sample (dBFS) of both channels in each window of momentary loudness; -inf for silence."""
        self._finish()
        peaks = np.max([channel.peaks for channel in self._channels], axis=0)
        if len(peaks) < _BLOCK_STEPS:
            return np.zeros(0)
        with np.errstate(divide="ignore"):
            return np.asarray(20 * np.log10(np.lib.stride_tricks.sliding_window_view(peaks, _BLOCK_STEPS).max(axis=1)))

    def sum_audible_s(self) -> float:
        """Give how many seconds lie above the absolute gate; a single click makes 0.4 s."""
        return float((self.list_momentary_lufs() > ABSOLUTE_GATE_LUFS).sum() * _STEP_S)

    def read(self) -> LoudnessReading:
        """Give the reading of all that was fed.

        Nothing may be fed afterwards. Less than 400 ms, and silence, read -inf LUFS; less than 3 s has a range of 0 LU.
        """
        self._finish()
        peaks = [channel.peak.read_dbtp() for channel in self._channels]
        return LoudnessReading(
            integrated_lufs=integrate_lufs(self.list_momentary_lufs()),
            range_lu=self._sum_range(),
            true_peak_dbtp=max(peaks),
            duration_s=self._frames / self._rate_hz,
        )

    def list_over(self) -> dict[int, float]:
        """Give the seconds in which the watched peak was passed, each with its highest true peak (dBTP)."""
        over: dict[int, float] = {}
        for channel in self._channels:
            for second, peak_dbtp in channel.peak.list_over().items():
                over[second] = max(over.get(second, peak_dbtp), peak_dbtp)
        return over

    def _finish(self) -> None:
        for channel in self._channels:
            channel.finish()

    def _average(self, steps: int) -> Samples:
        self._finish()
        energy = self._weights @ np.array([channel.energies for channel in self._channels])
        if len(energy) < steps:
            return np.zeros(0)
        return np.asarray(np.lib.stride_tricks.sliding_window_view(energy, steps).mean(axis=1))

    def _sum_range(self) -> float:
        energy = self._average(_SHORT_TERM_STEPS)
        energy = energy[sum_loudness(energy) > ABSOLUTE_GATE_LUFS]
        if not len(energy):
            return 0.0
        levels = sum_loudness(energy)
        levels = levels[levels > sum_loudness(energy.mean()) + _RANGE_GATE_LU]
        low, high = np.percentile(levels, (10, 95))
        return float(high - low)

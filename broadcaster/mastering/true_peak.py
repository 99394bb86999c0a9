"""True peak by four-fold polyphase oversampling, done only where it can matter. Pure.

A block whose samples stay below a level cannot have a true peak above that level times `REACH`: the interpolator's
output is a sum of samples weighted by its coefficients, and `REACH` is the largest sum of their absolute values. This
bound is strict, so leaving such blocks out changes no result.

Sources: ITU-R BS.1770-5 annex 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import signal

Samples = npt.NDArray[np.float64]

FACTOR = 4
SIDE = 12  # samples that the interpolator sees to the left and to the right of a point
BLOCK = 256
_CANDIDATES = 16


def _plan_interpolator() -> Samples:
    taps = signal.firwin(2 * SIDE * FACTOR + 1, 1.0 / FACTOR, window=("kaiser", 4.0)) * FACTOR
    for phase in range(FACTOR):  # each phase passes a constant unchanged, the first one every sample
        taps[phase::FACTOR] /= taps[phase::FACTOR].sum()
    return np.asarray(taps, dtype=np.float64)


INTERPOLATOR = _plan_interpolator()
REACH = float(max(np.abs(INTERPOLATOR[phase::FACTOR]).sum() for phase in range(FACTOR)))


def interpolate_blocks(blocks: Samples) -> Samples:
    """Oversample rows of samples and give the largest absolute value around each sample.

    Args:
        blocks: Shaped (rows, SIDE + n + SIDE): n samples with what stands before and after them.

    Returns:
        Shaped (rows, n): for each sample the maximum of itself and of the three points between it and the next one.
    """
    dense = signal.upfirdn(INTERPOLATOR, blocks, up=FACTOR, axis=1)
    start = 2 * SIDE * FACTOR  # the filter's delay and the samples before
    count = blocks.shape[1] - 2 * SIDE
    points = np.abs(dense[:, start : start + count * FACTOR]).reshape(len(blocks), count, FACTOR)
    return np.asarray(np.maximum(points.max(axis=2), np.abs(blocks[:, SIDE : SIDE + count])))


def cut_blocks(line: Samples) -> tuple[Samples, Samples]:
    """Cut one channel with SIDE samples of context at both ends into rows of BLOCK samples.

    Returns:
        The rows with their context (rows, SIDE + BLOCK + SIDE; zeros after the end) and each row's sample peak,
        context included.
    """
    count = len(line) - 2 * SIDE
    rows = -(-count // BLOCK)
    padded = np.zeros(rows * BLOCK + 2 * SIDE)
    padded[: len(line)] = line
    blocks = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + 2 * SIDE)[::BLOCK]
    return blocks, np.abs(blocks).max(axis=1)


class TruePeakMeter:
    """Keeps the highest true peak of a stream of samples, fed in pieces of any length."""

    def __init__(self, channels: int) -> None:
        self.peak = 0.0
        self._tail = np.zeros((2 * SIDE, channels))

    def feed(self, samples: Samples) -> None:
        """Take in samples shaped (frames, channels)."""
        joined = np.concatenate((self._tail, samples))
        whole = (len(joined) - 2 * SIDE) // BLOCK * BLOCK
        self._tail = joined[whole:]
        if not whole:
            return
        self.peak = max(self.peak, float(np.abs(joined[: whole + SIDE]).max()))
        for channel in range(joined.shape[1]):
            self._measure(np.ascontiguousarray(joined[: whole + 2 * SIDE, channel]))

    def read_dbtp(self) -> float:
        """Give the true peak (dBTP) of all that was fed, its end included; -inf for digital silence.

        The end is taken as the end of the sound: nothing may be fed afterwards.
        """
        self.feed(np.zeros((BLOCK + SIDE, self._tail.shape[1])))
        return float(20 * np.log10(self.peak)) if self.peak > 0 else float("-inf")

    def _measure(self, line: Samples) -> None:
        blocks, peaks = cut_blocks(line)
        left = np.flatnonzero(peaks * REACH > self.peak)
        left = left[np.argsort(peaks[left])[::-1]]  # loudest first: they raise the bar for all the others
        while len(left):
            self.peak = max(self.peak, float(interpolate_blocks(blocks[left[:_CANDIDATES]]).max()))
            left = left[_CANDIDATES:]
            left = left[peaks[left] * REACH > self.peak]

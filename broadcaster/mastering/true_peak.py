"""True peak by four-fold polyphase oversampling, done only where it can matter. Pure.

A block whose samples stay below a level cannot have a true peak above that level times `REACH`: the interpolator's
output is a sum of samples weighted by its coefficients, and `REACH` is the largest sum of their absolute values. This
bound is strict, so leaving such blocks out changes no result.

Sources: ITU-R BS.1770-5 annex 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
Fine = npt.NDArray[np.float32]

FACTOR = 4
SIDE = 12  # samples that the interpolator sees to the left and to the right of a point
BLOCK = 32
_CANDIDATES = 64
_NEAR = 1500  # frames: a peak as near to the edge of a second belongs to both
_ROWS = 2048  # interpolated at a time: some megabytes


def _plan_interpolator() -> Samples:
    places = np.arange(-SIDE * FACTOR, SIDE * FACTOR + 1) / FACTOR
    taps = np.sinc(places) * np.kaiser(2 * SIDE * FACTOR + 1, 4.0)
    for phase in range(FACTOR):  # each phase passes a constant unchanged, the first one every sample
        taps[phase::FACTOR] /= taps[phase::FACTOR].sum()
    return np.asarray(taps, dtype=np.float64)


def _plan_matrix(taps: Samples) -> Fine:
    """Lay the taps out so that a block with its context times this gives the three points after each sample."""
    matrix = np.zeros((SIDE + BLOCK + SIDE, FACTOR - 1, BLOCK))
    for phase in range(1, FACTOR):
        line = taps[phase::FACTOR][::-1]  # as many as SIDE to the left, the sample itself, and SIDE - 1 to the right
        for n in range(BLOCK):
            matrix[n + 1 : n + 1 + len(line), phase - 1, n] = line
    return matrix.reshape(SIDE + BLOCK + SIDE, -1).astype(np.float32)


INTERPOLATOR = _plan_interpolator()
REACH = float(max(np.abs(INTERPOLATOR[phase::FACTOR]).sum() for phase in range(FACTOR)))
_MATRIX = _plan_matrix(INTERPOLATOR)


def cut_blocks(line: Fine) -> tuple[Fine, Fine]:
    """Cut one channel with SIDE samples of context at both ends into rows of BLOCK samples.

    Returns:
        The rows with their context (rows, SIDE + BLOCK + SIDE; zeros after the end), a view, and each row's sample
        peak, context included.
    """
    count = len(line) - 2 * SIDE
    rows = -(-count // BLOCK)
    padded = np.zeros((rows + 1) * BLOCK, dtype=np.float32)
    padded[: len(line)] = line
    peaks = np.abs(padded).reshape(-1, BLOCK).max(axis=1)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + 2 * SIDE)[::BLOCK]
    return blocks[:rows], np.maximum(peaks[:-1], peaks[1:])  # a row and its context lie within two


def interpolate_blocks(blocks: Fine) -> Fine:
    """Oversample rows of samples and give the largest absolute value around each sample.

    Args:
        blocks: Shaped (rows, SIDE + BLOCK + SIDE): samples with what stands before and after them.

    Returns:
        Shaped (rows, BLOCK): for each sample the maximum of itself and of the three points between it and the next one.
    """
    peaks = np.abs(blocks[:, SIDE : SIDE + BLOCK])
    for start in range(0, len(blocks), _ROWS):
        points = np.abs(blocks[start : start + _ROWS] @ _MATRIX).reshape(-1, FACTOR - 1, BLOCK)
        part = peaks[start : start + _ROWS]
        for phase in range(FACTOR - 1):
            np.maximum(part, points[:, phase], out=part)
    return peaks


class TruePeakMeter:
    """Keeps the highest true peak of a stream of samples, fed in pieces of any length.

    Args:
        channels: Of the samples that are fed.
        watch: A peak as a factor of full scale; `list_over` tells where it was passed. None watches nothing.
        rate_hz: Of the samples, where something is watched.
    """

    def __init__(self, channels: int, watch: float | None = None, rate_hz: int = 1) -> None:
        self.peak = 0.0
        self._tail = np.zeros((2 * SIDE, channels), dtype=np.float32)
        self._watch = watch
        self._rate_hz = rate_hz
        self._frames = 0
        self._over: dict[int, float] = {}

    def feed(self, samples: Samples | Fine) -> None:
        """Take in samples shaped (frames, channels)."""
        joined = np.concatenate((self._tail, samples), dtype=np.float32)
        whole = (len(joined) - 2 * SIDE) // BLOCK * BLOCK
        self._tail = joined[whole:]
        if not whole:
            return
        for channel in range(joined.shape[1]):
            self._measure(joined[: whole + 2 * SIDE, channel])
        self._frames += whole

    def read_dbtp(self) -> float:
        """Give the true peak (dBTP) of all that was fed, its end included; -inf for digital silence.

        The end is taken as the end of the sound: nothing may be fed afterwards.
        """
        self.feed(np.zeros((BLOCK + SIDE, self._tail.shape[1]), dtype=np.float32))
        return float(20 * np.log10(self.peak)) if self.peak > 0 else float("-inf")

    def list_over(self) -> dict[int, float]:
        """Give the seconds in which the watched peak was passed, each with its highest peak (dBTP)."""
        return {second: float(20 * np.log10(peak)) for second, peak in self._over.items()}

    def _measure(self, line: Fine) -> None:
        blocks, peaks = cut_blocks(line)
        if self._watch is not None:
            self._note_over(blocks, peaks, self._watch)
        self.peak = max(self.peak, float(peaks.max()))
        seen = np.inf if self._watch is None else self._watch  # what may pass the watched peak was looked at already
        left = np.flatnonzero((peaks * REACH > self.peak) & (peaks * REACH <= seen))
        count = _CANDIDATES
        left = left[np.argsort(peaks[left])[::-1]]  # loudest first: they raise the bar for all the others
        while len(left):
            self.peak = max(self.peak, float(interpolate_blocks(blocks[left[:count]]).max()))
            left = left[count:]
            count *= 8
            left = left[peaks[left] * REACH > self.peak]

    def _note_over(self, blocks: Fine, peaks: Fine, watch: float) -> None:
        hot = np.flatnonzero(peaks * REACH > watch)
        if not len(hot):
            return
        highest = interpolate_blocks(blocks[hot]).max(axis=1)
        self.peak = max(self.peak, float(highest.max()))
        for row in np.flatnonzero(highest > watch):
            at = self._frames + int(hot[row]) * BLOCK
            for near in (max(0, at - _NEAR), at + _NEAR):
                second = near // self._rate_hz
                self._over[second] = max(self._over.get(second, 0.0), float(highest[row]))

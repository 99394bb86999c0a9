"""True peak by four-fold polyphase oversampling, done only where it can matter. Pure.

Two strict bounds say where it cannot, so leaving those blocks out changes no result. A block whose samples stay below a
level cannot have a true peak above that level times `REACH`: the interpolator's output is a sum of samples weighted by
its coefficients, and `REACH` is the largest sum of their absolute values. And a point between two samples differs from
the straight line between them by no more than `BEND` times the largest second difference around it: the interpolator
less a straight line is a filter of second differences, and `BEND` is the sum of its absolute coefficients. Sound whose
strength lies in the low tones, as speech and music have it, hardly bends from one sample to the next.

Sources: ITU-R BS.1770-5 annex 2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
Fine = npt.NDArray[np.float32]

FACTOR = 4
SIDE = 12  # samples that the interpolator sees to the left and to the right of a point
BLOCK = 32
_CANDIDATES = 64
_ROUNDING = 1 + 1e-5  # of single precision
_NEAR = 1500  # frames: a peak as near to the edge of a second belongs to both
_ROWS = 512  # interpolated at a time: what the processor's cache holds


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


def _plan_bounds(taps: Samples) -> tuple[float, float]:
    """Give by how much of the largest sample, and of the largest second difference, a point is bounded."""
    steady, bend = 1.0, 0.0
    for phase in range(1, FACTOR):
        rest = taps[phase::FACTOR][::-1].copy()
        rest[SIDE - 1] -= 1 - phase / FACTOR  # less the straight line between the samples on both sides
        rest[SIDE] -= phase / FACTOR
        of_steps = np.cumsum(rest)
        slope = of_steps.sum()  # what is left of a slope, which two samples of opposite sign make at most
        of_steps[SIDE - 1] -= slope
        steady, bend = max(steady, 1 + 2 * abs(slope)), max(bend, np.abs(np.cumsum(of_steps)).sum())
    return steady * _ROUNDING, bend * _ROUNDING


INTERPOLATOR = _plan_interpolator()
REACH = _ROUNDING * float(max(np.abs(INTERPOLATOR[phase::FACTOR]).sum() for phase in range(FACTOR)))
STEADY, BEND = _plan_bounds(INTERPOLATOR)
_MATRIX = _plan_matrix(INTERPOLATOR)


class Blocks(NamedTuple):
    """One channel in rows of BLOCK samples.

    Attributes:
        rows: Each with SIDE samples of context at both ends; a view.
        peaks: Sample peak of each row, context included.
        line: The samples that the rows show.
    """

    rows: Fine
    peaks: Fine
    line: Fine

    def list_hot(self, bar: float) -> npt.NDArray[np.intp]:
        """Give the rows whose true peak may pass `bar`; that of all others does not."""
        hot = np.flatnonzero(self.peaks * REACH > bar)
        if len(hot) <= _CANDIDATES:
            return hot
        bends = np.zeros_like(self.line)
        bends[:-2] = np.diff(self.line, 2)
        bounds = self.peaks * STEADY + _list_peaks(bends) * BEND
        return hot[bounds[hot] > bar]


def cut_blocks(line: Fine) -> Blocks:
    """Cut one channel with SIDE samples of context at both ends into rows of BLOCK samples; zeros follow its end."""
    rows = -(-(len(line) - 2 * SIDE) // BLOCK)
    padded = np.zeros((rows + 1) * BLOCK, dtype=np.float32)
    padded[: len(line)] = line
    blocks = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + 2 * SIDE)[::BLOCK]
    return Blocks(blocks[:rows], _list_peaks(padded), padded)


def _list_peaks(line: Fine) -> Fine:
    peaks = np.ascontiguousarray(np.abs(line).reshape(-1, BLOCK).T).max(axis=0)
    return np.asarray(np.maximum(peaks[:-1], peaks[1:]))  # a row and its context lie within two


def interpolate_blocks(blocks: Fine, unit: int = BLOCK) -> Fine:
    """Oversample rows of samples and give the largest absolute value of every `unit` samples.

    Args:
        blocks: Shaped (rows, SIDE + BLOCK + SIDE): samples with what stands before and after them.
        unit: A divisor of BLOCK.

    Returns:
        Shaped (rows, BLOCK / unit): the maximum over samples and the three points between each and the next one.
    """
    peaks = np.empty((BLOCK // unit, len(blocks)), dtype=np.float32)
    for start in range(0, len(blocks), _ROWS):
        part = blocks[start : start + _ROWS]
        # Rows lie along the last axis here: maxima are then taken of whole lines at a time.
        points = np.abs(_MATRIX.T @ part.T).reshape(FACTOR - 1, BLOCK // unit, unit, -1)
        samples = np.abs(np.ascontiguousarray(part[:, SIDE : SIDE + BLOCK].T)).reshape(BLOCK // unit, unit, -1)
        peaks[:, start : start + _ROWS] = np.maximum(points.max(axis=2).max(axis=0), samples.max(axis=1))
    return peaks.T


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
        blocks = cut_blocks(line)
        self.peak = max(self.peak, float(blocks.peaks.max()))
        if self._watch is not None:
            self._note_over(blocks, self._watch)
            return
        left = blocks.list_hot(self.peak)
        count = _CANDIDATES
        left = left[np.argsort(blocks.peaks[left])[::-1]]  # loudest first: they raise the bar for all the others
        while len(left):
            self.peak = max(self.peak, float(interpolate_blocks(blocks.rows[left[:count]]).max()))
            left = left[count:]
            count *= 8
            left = left[blocks.peaks[left] * REACH > self.peak]

    def _note_over(self, blocks: Blocks, watch: float) -> None:
        hot = blocks.list_hot(min(self.peak, watch))
        if not len(hot):
            return
        highest = interpolate_blocks(blocks.rows[hot])[:, 0]
        self.peak = max(self.peak, float(highest.max()))
        for row in np.flatnonzero(highest > watch):
            at = self._frames + int(hot[row]) * BLOCK
            for near in (max(0, at - _NEAR), at + _NEAR):
                second = near // self._rate_hz
                self._over[second] = max(self._over.get(second, 0.0), float(highest[row]))

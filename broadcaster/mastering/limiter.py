"""True-peak limiter: turns down only the surroundings of a peak that passes the ceiling. Pure, fed in pieces.

Both channels are turned down together, so the picture between them stands. The needed reduction is held back from
5 ms before a peak, let go in a straight line of dB, and smoothed over 5 ms; where no peak is near, samples pass
bit for bit. Smoothing averages values none of which is less than the peak needs, so the peak is always met.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

from broadcaster.mastering.true_peak import REACH, SIDE, cut_blocks, interpolate_blocks

Samples = npt.NDArray[np.float64]

_LOOK_AHEAD_S = 0.005
_RELEASE_DB_PER_S = 60.0
_NOTHING_DB = 1e-9  # what rounding leaves of a sum of zeros


class Limiter:
    """Limits one programme.

    Args:
        rate_hz: Sample rate.
        channels: Channels of the samples that are fed.
        ceiling: True peak that the output keeps to, as a factor of full scale.
    """

    def __init__(self, rate_hz: int, channels: int, ceiling: float) -> None:
        self.reduction_db = 0.0
        self._ceiling = ceiling
        self._window = round(rate_hz * _LOOK_AHEAD_S)
        self._release_db = _RELEASE_DB_PER_S / rate_hz
        kernel = np.hanning(self._window + 2)[1:-1]
        self._kernel = kernel / kernel.sum()
        self._context = np.zeros((SIDE, channels))
        self._held_db = 0.0
        # The reductions that are known but not used yet, and those that the smoothing still looks back on.
        self._past_db = np.zeros(self._window - 1)
        # As much silence stands before the sound as the look-ahead is long: a peak in the first samples is met too.
        self._lead = self._window - 1
        self._needed_db = np.zeros(self._lead)
        self._waiting = np.zeros((self._lead, channels))

    def feed(self, samples: Samples) -> Samples:
        """Take in samples shaped (frames, channels) and give back those that are ready: as many, some ms later."""
        joined = np.concatenate((self._context, samples))
        if len(joined) <= 2 * SIDE:
            self._context = joined
            return samples[:0]
        fresh = joined[SIDE : len(joined) - SIDE]
        needed_db = np.concatenate((self._needed_db, self._find_needed_db(joined)))
        waiting = np.concatenate((self._waiting, fresh))
        self._context = joined[len(joined) - 2 * SIDE :]
        ready = max(0, len(needed_db) - self._window + 1)
        self._needed_db, self._waiting = needed_db[ready:], waiting[ready:]
        if not ready:
            return samples[:0]
        skipped = min(self._lead, ready)
        self._lead -= skipped
        return self._apply(waiting[:ready], needed_db)[skipped:]

    def finish(self) -> Samples:
        """Give back what is still inside; the limiter is spent then."""
        rest = len(self._waiting) + max(0, len(self._context) - SIDE)
        lead = self._lead
        silence = np.zeros((self._window + SIDE, self._context.shape[1]))
        return self.feed(silence)[: rest - lead]

    def _find_needed_db(self, joined: Samples) -> Samples:
        count = len(joined) - 2 * SIDE
        peaks = np.zeros(count)
        for channel in range(joined.shape[1]):
            blocks, tops = cut_blocks(joined[:, channel])
            hot = np.flatnonzero(tops * REACH > self._ceiling)
            if len(hot):
                line = np.zeros((len(blocks), blocks.shape[1] - 2 * SIDE))
                line[hot] = interpolate_blocks(blocks[hot])
                np.maximum(peaks, line.ravel()[:count], out=peaks)
        return np.asarray(20 * np.log10(np.maximum(peaks / self._ceiling, 1.0)))

    def _apply(self, samples: Samples, needed_db: Samples) -> Samples:
        count = len(samples)
        ahead = ndimage.maximum_filter1d(needed_db, self._window, mode="constant", origin=-(self._window // 2))[:count]
        ramp = np.arange(1, count + 1) * self._release_db
        fallen = np.maximum.accumulate(np.concatenate(([self._held_db], ahead + ramp)))[1:] - ramp
        held = np.where(fallen > self._release_db, fallen, 0.0)
        held = np.maximum(held, ahead)
        self._held_db = float(held[-1])
        line = np.concatenate((self._past_db, held))
        self._past_db = line[len(line) - self._window + 1 :]
        if not line.any():
            return samples
        smooth_db = signal.oaconvolve(line, self._kernel, mode="valid")
        smooth_db[smooth_db < _NOTHING_DB] = 0.0
        self.reduction_db = max(self.reduction_db, float(smooth_db.max()))
        return samples * (10 ** (smooth_db / -20))[:, np.newaxis]

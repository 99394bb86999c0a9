"""True-peak limiter: turns down only the surroundings of a peak that passes the ceiling. Pure, fed in pieces.

Both channels are turned down together, so the picture between them stands. The needed reduction is held back from
5 ms before a peak, let go in a straight line of dB, and smoothed over 5 ms; where no peak is near, samples pass
bit for bit. Smoothing averages values none of which is less than the peak needs, so the peak is always met.

The reduction is planned at knots 8 samples apart and runs straight between them; both knots around a peak meet it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from broadcaster.mastering.true_peak import BLOCK, SIDE, Fine, cut_blocks, interpolate_blocks

Samples = npt.NDArray[np.float64]

_UNIT = 8
_LOOK_AHEAD_S = 0.005
_RELEASE_DB_PER_S = 60.0
_ROUNDING = 1 - 1e-6  # peaks are looked for in single precision
_UNIT_SHARES = np.arange(_UNIT) / _UNIT
_NOTHING_DB = 1e-9  # what rounding leaves of a sum of zeros


class Limiter:
    """Limits one programme, or a stretch of it.

    Args:
        rate_hz: Sample rate.
        channels: Channels of the samples that are fed.
        ceilings: True peak that the output keeps to, as a factor of full scale: one for all, or one for each second
            of the programme (the last one goes on).
        start: Frame of the programme that is fed first, a multiple of 32.
    """

    def __init__(self, rate_hz: int, channels: int, ceilings: float | Samples, start: int = 0) -> None:
        self.reduction_db = 0.0
        self._rate_hz = rate_hz
        self._ceilings = np.atleast_1d(np.asarray(ceilings, dtype=np.float64)) * _ROUNDING
        self._lowest = float(self._ceilings.min())
        self._at = start
        self._window = round(rate_hz * _LOOK_AHEAD_S / _UNIT)
        self._release_db = _RELEASE_DB_PER_S / rate_hz * _UNIT
        kernel = np.hanning(self._window + 2)[1:-1]
        self._kernel = kernel / kernel.sum()
        self._unseen: Fine = np.zeros((SIDE, channels), dtype=np.float32)
        # Silence stands before the sound, as long as the look-ahead: a peak in the first samples is met too.
        self._needed_db = np.zeros(self._window)
        self._waiting: Fine = np.zeros((self._window * _UNIT, channels), dtype=np.float32)
        self._lead = self._window * _UNIT
        self._held_db = 0.0
        self._past_db = np.zeros(self._window - 1)
        self._factor = 1.0
        self._fed = 0
        self._given = 0

    def feed(self, samples: Fine) -> Fine:
        """Take in samples shaped (frames, channels) and give back those that are ready: as many, some ms later."""
        self._fed += len(samples)
        ready = self._advance(samples)
        self._given += len(ready)
        return ready

    def finish(self) -> Fine:
        """Give back what is still inside; the limiter is spent then."""
        silence = np.zeros(((self._window + 1) * _UNIT + 2 * BLOCK, self._unseen.shape[1]), dtype=np.float32)
        return self._advance(silence)[: self._fed - self._given]

    def _advance(self, samples: Fine) -> Fine:
        joined = np.concatenate((self._unseen, samples))
        seen = max(0, len(joined) - 2 * SIDE) // BLOCK * BLOCK
        self._unseen = joined[seen:]
        if not seen:
            return samples[:0]
        self._needed_db = np.concatenate((self._needed_db, self._find_needed_db(joined[: seen + 2 * SIDE])))
        self._waiting = np.concatenate((self._waiting, joined[SIDE : SIDE + seen]))
        units = len(self._needed_db) - self._window
        if units <= 0:
            return samples[:0]
        ready = self._apply(self._waiting[: units * _UNIT], self._needed_db)
        self._needed_db, self._waiting = self._needed_db[units:], self._waiting[units * _UNIT :]
        skipped = min(self._lead, len(ready))
        self._lead -= skipped
        return ready[skipped:]

    def _find_needed_db(self, joined: Fine) -> Samples:
        units = (len(joined) - 2 * SIDE) // _UNIT
        seconds = (self._at + np.arange(units) * _UNIT) // self._rate_hz
        ceilings = self._ceilings[np.minimum(seconds, len(self._ceilings) - 1)]
        self._at += units * _UNIT
        peaks = np.zeros(units)
        for channel in range(joined.shape[1]):
            blocks = cut_blocks(joined[:, channel])
            hot = blocks.list_hot(self._lowest)
            if len(hot):
                highest = interpolate_blocks(blocks.rows[hot], _UNIT)
                rows = peaks.reshape(-1, BLOCK // _UNIT)
                rows[hot] = np.maximum(rows[hot], highest)
        over = peaks > ceilings
        peaks[~over] = 0.0
        peaks[over] = 20 * np.log10(peaks[over] / ceilings[over])
        return peaks

    def _apply(self, samples: Fine, needed_db: Samples) -> Fine:
        ahead = _slide_max(needed_db, self._window + 1)
        ramp = np.arange(1, len(ahead) + 1) * self._release_db
        fallen = np.maximum.accumulate(np.concatenate(([self._held_db], ahead + ramp)))[1:] - ramp
        held = np.maximum(np.where(fallen > self._release_db, fallen, 0.0), ahead)
        self._held_db = float(held[-1])
        line = np.concatenate((self._past_db, held))
        self._past_db = line[len(line) - self._window + 1 :]
        if not line.any() and self._factor == 1.0:
            return samples
        smooth_db = np.convolve(line, self._kernel, mode="valid")
        smooth_db[smooth_db < _NOTHING_DB] = 0.0
        self.reduction_db = max(self.reduction_db, float(smooth_db.max()))
        knots = np.concatenate(([self._factor], 10 ** (smooth_db / -20)))
        self._factor = float(knots[-1])
        factors = (knots[:-1, np.newaxis] + np.diff(knots)[:, np.newaxis] * _UNIT_SHARES).astype(np.float32)
        channels = samples.shape[1]
        return (samples.reshape(-1) * np.repeat(factors.reshape(-1), channels)).reshape(-1, channels)


def _slide_max(line: Samples, width: int) -> Samples:
    """Give the maximum of each stretch of `width` values that lies wholly in the line."""
    span = 1
    while 2 * span <= width:
        line = np.maximum(line[:-span], line[span:])
        span *= 2
    rest = width - span
    return np.maximum(line[: len(line) - rest], line[rest:])

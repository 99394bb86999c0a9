"""What is sent to the encoder: any stretch of the spooled sound with gain and limiter, as if all had been rendered."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from broadcaster.core.model import LoudnessReading
from broadcaster.mastering.info_header import FRAME_SAMPLES
from broadcaster.mastering.limiter import Limiter, Samples
from broadcaster.mastering.setting import Setting
from broadcaster.mastering.sound import CHANNELS, HEADROOM_DB, RATE_HZ, list_samples
from broadcaster.mastering.spool import Spool
from broadcaster.mastering.true_peak import Fine

# The limiter forgets a peak at 60 dB a second: after this it is in the state that it would have had.
_WARM_UP = 40 * FRAME_SAMPLES


class Renderer:
    """Renders stretches of one programme at one setting; each thread has its copy.

    Args:
        spool: The decoded programme.
        before: Its reading.
        setting: Gain and limiter.

    Attributes:
        lift_db: The gain that makes spooled samples those of the setting, limiter aside.
        is_linear: The setting is this gain and nothing else.
        reduction_db: What the limiter has taken off at most.
    """

    def __init__(self, spool: Spool, before: LoudnessReading, setting: Setting) -> None:
        self.reduction_db = 0.0
        self.lift_db = setting.gain_db + HEADROOM_DB
        self._spool = spool
        self._ceilings = _plan_ceilings(setting, before)
        self.is_linear = self._ceilings is None

    def copy(self) -> Renderer:
        """Give one of the same setting for another stretch, whose reduction is counted by itself."""
        return copy.copy(self)

    def read(self, start: int, end: int) -> Iterator[Fine]:
        """Give the samples from `start` (a multiple of 1,152) to `end`, or to the end of the sound."""
        if self._ceilings is None:
            for piece in self._spool.read(start, end):
                yield list_samples(piece, self.lift_db)
            return
        early = max(0, (start - _WARM_UP) // FRAME_SAMPLES * FRAME_SAMPLES)
        limiter = Limiter(RATE_HZ, CHANNELS, self._ceilings, early)
        skip = start - early
        for piece in self._spool.read(early, end):
            samples = limiter.feed(list_samples(piece, self.lift_db))
            yield samples[skip:]
            skip = max(0, skip - len(samples))
        yield limiter.finish()[skip:]
        self.reduction_db = max(self.reduction_db, limiter.reduction_db)


def _plan_ceilings(setting: Setting, before: LoudnessReading) -> Samples | None:
    if setting.limit_dbtp is None and not setting.dips_dbtp:
        return None
    highest_dbtp = before.true_peak_dbtp + setting.gain_db + 1.0  # passed by nothing
    base_dbtp = highest_dbtp if setting.limit_dbtp is None else setting.limit_dbtp
    levels_dbtp = np.full(max(setting.dips_dbtp, default=0) + 2, base_dbtp)
    for second, limit_dbtp in setting.dips_dbtp.items():
        levels_dbtp[second] = min(base_dbtp, limit_dbtp)
    return np.asarray(10 ** (levels_dbtp / 20))

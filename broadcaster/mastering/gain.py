"""Which gain a programme needs. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from broadcaster.core.errors import SilentProgrammeError
from broadcaster.core.model import LoudnessReading, MasteringTarget
from broadcaster.mastering.loudness import ABSOLUTE_GATE_LUFS


@dataclass(frozen=True, slots=True)
class GainPlan:
    """One gain for a whole programme (dB), and what a limiter must take off its highest peak (dB, 0.0 for nothing)."""

    gain_db: float
    limit_db: float


def plan_gain(reading: LoudnessReading, target: MasteringTarget) -> GainPlan:
    """Choose the one gain that brings a programme to the target loudness.

    The same gain serves the whole programme, so speech keeps its dynamics. Where it would lift the true peak over the
    ceiling, `limit_db` says how much the limiter has to take off the peaks; nothing else is compressed.

    Args:
        reading: Of the whole programme after any edit: gated loudness (LUFS), oversampled true peak (dBTP).
        target: Loudness (LUFS) and true-peak ceiling (dBTP).

    Returns:
        Gain (dB, negative turns down) and what the limiter must take off (dB, 0.0 when linear gain is enough).

    Raises:
        SilentProgrammeError: At or below the absolute gate of -70 LUFS. Nothing has been written.

    Sources:
        ITU-R BS.1770-5 annexes 1 and 2; EBU R 128.

    >>> plan_gain(LoudnessReading(-20.0, 5.0, -4.0, 60.0), MasteringTarget(-16.0, -1.0))
    GainPlan(gain_db=4.0, limit_db=1.0)
    """
    if not math.isfinite(reading.integrated_lufs) or reading.integrated_lufs <= ABSOLUTE_GATE_LUFS:
        raise SilentProgrammeError("the recording is silent: nothing in it rises above -70 LUFS")
    gain_db = target.loudness_lufs - reading.integrated_lufs
    return GainPlan(gain_db, max(0.0, reading.true_peak_dbtp + gain_db - target.ceiling_dbtp))

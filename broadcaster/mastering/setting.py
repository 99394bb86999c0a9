"""What an encoding is made with, and how to do better after one was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broadcaster.core.model import LoudnessReading, MasteringTarget
from broadcaster.mastering.encode import choose_level_loss_db
from broadcaster.mastering.gain import plan_gain

_OVERSHOOT_DB = 0.65  # what encoding at 128 kbit/s usually adds to limited peaks, beyond its loss of level
_SPARE_DB = 0.05
_FEW_SHARE = 0.05  # of the seconds of a programme
_TOLD_DB = 0.02  # a smaller change of gain tells nothing of what it yields
_YIELD = 0.7  # of a gain that a working limiter lets through, as a rule
GOOD_SHARE = 0.75  # of the tolerance: so much a first attempt may miss


@dataclass(frozen=True, slots=True)
class Setting:
    """What one encoding is made with.

    Attributes:
        gain_db: Of the whole programme.
        limit_dbtp: The peak that the limiter keeps to; None: no limiter.
        dips_dbtp: Lower peaks that it keeps to in single seconds of the programme.
        is_kept: Nothing is encoded: the recording's own frames are the master's.
    """

    gain_db: float
    limit_dbtp: float | None
    dips_dbtp: Mapping[int, float] = field(default_factory=dict)
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One encoding, measured: its setting, what came out, what the limiter took off (dB), where it passed the ceiling.

    `over_dbtp` holds the seconds of the programme whose peak after encoding passed the ceiling.
    """

    setting: Setting
    after: LoudnessReading
    limiter_db: float
    over_dbtp: Mapping[int, float] = field(default_factory=dict)


def choose_setting(before: LoudnessReading, target: MasteringTarget) -> Setting:
    """Choose the first setting from the plan: LAME's loss of level is made good beforehand. Pure.

    Raises:
        SilentProgrammeError: Nothing to normalise.
    """
    plan = plan_gain(before, target)
    loss_db = choose_level_loss_db(target.bitrate_kbps)
    limit_dbtp = target.ceiling_dbtp + loss_db - _OVERSHOOT_DB if plan.limit_db > 0 else None
    return Setting(plan.gain_db + loss_db, limit_dbtp)


def choose_next(attempts: list[Attempt], before: LoudnessReading, target: MasteringTarget) -> Setting:
    """Choose a better setting from what the attempts so far missed. Pure.

    The gain stands where the loudness is good. Else it moves by what was missed, and by more where a limiter swallows a
    part: as the last two attempts at the same ceiling show, or by rule. The limiter's ceiling moves down by what passed
    the target's, at least to just below the peak that was sent in; only in the seconds where it was passed, when these
    are known and few, so that the loudness of all others stands.
    """
    last = attempts[-1]
    missed_lu = target.loudness_lufs - last.after.integrated_lufs
    is_good = abs(missed_lu) <= GOOD_SHARE * target.tolerance_lu
    gain_db = last.setting.gain_db if is_good else last.setting.gain_db + missed_lu / _choose_yield(attempts)
    if last.over_dbtp and (is_good or len(last.over_dbtp) <= _FEW_SHARE * before.duration_s):
        return _plan_dips(last, before, target, gain_db)
    limit_dbtp = last.setting.limit_dbtp
    over_db = last.after.true_peak_dbtp - target.ceiling_dbtp
    if over_db > 0:
        sent_dbtp = before.true_peak_dbtp + last.setting.gain_db
        limit_dbtp = min(sent_dbtp, sent_dbtp if limit_dbtp is None else limit_dbtp) - over_db - _SPARE_DB
    return Setting(gain_db, limit_dbtp)


def _choose_yield(attempts: list[Attempt]) -> float:
    last = attempts[-1]
    if last.setting.limit_dbtp is None:
        return 1.0
    if len(attempts) > 1 and attempts[-2].setting.limit_dbtp == last.setting.limit_dbtp:
        moved_db = last.setting.gain_db - attempts[-2].setting.gain_db
        if abs(moved_db) > _TOLD_DB:
            gained_lu = last.after.integrated_lufs - attempts[-2].after.integrated_lufs
            return min(1.0, max(0.25, gained_lu / moved_db))
    return _YIELD


def _plan_dips(last: Attempt, before: LoudnessReading, target: MasteringTarget, gain_db: float) -> Setting:
    base_dbtp = last.setting.limit_dbtp
    if base_dbtp is None:
        likely_dbtp = target.ceiling_dbtp + choose_level_loss_db(target.bitrate_kbps) - _OVERSHOOT_DB
        base_dbtp = min(before.true_peak_dbtp + last.setting.gain_db, likely_dbtp)
    dips_dbtp = dict(last.setting.dips_dbtp)
    for second, peak_dbtp in last.over_dbtp.items():
        dips_dbtp[second] = dips_dbtp.get(second, base_dbtp) - (peak_dbtp - target.ceiling_dbtp) - _SPARE_DB
    return Setting(gain_db, last.setting.limit_dbtp, dips_dbtp)


def is_hit(after: LoudnessReading, target: MasteringTarget, tolerance_lu: float) -> bool:
    """Tell whether a finished master is as loud as asked, within a tolerance, and under the ceiling. Pure."""
    return (
        abs(after.integrated_lufs - target.loudness_lufs) <= tolerance_lu
        and after.true_peak_dbtp <= target.ceiling_dbtp
    )

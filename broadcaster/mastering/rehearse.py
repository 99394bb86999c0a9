"""Limiting without encoding: what a limiter takes off the loudness is made good before anything is encoded.

A part of the programme is limited. How much a limiter takes off a place depends on how high its peaks are; what the
part lost by its peaks, laid over the peaks of the whole programme, tells what the whole will lose.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from broadcaster.core.model import LoudnessReading
from broadcaster.mastering.ahead import map_ahead
from broadcaster.mastering.loudness import LoudnessMeter, Samples, integrate_lufs
from broadcaster.mastering.render import Renderer
from broadcaster.mastering.setting import Setting
from broadcaster.mastering.sound import CHANNELS, RATE_HZ
from broadcaster.mastering.spool import Spool
from broadcaster.mastering.true_peak import Fine

_STRETCH_S = 4
_EVERY_S = 75  # one more stretch is left out for so much of the sound
_MOST = 16
_TIMES = 2  # the second time at nearly the right gain
_GROUPS = 16
_DEEP_LU = 20.0  # below the loudness of all: what lies deeper counts for nothing
_HIGHEST_DB = 12.0  # of what may be made good
_HALVINGS = 16  # of these: to a five-thousandth of a dB


class Levels(NamedTuple):
    """A programme at every 100 ms: momentary loudness (LUFS), and the highest sample of the same 400 ms (dBFS)."""

    loud_lufs: Samples
    peaks_dbfs: Samples


def list_levels(meter: LoudnessMeter) -> Levels:
    """Take what a rehearsal must know from a meter that has heard it all."""
    return Levels(meter.list_momentary_lufs(), meter.list_momentary_peaks_dbfs())


def rehearse_setting(
    spool: Spool, before: LoudnessReading, whole: Levels, setting: Setting, workers: Executor
) -> Setting:
    """Limit without encoding and make good what the limiter takes off the loudness.

    Of more than two and a half minutes one stretch of 4 s in up to sixteen is limited, twice: the second time with what
    the first one told.

    Args:
        spool: The decoded programme.
        before: Its reading.
        whole: Its levels.
        setting: The first choice; one without a limiter is given back as it is.
        workers: To limit on all cores.
    """
    if setting.limit_dbtp is None:
        return setting
    step = max(1, min(_MOST, spool.frames // (_EVERY_S * RATE_HZ)))
    plain = _measure(spool, before, Setting(0.0, None), step, workers)
    gain_db = setting.gain_db
    for _ in range(_TIMES):
        limited = _measure(spool, before, Setting(gain_db, setting.limit_dbtp), step, workers)
        losses = match_losses(plain, limited, gain_db)
        gain_db = choose_gain_db(whole, losses, setting.gain_db)
    return Setting(gain_db, setting.limit_dbtp)


def match_losses(plain: Levels, limited: Levels, gain_db: float) -> tuple[Samples, Samples]:
    """Give what places with rising peaks (dBFS) lost behind a limiter (LU). Pure.

    Args:
        plain: Of some places, as they are.
        limited: Of the same ones turned up by `gain_db` and limited.
        gain_db: The gain.

    >>> levels = np.linspace(-30, -10, 201)
    >>> peaks, losses = match_losses(Levels(levels, levels + 9), Levels(np.minimum(levels, -14), levels), 0.0)
    >>> bool(losses[0] == 0), round(float(losses[-1]), 1)
    (True, 3.5)
    """
    is_heard = plain.loud_lufs > integrate_lufs(plain.loud_lufs) - _DEEP_LU
    peaks, loud, left = plain.peaks_dbfs[is_heard], plain.loud_lufs[is_heard], limited.loud_lufs[is_heard] - gain_db
    groups = [group for group in np.array_split(np.argsort(peaks), _GROUPS) if len(group)]
    if not groups:
        return np.zeros(1), np.zeros(1)
    passed = np.array([np.sum(10 ** (left[group] / 10)) / np.sum(10 ** (loud[group] / 10)) for group in groups])
    return np.array([peaks[group].mean() for group in groups]) + gain_db, np.maximum(0.0, -10 * np.log10(passed))


def choose_gain_db(whole: Levels, losses: tuple[Samples, Samples], gain_db: float) -> float:
    """Give the gain (dB), at least `gain_db`, with which the whole is as loud behind a limiter as without. Pure.

    Args:
        whole: The levels of the whole, without gain.
        losses: Rising peaks (dBFS, with gain) and what a limiter takes off there (LU); beyond the highest, what comes
            more is thought lost as between the last two.
        gain_db: What would be right without a limiter.
    """
    peaks, lost_lu = losses
    slope = (lost_lu[-1] - lost_lu[-2]) / max(0.1, peaks[-1] - peaks[-2]) if len(peaks) > 1 else 0.0
    slope = min(1.0, max(0.0, slope))
    wanted_lufs = integrate_lufs(whole.loud_lufs) + gain_db
    low_db, high_db = gain_db, gain_db + _HIGHEST_DB
    for _ in range(_HALVINGS):
        middle_db = (low_db + high_db) / 2
        high = whole.peaks_dbfs + middle_db
        lost = np.interp(high, peaks, lost_lu) + slope * np.maximum(0.0, high - peaks[-1])
        if integrate_lufs(whole.loud_lufs + middle_db - lost) < wanted_lufs:
            low_db = middle_db
        else:
            high_db = middle_db
    return low_db


def _measure(spool: Spool, before: LoudnessReading, setting: Setting, step: int, workers: Executor) -> Levels:
    """Give the levels of one stretch in `step`, rendered at a setting."""
    renderer = Renderer(spool, before, setting)
    length = _STRETCH_S * RATE_HZ
    meter = LoudnessMeter(RATE_HZ, CHANNELS, keeps_peaks=True)

    def render(start: int) -> list[Fine]:
        return list(renderer.copy().read(start, start + length))

    with contextlib.closing(map_ahead(workers, render, range(0, spool.frames, length * step))) as stretches:
        for stretch in stretches:
            for samples in stretch:
                meter.feed(samples)
    return list_levels(meter)

"""What is decided before and between encodings: gain, setting, limiter."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.core.errors import SilentProgrammeError
from broadcaster.core.model import LoudnessReading, MasteringTarget
from broadcaster.mastering.ahead import map_ahead
from broadcaster.mastering.gain import GainPlan, plan_gain
from broadcaster.mastering.limiter import Limiter
from broadcaster.mastering.loudness import integrate_lufs
from broadcaster.mastering.rehearse import Levels, choose_gain_db, match_losses
from broadcaster.mastering.setting import Attempt, Setting, choose_next, choose_setting, is_hit
from broadcaster.mastering.true_peak import Fine, TruePeakMeter

TARGET = MasteringTarget(-16.0, -1.0)
RATE_HZ = 44_100


def make_reading(loudness_lufs: float, peak_dbtp: float) -> LoudnessReading:
    return LoudnessReading(loudness_lufs, 5.0, peak_dbtp, 60.0)


def test_gain_is_linear_where_the_peak_allows_it() -> None:
    assert plan_gain(make_reading(-20.0, -6.0), TARGET) == GainPlan(4.0, 0.0)


def test_limiter_takes_only_what_passes_the_ceiling() -> None:
    assert plan_gain(make_reading(-26.0, -6.0), TARGET) == GainPlan(10.0, 5.0)


@pytest.mark.parametrize("loudness_lufs", [-70.0, -80.0, -math.inf, math.nan])
def test_silence_is_refused(loudness_lufs: float) -> None:
    with pytest.raises(SilentProgrammeError):
        plan_gain(make_reading(loudness_lufs, -60.0), TARGET)


def test_loss_of_level_in_lame_is_made_good_beforehand() -> None:
    setting = choose_setting(make_reading(-20.0, -6.0), TARGET)
    assert setting.gain_db == pytest.approx(4.44)
    assert setting.limit_dbtp is None


def test_next_setting_turns_on_the_limiter_only_when_the_ceiling_was_passed() -> None:
    before = make_reading(-20.0, -5.1)
    low = Attempt(Setting(4.44, None), make_reading(-16.3, -1.4), 0.0)
    setting = choose_next([low], before, TARGET)
    assert setting.gain_db == pytest.approx(4.74)
    assert setting.limit_dbtp is None
    over = Attempt(Setting(4.44, None), make_reading(-16.0, -0.7), 0.0)
    setting = choose_next([over], before, TARGET)
    assert setting.limit_dbtp is not None
    assert setting.limit_dbtp == pytest.approx(-5.1 + 4.44 - 0.3 - 0.05)


def test_next_setting_turns_up_more_where_the_limiter_swallows_half() -> None:
    first = Attempt(Setting(10.0, -1.0), make_reading(-17.0, -1.2), 6.0)
    second = Attempt(Setting(11.0, -1.0), make_reading(-16.5, -1.2), 7.0)
    assert choose_next([first, second], make_reading(-26.0, 0.0), TARGET).gain_db == pytest.approx(12.0)


def test_a_few_seconds_over_the_ceiling_are_dipped_also_when_the_loudness_is_missed() -> None:
    before = make_reading(-26.0, 0.0)
    missed = Attempt(Setting(11.0, -1.2), make_reading(-16.3, -0.7), 6.0, {17: -0.7})
    setting = choose_next([missed], before, TARGET)
    assert setting.gain_db > 11.3
    assert setting.limit_dbtp == -1.2
    assert setting.dips_dbtp == {17: pytest.approx(-1.55)}
    many = Attempt(missed.setting, missed.after, 6.0, dict.fromkeys(range(10), -0.7))
    lowered = choose_next([many], before, TARGET)
    assert lowered.limit_dbtp == pytest.approx(-1.55)
    assert not lowered.dips_dbtp


def test_what_a_limiter_takes_by_peaks_tells_the_gain_of_the_whole() -> None:
    """Half of the places have high peaks and lose half of what passes -10 dBFS; a part of them tells of all."""
    loud = np.tile([-20.0, -26.0], 300)
    whole = Levels(loud, loud + np.tile([4.0, 16.0], 300))

    def limit_levels(gain_db: float) -> Levels:
        lost_lu = np.maximum(0.0, whole.peaks_dbfs + gain_db + 10.0) / 2
        return Levels(whole.loud_lufs + gain_db - lost_lu, np.minimum(whole.peaks_dbfs + gain_db, -10.0))

    gain_db = 6.0
    for _ in range(3):
        part = slice(0, 40)
        plain, limited = (Levels(*(line[part] for line in levels)) for levels in (whole, limit_levels(gain_db)))
        gain_db = choose_gain_db(whole, match_losses(plain, limited, gain_db), 6.0)
    assert gain_db > 6.2
    wanted_lufs = integrate_lufs(whole.loud_lufs) + 6.0
    assert integrate_lufs(limit_levels(gain_db).loud_lufs) == pytest.approx(wanted_lufs, abs=0.05)


def test_work_ahead_is_dropped_when_nobody_takes_it_any_more() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item

    with ThreadPoolExecutor(1) as workers:
        results = map_ahead(workers, work, range(100))
        assert next(results) == 0
        results.close()
    assert begun == list(range(len(begun)))
    assert len(begun) <= 4


def test_master_is_a_hit_only_within_tolerance_and_ceiling() -> None:
    assert is_hit(make_reading(-16.2, -1.0), TARGET, 0.2000001)
    assert not is_hit(make_reading(-16.21, -1.0), TARGET, 0.2)
    assert not is_hit(make_reading(-16.0, -0.99), TARGET, 0.2)


def limit(samples: Fine, ceiling: float, pieces: list[int]) -> tuple[Fine, float]:
    limiter = Limiter(RATE_HZ, 2, ceiling)
    done = [limiter.feed(piece) for piece in np.split(samples, np.cumsum(pieces))]
    return np.concatenate([*done, limiter.finish()]), limiter.reduction_db


def measure_peak(samples: Fine) -> float:
    meter = TruePeakMeter(2)
    meter.feed(samples)
    return 10 ** (meter.read_dbtp() / 20)


def make_noise(seconds: float, level: float, seed: int = 3) -> Fine:
    return np.random.default_rng(seed).normal(0, level, (round(seconds * RATE_HZ), 2)).astype(np.float32)


def test_limiter_passes_what_stays_under_the_ceiling_bit_for_bit() -> None:
    noise = make_noise(2.0, 0.05)
    out, reduction_db = limit(noise, 0.9, [10_000])
    assert np.array_equal(out, noise)
    assert reduction_db == 0.0


def test_limiter_holds_the_true_peak_of_loud_sound() -> None:
    out, reduction_db = limit(make_noise(3.0, 0.4), 0.5, [50_000])
    assert measure_peak(out) <= 0.5 * 10 ** (0.1 / 20)
    assert reduction_db > 6


def test_limiter_touches_only_the_surroundings_of_a_peak() -> None:
    noise = make_noise(3.0, 0.02)
    noise[RATE_HZ] = 1.8
    out, reduction_db = limit(noise, 0.9, [30_000, 30_000])
    assert reduction_db == pytest.approx(6.02, abs=0.3)
    touched = np.flatnonzero((out != noise).any(axis=1))
    assert touched[0] >= RATE_HZ - 0.006 * RATE_HZ
    assert touched[-1] <= RATE_HZ + 0.12 * RATE_HZ
    assert abs(out[RATE_HZ]).max() <= 0.9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=12))
def test_limiter_gives_the_same_however_the_sound_is_cut(pieces: list[int]) -> None:
    noise = make_noise(0.3, 0.3)
    whole, _ = limit(noise, 0.5, [])
    cut, _ = limit(noise, 0.5, [n for at, n in enumerate(pieces) if sum(pieces[: at + 1]) < len(noise)])
    assert len(whole) == len(noise)
    assert cut == pytest.approx(whole, abs=1e-6)

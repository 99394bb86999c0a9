"""The meter against the signals of EBU Tech 3341 and 3342 and the printed filter of BS.1770."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from broadcaster.mastering.k_weighting import GROUP, KWeighting, plan_k_weighting
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.true_peak import REACH, TruePeakMeter, cut_blocks, interpolate_blocks
from tests.tech_3341 import CASES, RATE_HZ, Case, Samples, make_tone


def measure(samples: Samples, rate_hz: int = RATE_HZ, piece: int = 100_003) -> LoudnessMeter:
    meter = LoudnessMeter(rate_hz, samples.shape[1])
    for start in range(0, len(samples), piece):
        meter.feed(samples[start : start + piece])
    return meter


def name_case(case: Case) -> str:
    return str(case.number)


def require(case: Case, found: Sequence[float] | Samples) -> None:
    assert case.expected - case.under <= min(found)
    assert max(found) <= case.expected + case.over


def test_k_weighting_at_48_khz_is_the_printed_one() -> None:
    shelf, high_pass = plan_k_weighting(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585], abs=1e-9
    )
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-9)


def test_k_weighting_by_matrices_is_the_recursive_filter() -> None:
    noise = np.random.default_rng(6).normal(0, 0.3, 9 * GROUP)
    ours = KWeighting(RATE_HZ)
    fine = noise.astype(np.float32)
    filtered = np.concatenate([ours.feed(fine[: 2 * GROUP]), ours.feed(fine[2 * GROUP :])])
    expected = noise
    for b0, b1, b2, _, a1, a2 in plan_k_weighting(RATE_HZ):
        line = [0.0, 0.0]
        past = np.concatenate(([0.0, 0.0], expected))
        for n in range(2, len(past)):
            line.append(b0 * past[n] + b1 * past[n - 1] + b2 * past[n - 2] - a1 * line[n - 1] - a2 * line[n - 2])
        expected = np.array(line[2:])
    assert filtered == pytest.approx(expected, abs=1e-4)
    assert np.square(filtered, dtype=np.float64).mean() == pytest.approx(np.square(expected).mean(), rel=1e-6)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
@pytest.mark.parametrize("case", [case for case in CASES if case.reads == "I"], ids=name_case)
def test_integrated_loudness_of_tech_3341(case: Case, rate_hz: int) -> None:
    require(case, [measure(case.make(rate_hz), rate_hz).read().integrated_lufs])


@pytest.mark.parametrize("case", [case for case in CASES if case.reads == "S"], ids=name_case)
def test_short_term_loudness_of_tech_3341_stands_still(case: Case) -> None:
    levels = measure(case.make(RATE_HZ)).list_short_term_lufs()
    assert len(levels) == 121
    require(case, levels)


@pytest.mark.parametrize("case", [case for case in CASES if case.reads == "M"], ids=name_case)
def test_momentary_loudness_of_tech_3341_stands_still(case: Case) -> None:
    require(case, measure(case.make(RATE_HZ)).list_momentary_lufs()[6:])


@pytest.mark.parametrize("case", [case for case in CASES if case.reads == "TP"], ids=name_case)
def test_true_peak_of_tech_3341(case: Case) -> None:
    require(case, [measure(case.make(RATE_HZ)).read().true_peak_dbtp])


@pytest.mark.parametrize(("low_dbfs", "range_lu"), [(-30.0, 10.0), (-25.0, 5.0), (-40.0, 20.0)])
def test_loudness_range_of_tech_3342(low_dbfs: float, range_lu: float) -> None:
    reading = measure(make_tone([(-20.0, 20), (low_dbfs, 20)])).read()
    assert reading.range_lu == pytest.approx(range_lu, abs=1.0)


def test_reading_does_not_depend_on_how_the_sound_is_cut_into_pieces() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (3 * RATE_HZ, 2))
    readings = {piece: measure(noise, piece=piece).read() for piece in (37, 4800, 50_001, 10**6)}
    assert len({round(reading.integrated_lufs, 5) for reading in readings.values()}) == 1
    assert len({round(reading.true_peak_dbtp, 5) for reading in readings.values()}) == 1


def test_true_peak_without_leaving_blocks_out_is_the_same() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 50_000) * np.linspace(0, 1, 50_000)
    meter = TruePeakMeter(1)
    meter.feed(noise[:, np.newaxis])
    whole = interpolate_blocks(cut_blocks(np.pad(noise, 12).astype(np.float32)).rows)
    assert meter.read_dbtp() == pytest.approx(20 * math.log10(whole.max()), abs=1e-9)
    assert 2.0 < REACH < 3.5


@pytest.mark.parametrize("kind", ["noise", "deep", "alternating", "pulses", "steps"])
def test_no_true_peak_passes_the_bound_of_its_row(kind: str) -> None:
    random = np.random.default_rng(8)
    at = np.arange(20_000)
    line = {
        "noise": random.normal(0, 0.3, len(at)),
        "deep": np.sin(at / 9) * random.uniform(0, 1, len(at) // 100).repeat(100),
        "alternating": (1 - 2 * (at % 2)) * np.sign(np.sin(at / 40)),
        "pulses": (at % 97 == 0) * 1.0,
        "steps": np.sign(random.normal(0, 1, len(at))),
    }[kind]
    blocks = cut_blocks(line.astype(np.float32))
    peaks = interpolate_blocks(blocks.rows)[:, 0]
    for bar in np.quantile(peaks, (0.02, 0.3, 0.6, 0.9, 0.99)):
        assert set(np.flatnonzero(peaks > bar)) <= set(blocks.list_hot(float(bar)))


def test_hardly_any_row_of_deep_sound_is_interpolated() -> None:
    line = (np.sin(np.arange(64_000) / 40) * np.linspace(0, 1, 64_000)).astype(np.float32)
    assert len(cut_blocks(line).list_hot(0.9)) < 0.15 * 2000


@pytest.mark.parametrize("samples", [np.zeros((RATE_HZ, 2)), np.full((RATE_HZ // 5, 2), 0.5), np.zeros((0, 2))])
def test_silence_and_less_than_400_ms_read_minus_infinity(samples: Samples) -> None:
    reading = measure(samples).read()
    assert reading.integrated_lufs == -math.inf
    assert reading.range_lu == 0.0
    assert reading.duration_s == pytest.approx(len(samples) / RATE_HZ)


def test_direct_current_is_heard_as_a_click_only() -> None:
    assert measure(np.full((10 * RATE_HZ, 2), 0.5)).sum_audible_s() <= 0.4 + 1e-9

"""The meter against the signals of EBU Tech 3341 and 3342 and the printed filter of BS.1770."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from broadcaster.mastering.k_weighting import GROUP, KWeighting, plan_k_weighting
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.true_peak import REACH, TruePeakMeter, cut_blocks, interpolate_blocks

Samples = npt.NDArray[np.float64]
RATE_HZ = 48_000


def make_tone(parts: list[tuple[float, float]], rate_hz: int = RATE_HZ, hz: float = 1000.0) -> Samples:
    """Join stretches of a stereo sine: (peak level in dBFS, seconds)."""
    levels = np.concatenate([np.full(round(s * rate_hz), 10 ** (db / 20)) for db, s in parts])
    sine = levels * np.sin(2 * np.pi * hz * np.arange(len(levels)) / rate_hz)
    return np.stack((sine, sine), axis=1)


def measure(samples: Samples, rate_hz: int = RATE_HZ, piece: int = 100_003) -> LoudnessMeter:
    meter = LoudnessMeter(rate_hz, samples.shape[1])
    for start in range(0, len(samples), piece):
        meter.feed(samples[start : start + piece])
    return meter


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
@pytest.mark.parametrize(
    ("case", "parts", "expected_lufs"),
    [
        (0, [(-18.0, 20)], -18.0),
        (1, [(-23.0, 20)], -23.0),
        (2, [(-33.0, 20)], -33.0),
        (3, [(-36.0, 10), (-23.0, 60), (-36.0, 10)], -23.0),
        (4, [(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)], -23.0),
        (5, [(-26.0, 20), (-20.0, 20.1), (-26.0, 20)], -23.0),
    ],
)
def test_integrated_loudness_of_tech_3341(
    case: int, parts: list[tuple[float, float]], expected_lufs: float, rate_hz: int
) -> None:
    reading = measure(make_tone(parts, rate_hz), rate_hz).read()
    assert reading.integrated_lufs == pytest.approx(expected_lufs, abs=0.1), f"case {case}"


def test_integrated_loudness_of_tech_3341_case_6_in_five_channels() -> None:
    sine = make_tone([(0.0, 20)])[:, 0]
    samples = np.stack([sine * 10 ** (db / 20) for db in (-28.0, -28.0, -24.0, -30.0, -30.0)], axis=1)
    assert measure(samples).read().integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_short_term_loudness_of_tech_3341_case_9_stands_still() -> None:
    levels = measure(make_tone([(-20.0, 1.34), (-30.0, 1.66)] * 5)).list_short_term_lufs()
    assert len(levels) == 121
    assert levels == pytest.approx(-23.0, abs=0.1)


def test_momentary_loudness_of_tech_3341_case_12_stands_still() -> None:
    levels = measure(make_tone([(-20.0, 0.18), (-30.0, 0.22)] * 25)).list_momentary_lufs()
    assert levels[6:] == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("case", "divisor", "amplitude", "phase_deg", "expected_dbtp"),
    [
        (15, 4, 0.5, 0, -6.0),
        (16, 4, 0.5, 45, -6.0),
        (17, 6, 0.5, 60, -6.0),
        (18, 8, 0.5, 67.5, -6.0),
        (19, 4, 1.41, 45, 3),
    ],
)
def test_true_peak_of_tech_3341(
    case: int, divisor: int, amplitude: float, phase_deg: float, expected_dbtp: float
) -> None:
    at = np.arange(RATE_HZ)
    sine = amplitude * np.sin(2 * np.pi * at / divisor + math.radians(phase_deg))
    fade = np.minimum(1.0, np.minimum(at, at[::-1]) / (0.01 * RATE_HZ))
    peak_dbtp = measure(np.stack((sine * fade, sine * fade), axis=1)).read().true_peak_dbtp
    assert expected_dbtp - 0.4 <= peak_dbtp <= expected_dbtp + 0.2, f"case {case}"


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

"""What a radio person would want to be warned of in a recording. Nothing is changed by it. Pure, fed in pieces.

It keeps some numbers for each second. Thresholds were chosen on the samples of audio/ and made-up faults; a clean
recording of speech or music passes them with room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from broadcaster.core.model import SoundFault, SoundWarning
from broadcaster.mastering.sound import HEADROOM_DB, RATE_HZ, AudioSegment, view_samples

Numbers = npt.NDArray[np.float64]

_FULL_SCALE = float(1 << 31) * 10 ** (-HEADROOM_DB / 20)
_MONO_SHARE = 0.5**0.5
_FLAT = 1 / 65_536  # of full scale: samples as near to each other stand still
_FLAT_SAMPLES = 4
_NEAR_PEAK_DB = 0.5
_CLIPPED_PLACES = 10
_SILENT_CHANNEL_DB = -50.0
_MONO_LOSS_DB = 6.0
_QUIET_LUFS = -60.0
_PAUSE_S = 5.0
_EDGE_S = 3.0
_SHORT_S = 3.0
_HUM_HZ = (50, 100)
_HUM_RATE_HZ = 1470
_HUM_WINDOW = np.hanning(_HUM_RATE_HZ)
_HUM_OVER_DB = 15.0
_HUM_DBFS = -60.0
_HUM_QUANTILE = 0.2  # what sounds in four fifths of the seconds, pauses between words among them
_HUM_SECONDS = 5
_SPARSE = 4  # every so manieth frame is enough for energies
_STEPS_PER_S = 10


class FaultFinder:
    """Looks at one recording while it is measured.

    Args:
        is_mono: It has one channel, which was spread over both at -3 dB.
    """

    def __init__(self, *, is_mono: bool) -> None:
        self._full_scale = _FULL_SCALE * (_MONO_SHARE if is_mono else 1.0)
        self._energy = np.zeros(3)  # left, right, left times right
        self._peak = 0.0
        self._clipped: list[float] = []
        self._clipped_count = 0
        self._lines: list[Numbers] = []
        self._floors: list[Numbers] = []
        self._seconds = 0
        self._frames = 0

    def feed(self, segment: AudioSegment) -> None:
        """Take in a segment of a second or less."""
        samples = view_samples(segment)
        if not len(samples):
            return
        sparse = samples[::_SPARSE].astype(np.float32) / np.float32(_FULL_SCALE)
        left, right = np.ascontiguousarray(sparse[:, 0]), np.ascontiguousarray(sparse[:, 1])
        self._energy += (left @ left, right @ right, left @ right)
        self._look_for_clipping(samples)
        if len(samples) == RATE_HZ and self._seconds % 2 == 0:
            self._look_for_hum(samples)
        self._seconds += 1
        self._frames += len(samples)

    def list_warnings(self, momentary_lufs: Numbers) -> tuple[SoundWarning, ...]:
        """Give the warnings of all that was fed.

        Args:
            momentary_lufs: The recording's momentary loudness at every 100 ms.
        """
        return tuple(self._find(momentary_lufs))

    def _find(self, momentary_lufs: Numbers) -> Iterator[SoundWarning]:
        duration_s = self._frames / RATE_HZ
        if duration_s < _SHORT_S:
            yield SoundWarning(SoundFault.SHORT, f"it is only {duration_s:.1f} s long")
        if self._clipped_count >= _CLIPPED_PLACES:
            at = ", ".join(name_time(at_s) for at_s in self._clipped)
            yield SoundWarning(
                SoundFault.CLIPPED, f"it was recorded too loud: clipped in about {self._clipped_count} places ({at} …)"
            )
        yield from self._judge_channels()
        yield from find_silence(momentary_lufs, duration_s)
        yield from self._judge_hum()

    def _judge_channels(self) -> Iterator[SoundWarning]:
        left, right, both = self._energy
        if not left + right:
            return
        if min(left, right) < max(left, right) * 10 ** (_SILENT_CHANNEL_DB / 10):
            side = "left" if left < right else "right"
            yield SoundWarning(SoundFault.SILENT_CHANNEL, f"the {side} channel is silent")
        elif (left + right + 2 * both) / (2 * (left + right)) < 10 ** (-_MONO_LOSS_DB / 10):
            yield SoundWarning(
                SoundFault.OUT_OF_PHASE, "left and right cancel each other: a mono loudspeaker will hardly sound"
            )

    def _judge_hum(self) -> Iterator[SoundWarning]:
        if len(self._lines) < _HUM_SECONDS:
            return
        lines, floors = (np.quantile(np.array(levels), _HUM_QUANTILE, axis=0) for levels in (self._lines, self._floors))
        for place, hertz in enumerate(_HUM_HZ):
            if lines[place] >= _HUM_DBFS and lines[place] - floors[place] >= _HUM_OVER_DB:
                level_db = -lines[place]
                told = f"it hums at {hertz} Hz all through, {level_db:.0f} dB below full scale"
                yield SoundWarning(SoundFault.HUM, told)
                return

    def _look_for_clipping(self, samples: npt.NDArray[np.int32]) -> None:
        """Count places that stand still at the peak, or pass full scale as only a clipped sound does after decoding."""
        peak = max(abs(int(samples.max())), abs(int(samples.min()))) / self._full_scale
        self._peak = max(self._peak, peak)
        if peak < self._peak * 10 ** (-_NEAR_PEAK_DB / 20) or peak < 10 ** (-12 / 20):
            return
        # Whole numbers beside whole numbers: for others numpy would carry them all over to double precision.
        levels = np.abs(samples)
        high = levels[1:] >= math.ceil(peak * 10 ** (-_NEAR_PEAK_DB / 20) * self._full_scale)
        still = high & (np.abs(np.diff(samples, axis=0)) <= math.floor(_FLAT * self._full_scale))
        run = still[: -(_FLAT_SAMPLES - 2)].copy()
        for n in range(1, _FLAT_SAMPLES - 1):
            run &= still[n : len(still) - (_FLAT_SAMPLES - 2) + n]
        count = _count_runs(run) + _count_runs(levels > math.floor(1.01 * self._full_scale))
        if count:
            self._clipped_count += count
            self._clipped.append(self._frames / RATE_HZ)
            del self._clipped[3:]

    def _look_for_hum(self, samples: npt.NDArray[np.int32]) -> None:
        pairs = samples.reshape(_HUM_RATE_HZ, -1).astype(np.float32)
        slow = (pairs @ np.ones(pairs.shape[1], dtype=np.float32)).astype(np.float64) / (pairs.shape[1] * _FULL_SCALE)
        spectrum = np.abs(np.fft.rfft(slow * _HUM_WINDOW)) * 2 / _HUM_WINDOW.sum()
        levels = 20 * np.log10(np.maximum(spectrum, 1e-9))
        self._lines.append(np.array([levels[hertz - 1 : hertz + 2].max() for hertz in _HUM_HZ]))
        near = [np.concatenate((levels[hertz - 10 : hertz - 4], levels[hertz + 5 : hertz + 11])) for hertz in _HUM_HZ]
        self._floors.append(np.array([np.median(found) for found in near]))


def _count_runs(marks: npt.NDArray[np.bool_]) -> int:
    """Count the runs of marks in each column of (frames, channels)."""
    return int((marks[1:] & ~marks[:-1]).sum() + marks[:1].sum())


def find_silence(momentary_lufs: Numbers, duration_s: float) -> Iterator[SoundWarning]:
    """Find long silence at the beginning, at the end and inside.

    >>> levels = np.array([-20.0] * 50 + [-90.0] * 100 + [-20.0] * 50)
    >>> [one.message for one in find_silence(levels, 20.3)]
    ['it is silent for 10 s inside, from 0:05']
    """
    is_quiet = np.concatenate(([False], momentary_lufs < _QUIET_LUFS, [False]))
    edges = np.flatnonzero(np.diff(is_quiet.astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        length_s = (end - first) / _STEPS_PER_S
        told = ""
        if first == 0:
            told = f"it begins with {length_s:.0f} s of silence" if length_s >= _EDGE_S else ""
        elif end == len(momentary_lufs):
            at = name_time(duration_s - length_s)
            told = f"it ends with {length_s:.0f} s of silence, from {at}" if length_s >= _EDGE_S else ""
        elif length_s >= _PAUSE_S:
            told = f"it is silent for {length_s:.0f} s inside, from {name_time(first / _STEPS_PER_S)}"
        if told:
            yield SoundWarning(SoundFault.SILENCE, told)


def name_time(at_s: float) -> str:
    """Write a place in a recording.

    >>> name_time(65.2), name_time(3700)
    ('1:05', '1:01:40')
    """
    minutes, seconds = divmod(int(at_s), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"

"""The room's currency of sound: pydub segments of some seconds, 32 bit, 44.1 kHz, stereo, kept under full scale.

Every segment lies `HEADROOM_DB` below what it stands for, so that recordings whose peaks pass full scale (MP3, AAC and
float files often do) reach the limiter whole instead of clipped. A peak more than 12 dB over full scale is clipped.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # pydub warns on import of an old module of the standard library and of a missing ffmpeg; it decodes nothing here
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

__all__ = [
    "CHANNELS",
    "FRAME_BYTES",
    "HEADROOM_DB",
    "RATE_HZ",
    "SAMPLE_BYTES",
    "SPREAD_DB",
    "AudioSegment",
    "Samples",
    "find_scale",
    "list_samples",
    "view_samples",
    "wrap_pcm",
]

RATE_HZ = 44_100
CHANNELS = 2
SAMPLE_BYTES = 4
FRAME_BYTES = CHANNELS * SAMPLE_BYTES
HEADROOM_DB = 12.0
SPREAD_DB = 3.01  # a single channel's loudness stays when it is heard from two, each so much lower
_FULL_SCALE = float(1 << 31)

Samples = npt.NDArray[np.float32]


def wrap_pcm(data: bytes) -> AudioSegment:
    """Make a segment of raw little-endian 32-bit stereo PCM; a frame cut at the end is left out."""
    whole = len(data) - len(data) % FRAME_BYTES
    return AudioSegment(data=data[:whole], sample_width=SAMPLE_BYTES, frame_rate=RATE_HZ, channels=CHANNELS)


def view_samples(segment: AudioSegment) -> npt.NDArray[np.int32]:
    """Give a segment's whole numbers shaped (frames, channels), without copying them."""
    return np.frombuffer(segment.raw_data, dtype="<i4").reshape(-1, CHANNELS)


def find_scale(gain_db: float = 0.0) -> float:
    """Give the factor that makes a segment's whole numbers samples (1.0 its full scale), turned up by `gain_db`."""
    return float(10 ** (gain_db / 20) / _FULL_SCALE)


def list_samples(segment: AudioSegment, gain_db: float = 0.0) -> Samples:
    """Give a segment's samples shaped (frames, channels), 1.0 being its full scale, turned up by `gain_db`."""
    return np.multiply(view_samples(segment), find_scale(gain_db), dtype=np.float32)

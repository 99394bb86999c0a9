"""LAME at constant bit rate, through ffmpeg, one stretch at a time."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from pathlib import Path

from broadcaster.core.errors import EncodeError
from broadcaster.core.programs import find_ffmpeg
from broadcaster.mastering.child import FfmpegChild
from broadcaster.mastering.sound import CHANNELS, FRAME_BYTES, RATE_HZ
from broadcaster.mastering.spool import Spool
from broadcaster.mastering.true_peak import Fine

# LAME turns the sound down at constant bit rates, by so much up to so many kbit/s; none above the last.
_LEVEL_LOSS_DB = ((160, 0.44), (224, 0.26))


def choose_level_loss_db(bitrate_kbps: int) -> float:
    """Give how many dB LAME takes off at a constant bit rate. Pure.

    >>> choose_level_loss_db(128), choose_level_loss_db(192), choose_level_loss_db(320)
    (0.44, 0.26, 0.0)
    """
    return next((loss_db for limit, loss_db in _LEVEL_LOSS_DB if bitrate_kbps <= limit), 0.0)


@functools.cache
def find_encoder() -> str:
    """Find the ffmpeg that encodes: that of the imageio-ffmpeg wheel, which is faster, else the system's.

    Raises:
        ToolMissingError: Neither is there.
    """
    try:
        program = Path(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return find_ffmpeg()
    return str(program) if program.is_file() else find_ffmpeg()


def encode_stretch(pieces: Iterable[Fine], bitrate_kbps: int) -> bytes:
    """Encode samples shaped (frames, 2) at 44.1 kHz into bare MP3 frames. The same sound gives the same bytes.

    Args:
        pieces: Full scale is 1.0. Some ten seconds in all, for the result is kept in memory.
        bitrate_kbps: Constant.

    Raises:
        EncodeError: ffmpeg failed or hung.
        ToolMissingError: No ffmpeg on this machine.
    """
    source = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", str(CHANNELS), "-i", "pipe:0"]
    return _encode(
        [*source, *_plan_output(bitrate_kbps)], (piece.astype("<f4", copy=False).tobytes() for piece in pieces)
    )


def encode_spooled(spool: Spool, start: int, end: int, gain_db: float, bitrate_kbps: int) -> bytes:
    """Encode the frames of a spool from `start` to `end`, turned up by `gain_db`; otherwise like `encode_stretch`.

    ffmpeg reads the spool itself, so that a linear gain costs no copy of the sound.
    """
    number = spool.fileno()
    inside = f"subfile,,start,{start * FRAME_BYTES},end,{end * FRAME_BYTES},,:/proc/self/fd/{number}"
    source = ["-f", "s32le", "-ar", str(RATE_HZ), "-ac", str(CHANNELS), "-i", inside]
    gain = ["-af", f"volume={gain_db:.9f}dB:precision=float"]
    return _encode([*source, *gain, *_plan_output(bitrate_kbps)], (), (number,))


def _plan_output(bitrate_kbps: int) -> list[str]:
    arguments = ["-map_metadata", "-1", "-c:a", "libmp3lame", "-b:a", f"{bitrate_kbps}k"]
    arguments += ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
    return [*arguments, "-id3v2_version", "0", "-write_id3v1", "0", "-write_xing", "0", "-f", "mp3", "pipe:1"]


def _encode(arguments: list[str], pieces: Iterable[bytes], handles: tuple[int, ...] = ()) -> bytes:
    quiet = ["-v", "level+error", "-threads", "1", "-filter_threads", "1"]
    try:
        with FfmpegChild([*quiet, *arguments], program=find_encoder(), handles=handles) as child:
            try:
                frames = child.convert_bytes(pieces)
                code = child.wait_end()
            except BrokenPipeError:
                frames, code = b"", child.wait_end() or 1
            complaint = child.find_complaint()
    except TimeoutError as error:
        raise EncodeError(f"the master cannot be encoded: {error}") from error
    if code or complaint:
        raise EncodeError(f"the master cannot be encoded: {complaint or f'ffmpeg ended with {code}'}")
    return frames

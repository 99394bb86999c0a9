"""LAME at constant bit rate, through ffmpeg, fed in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from broadcaster.core.errors import EncodeError
from broadcaster.mastering.child import FfmpegChild, name_input
from broadcaster.mastering.sound import CHANNELS, RATE_HZ, AudioSegment

# LAME turns the sound down at constant bit rates, by so much up to so many kbit/s; none above the last.
_LEVEL_LOSS_DB = ((160, 0.44), (224, 0.26))


def choose_level_loss_db(bitrate_kbps: int) -> float:
    """Give how many dB LAME takes off at a constant bit rate. Pure.

    >>> choose_level_loss_db(128), choose_level_loss_db(192), choose_level_loss_db(320)
    (0.44, 0.26, 0.0)
    """
    return next((loss_db for limit, loss_db in _LEVEL_LOSS_DB if bitrate_kbps <= limit), 0.0)


def write_mp3(path: Path, pieces: Iterable[AudioSegment], bitrate_kbps: int) -> None:
    """Encode segments, full scale being theirs, into an MP3 without tags. The same sound gives the same bytes.

    Args:
        path: Taken over whatever stands there.
        pieces: 44.1 kHz, stereo, 32 bit.
        bitrate_kbps: Constant.

    Raises:
        EncodeError: Disk full, or ffmpeg failed; what was written so far is left at `path` for the caller to remove.
        ToolMissingError: No ffmpeg on this machine.
    """
    arguments = ["-v", "level+error", "-f", "s32le", "-ar", str(RATE_HZ), "-ac", str(CHANNELS), "-i", "pipe:0"]
    arguments += ["-map_metadata", "-1", "-c:a", "libmp3lame", "-b:a", f"{bitrate_kbps}k"]
    arguments += ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
    arguments += ["-id3v2_version", "0", "-write_id3v1", "0", "-write_xing", "1", "-f", "mp3", "-y", name_input(path)]
    try:
        with FfmpegChild(arguments) as child:
            try:
                for piece in pieces:
                    child.write_bytes(piece.raw_data)
            except BrokenPipeError:
                code = child.wait_end() or 1
            else:
                code = child.wait_end()
            complaint = child.find_complaint()
    except TimeoutError as error:
        raise EncodeError(f"the master cannot be encoded: {error}") from error
    if code or complaint:
        raise EncodeError(f"the master cannot be encoded: {complaint or f'ffmpeg ended with {code}'}")

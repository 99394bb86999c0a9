"""A recording that is a finished master already is not encoded again: its audio frames pass bit for bit.

It must be an MP3 of the target's form in every frame (44.1 kHz, two channels, the target's constant bit rate), whole,
decodable without one complaint, and already within the target's loudness and ceiling. Tags around the frames go; a Xing
or Info header stays when it tells the right number of frames, for it tells players where the sound begins and ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from broadcaster.core.errors import EncodeError
from broadcaster.core.files import open_regular
from broadcaster.core.model import AS_IT_IS, LoudnessReading, MasteringTarget
from broadcaster.mastering.container import find_sound
from broadcaster.mastering.load import Source
from broadcaster.mastering.mpeg_frames import is_ending, match_announced_frames, match_frame
from broadcaster.mastering.proof import Proof
from broadcaster.mastering.setting import Attempt, Setting, is_hit
from broadcaster.mastering.sound import RATE_HZ

_READ_BYTES = 1 << 20
_LONGEST_FRAME_BYTES = 1441 + 4
_FRAME_SAMPLES = 1152
_WHOLE_S = 0.06  # two frames: the delays of encoder and decoder, cut off by a player or not


def write_as_it_is(source: Source, part: Path, before: LoudnessReading, target: MasteringTarget) -> Attempt | None:
    """Copy the frames of a recording that already is what the target asks for, and measure what was copied.

    Returns:
        The finished attempt; None when the recording must be encoded, whatever `part` holds then.

    Raises:
        ProgrammeFileError: The recording can no longer be read.
        OSError: Disk full.
    """
    is_alike = source.container.demuxer == "mp3" and source.profile == AS_IT_IS
    if not is_alike or not is_hit(before, target, target.tolerance_lu):
        return None
    with open_regular(source.path) as file, part.open("wb") as copy:
        if not _copy_frames(file, copy, target.bitrate_kbps):
            return None
    try:
        with Proof(target.ceiling_dbtp, round(before.duration_s * RATE_HZ)) as proof:
            with part.open("rb") as file:
                while data := file.read(_READ_BYTES):
                    proof.write(data)
            after, _ = proof.read()
    except EncodeError:  # damage that a decoder complains of: encoding anew mends it
        return None
    if not is_hit(after, target, target.tolerance_lu) or abs(after.duration_s - before.duration_s) > _WHOLE_S:
        return None
    return Attempt(Setting(0.0, None, is_kept=True), after, 0.0)


def _copy_frames(file: BinaryIO, copy: BinaryIO, bitrate_kbps: int) -> bool:
    start = find_sound(file)
    if start is None:
        return False
    file.seek(start)
    header = b""
    announced: int | None = None
    count = 0
    for frame in _read_frames(file):
        if frame is None:
            return False
        if not count and not header and (announced := match_announced_frames(frame)) is not None:
            header = frame
            copy.write(frame)
            continue
        found = match_frame(frame, 0)
        if found is None or found.is_mono or found.rate_hz != RATE_HZ or found.samples != _FRAME_SAMPLES:
            return False
        if found.bitrate_kbps != bitrate_kbps or found.layer != 3:
            return False
        copy.write(frame)
        count += 1
    return count > 0 and announced in (None, count)


def _read_frames(file: BinaryIO) -> Iterator[bytes | None]:
    """Give each frame; None where something else stands that is no tag at the end."""
    data, at = b"", 0
    while True:
        if len(data) - at < _LONGEST_FRAME_BYTES:
            data, at = data[at:] + file.read(_READ_BYTES), 0
        if at == len(data):
            return
        frame = match_frame(data, at)
        if frame is None or at + frame.size_bytes > len(data):
            if frame is not None or not is_ending(data[at:]):
                yield None
            return
        yield data[at : at + frame.size_bytes]
        at += frame.size_bytes

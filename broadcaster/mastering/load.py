"""Check a recording and decode it, whatever it is, in pieces of some seconds.

What is believed about a file's length is what was decoded. A length that the file itself announces only serves to
notice that it was cut off, and only where it can be trusted: an MP3 whose frames are all whole is taken as it is, be
its header right or wrong; of a file with moving pictures the length may be that of the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from broadcaster.core.errors import DecodeError, ProgrammeFileError, UnstableFileError
from broadcaster.core.files import open_regular
from broadcaster.core.model import AS_IT_IS, LoudspeakerProfile
from broadcaster.core.time import Clock
from broadcaster.mastering.child import FfmpegChild, name_input
from broadcaster.mastering.container import Container, read_container
from broadcaster.mastering.header import SAFE_INPUT, Track, read_header, require_track
from broadcaster.mastering.sound import FRAME_BYTES, HEADROOM_DB, RATE_HZ, AudioSegment, wrap_pcm

PIECE_S = 1
MAX_HOURS = 24
_YOUNG_S = 2.0
_LOOK_S = 1.0
_TRUSTED = frozenset({"flac", "mov", "matroska", "ogg", "aiff", "w64"})
_SHORT_S = 1.0
_SHORT_SHARE = 0.02
_CUT_WORDS = re.compile(r"partial file|File ended prematurely|Truncated|truncated")


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that was looked at and may be decoded.

    Attributes:
        path: Where it lies.
        container: What its bytes say it is.
        track: The audio track that is used.
        track_count: How many it has.
        announced_s: Length that can be trusted; None where none can.
        profile: What is done to the sound for the loudspeakers, as it is decoded.
    """

    path: Path
    container: Container
    track: Track
    track_count: int
    announced_s: float | None
    profile: LoudspeakerProfile = AS_IT_IS

    def name_choice(self) -> str:
        """Say which track was taken; "" where there was no choice."""
        if self.track_count == 1:
            return ""
        why = "marked as default in the file" if self.track.is_default else "the first"
        return f"sound track {self.track.place} of {self.track_count} was taken ({why})"


def has_settled(path: Path, clock: Clock) -> bool:
    """Tell whether nobody is writing to a file: last changed 2 s ago or more, or standing still for a second.

    A file with a time in the future is looked at twice as well.

    Raises:
        ProgrammeFileError: The file cannot be looked at.
    """
    try:
        first = path.stat()
        age_s = (clock.now_at() - datetime.fromtimestamp(first.st_mtime, UTC)).total_seconds()
        if age_s >= _YOUNG_S:
            return True
        clock.sleep_s(_LOOK_S)
        second = path.stat()
    except OSError as error:
        raise ProgrammeFileError(f"{path} cannot be read: {error.strerror}") from error
    return (first.st_size, first.st_mtime_ns, first.st_ino) == (second.st_size, second.st_mtime_ns, second.st_ino)


def check_source(
    path: Path, clock: Clock, profile: LoudspeakerProfile = AS_IT_IS, *, is_settled: bool = False
) -> Source:
    """Look at a recording without decoding it, and choose the track: the default one, else the first.

    With `is_settled` the caller knows that nobody is writing it any more.

    Raises:
        ProgrammeFileError: Not a regular file, empty, not a sound or film that this room knows, or without sound.
        UnstableFileError: Somebody is still writing it.
        DecodeError: Its form is known but ffmpeg cannot open it.
        ToolMissingError: No ffmpeg on this machine.
    """
    with open_regular(path) as file:
        if not (is_settled or has_settled(path, clock)):
            raise UnstableFileError(f"{path} is still growing or changing")
        if not file.read(1):
            raise ProgrammeFileError(f"{path} is empty (0 bytes)", hint="copy or export it again")
        container = read_container(file)
    if container is None:
        raise ProgrammeFileError(f"{path} is not a sound or video file, whatever its name says")
    header = read_header(path, container)
    track = require_track(path, header)
    announced_s = container.announced_s
    if container.demuxer in _TRUSTED and not header.has_pictures:
        announced_s = header.announced_s
    return Source(path, container, track, len(header.tracks), announced_s, profile)


def read_sound(source: Source) -> Generator[AudioSegment]:
    """Decode a recording's chosen track to stereo at 44.1 kHz, in segments of 1 s, HEADROOM_DB below their real level.

    One channel is spread over both at -3 dB, so that its loudness stays; surround is mixed down. Close the iterator to
    stop early: ffmpeg ends with it.

    Raises:
        DecodeError: ffmpeg could not decode it, hung over it, or the file was cut off; pieces given before stand.
        ToolMissingError: No ffmpeg on this machine.
    """
    chain = (
        f"aformat=sample_fmts=flt:sample_rates={RATE_HZ}:channel_layouts=stereo,volume=-{HEADROOM_DB}dB:precision=float"
    ) + _plan_profile(source.profile)
    arguments = ["-v", "level+error", *SAFE_INPUT, *source.container.options]
    arguments += ["-f", source.container.demuxer, "-i", name_input(source.path), "-map", f"0:{source.track.index}"]
    arguments += ["-vn", "-sn", "-dn", "-af", chain, "-c:a", "pcm_s32le", "-f", "s32le", "pipe:1"]
    frames = 0
    try:
        with FfmpegChild(arguments) as child:
            while data := child.read_bytes(PIECE_S * RATE_HZ * FRAME_BYTES):
                frames += len(data) // FRAME_BYTES
                if frames > MAX_HOURS * 3600 * RATE_HZ:
                    raise DecodeError(f"{source.path} is longer than {MAX_HOURS} hours")
                yield wrap_pcm(data)
            code, complaint, words = child.wait_end(), child.find_complaint(), child.read_words()
    except TimeoutError as error:
        raise DecodeError(f"{source.path} cannot be decoded: {error}") from error
    _require_whole(source, frames / RATE_HZ, complaint if code or not frames else "", words)


def _plan_profile(profile: LoudspeakerProfile) -> str:
    """Give the filters of a profile: two poles of high-pass (12 dB an octave), then both channels as their mean."""
    highpass = f",highpass=f={profile.highpass_hz}:poles=2" if profile.highpass_hz else ""
    mono = ",pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0+0.5*c1" if profile.is_mono else ""
    return highpass + mono


def _require_whole(source: Source, decoded_s: float, complaint: str, words: str) -> None:
    announced_s = source.announced_s or 0.0
    missing_s = announced_s - decoded_s
    if decoded_s and missing_s > max(_SHORT_S, _SHORT_SHARE * announced_s):
        raise DecodeError(f"{source.path} is cut off at {decoded_s:.1f} s of {announced_s:.1f} s")
    if decoded_s and _CUT_WORDS.search(words):
        raise DecodeError(f"{source.path} is cut off after {decoded_s:.1f} s")
    if complaint or not decoded_s:
        raise DecodeError(f"{source.path} cannot be decoded: {complaint or 'no sound came out of it'}")

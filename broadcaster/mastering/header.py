"""What ffmpeg tells of a file before decoding it: its tracks and the length it announces. There may be no ffprobe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import DecodeError, ProgrammeFileError
from broadcaster.mastering.child import FfmpegChild, name_input
from broadcaster.mastering.container import Container

_WORDS_BYTES = 32 << 20  # ffmpeg tells every tag before it tells the tracks
SAFE_INPUT = ("-protocol_whitelist", "file,pipe")
_DURATION = re.compile(r"^\s*Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_STREAM = re.compile(r"^\s*Stream #0:(\d+)\S*: (Audio|Video): (.*)$")


@dataclass(frozen=True, slots=True)
class Track:
    """One audio track: its number in the file, if it is marked as default, if it is one channel, place among audio."""

    index: int
    is_default: bool
    is_mono: bool = False
    place: int = 1


@dataclass(frozen=True, slots=True)
class Header:
    """Audio tracks in their order, whether there are moving pictures, and the announced length (s; None: none)."""

    tracks: tuple[Track, ...]
    has_pictures: bool
    announced_s: float | None


def match_header(words: str) -> Header:
    """Read what ffmpeg said with `-v level+info`. Tracks of a form that it does not know are left out. Pure."""
    tracks: list[Track] = []
    has_pictures = False
    announced_s: float | None = None
    for line in words.splitlines():
        text = line.partition("[info] ")[2]
        if (match := _DURATION.match(text)) and announced_s is None:
            announced_s = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        elif match := _STREAM.match(text):
            if match[2] == "Video":
                has_pictures = has_pictures or "(attached pic)" not in match[3]
            elif not match[3].startswith(("none", "unknown")):
                is_mono = re.search(r", (mono|1 channels),", match[3]) is not None
                tracks.append(Track(int(match[1]), "(default)" in match[3], is_mono, len(tracks) + 1))
    return Header(tuple(tracks), has_pictures, announced_s)


def choose_track(header: Header) -> Track | None:
    """Choose the default audio track, else the first; None when there is no sound. Pure."""
    return next((track for track in header.tracks if track.is_default), next(iter(header.tracks), None))


def read_header(path: Path, container: Container) -> Header:
    """Let ffmpeg open a file with the one demuxer that its content calls for.

    Raises:
        DecodeError: It cannot, or hangs over it.
        ToolMissingError: No ffmpeg on this machine.
    """
    arguments = ["-v", "level+info", *SAFE_INPUT, *container.options, "-f", container.demuxer, "-i", name_input(path)]
    try:
        with FfmpegChild(arguments) as child:
            child.wait_end()
            words, complaint = child.read_words(_WORDS_BYTES), child.find_complaint()
    except TimeoutError as error:
        raise DecodeError(f"{path} cannot be opened: {error}") from error
    if "[info] Input #0" not in words:
        raise DecodeError(f"{path} is damaged or cut off: {complaint or 'ffmpeg does not understand it'}")
    return match_header(words)


def require_track(path: Path, header: Header) -> Track:
    """Give the track to use.

    Raises:
        ProgrammeFileError: The file has no sound.
    """
    track = choose_track(header)
    if track is None:
        raise ProgrammeFileError(f"{path} has no sound", hint="choose a file with an audio track")
    return track

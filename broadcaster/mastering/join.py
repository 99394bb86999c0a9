"""Join MP3 streams of one sound that were encoded beside each other; the seam is as good as any frame. Pure.

Each stretch is encoded with some frames before it, in which the encoder comes to the state that it would have had, and
some frames behind it. At a frame that both have, the later stream takes over. A frame's bits may begin in the frames
before it (the bit reservoir): those bits are laid into the same places of the earlier stream, where the bits of its own
next frame stood. This fits at every frame where the earlier stream reaches back as far as the later one or farther.

Sources: ISO/IEC 11172-3 clause 2.4.1.7 and 2.4.2.7 (side information, main_data_begin).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from broadcaster.mastering.mpeg_frames import match_frame

_HEADER_BYTES = 4 + 32  # frame header and side information of a stereo frame
_SIDE_AT = 4
_BITS_BEFORE_GRANULES = 20
_GRANULE_BITS = 59
_WINDOW_BIT = 33  # in a granule: window_switching_flag, then block_type


@dataclass(frozen=True, slots=True)
class Stream:
    """Frames of one stretch: all their bytes, where each begins (and the end), and the first one's number."""

    data: bytes
    starts: tuple[int, ...]
    first: int

    @property
    def end(self) -> int:
        """The number of the frame behind the last one."""
        return self.first + len(self.starts) - 1

    def cut(self, start: int, end: int) -> bytes:
        """Give the bytes of the frames from `start` to `end`."""
        return self.data[self.starts[start - self.first] : self.starts[end - self.first]]


def match_stream(data: bytes, first: int) -> Stream:
    """Find the frames of a stream without anything else in it; what no whole frame begins is left out."""
    starts = [0]
    while (frame := match_frame(data, starts[-1])) is not None and starts[-1] + frame.size_bytes <= len(data):
        starts.append(starts[-1] + frame.size_bytes)
    return Stream(data[: starts[-1]], tuple(starts), first)


def choose_seam(earlier: Stream, later: Stream, start: int, end: int) -> int | None:
    """Choose the first frame from `start`, before `end`, at which the later stream can take over; None for none.

    The blocks of both streams must be of the same length there, so that their halves overlap as in one stream.
    """
    for number in range(start, min(end, earlier.end, later.end)):
        ours, theirs = _cut_side(earlier, number), _cut_side(later, number)
        if _read_reach(ours) < _read_reach(theirs):
            continue
        before = _list_windows(_cut_side(earlier, number - 1)), _list_windows(_cut_side(later, number - 1))
        if _list_windows(ours) == _list_windows(theirs) and before[0] == before[1]:
            return number
    return None


def join_at(earlier: Stream, later: Stream, start: int, seam: int) -> bytes:
    """Give the earlier stream's frames from `start` to the seam, ready to be followed by the later one's from there."""
    joined = bytearray(earlier.cut(start, seam))
    places = _list_main_data(earlier, start, seam)
    bits = later.data[: later.starts[seam - later.first]]
    sources = _list_main_data(later, later.first, seam)
    reach = _read_reach(_cut_side(later, seam))
    for place, source in zip(_walk_back(places), _walk_back(sources), strict=False):
        if not reach:
            break
        joined[place] = bits[source]
        reach -= 1
    return bytes(joined)


def _list_main_data(stream: Stream, start: int, end: int) -> list[tuple[int, int]]:
    base = stream.starts[start - stream.first]
    near = max(start, end - 8)  # a reach of 511 bytes goes back over fewer frames, silence at 32 kbit/s included
    places = stream.starts[near - stream.first : end - stream.first + 1]
    return [(a + _HEADER_BYTES - base, b - base) for a, b in pairwise(places)]


def _walk_back(areas: Sequence[tuple[int, int]]) -> list[int]:
    return [at for begin, end in reversed(areas) for at in range(end - 1, begin - 1, -1)]


def _cut_side(stream: Stream, number: int) -> int:
    at = stream.starts[number - stream.first] + _SIDE_AT
    return int.from_bytes(stream.data[at : at + 32], "big")


def _read_bits(side: int, at: int, count: int) -> int:
    return side >> (256 - at - count) & ((1 << count) - 1)


def _read_reach(side: int) -> int:
    return _read_bits(side, 0, 9)


def _list_windows(side: int) -> list[int]:
    places = (_BITS_BEFORE_GRANULES + n * _GRANULE_BITS + _WINDOW_BIT for n in range(4))
    return [_read_bits(side, at, 3) if _read_bits(side, at, 1) else 0 for at in places]

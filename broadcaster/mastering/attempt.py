"""One encoding of a whole programme: stretches encoded on all cores, joined, and measured while they are written.

The programme is cut at MPEG frames. What was encoded is kept on disk, so that the next attempt encodes only the
stretches whose setting differs. Exactly the joined bytes go through one decoder into the meter.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from broadcaster.core.errors import EncodeError
from broadcaster.core.model import LoudnessReading, MasteringTarget
from broadcaster.mastering.ahead import map_ahead
from broadcaster.mastering.encode import encode_spooled, encode_stretch
from broadcaster.mastering.info_header import FRAME_SAMPLES, count_frames, plan_info_header
from broadcaster.mastering.join import Stream, choose_seam, join_at, match_stream
from broadcaster.mastering.proof import Proof
from broadcaster.mastering.render import Renderer
from broadcaster.mastering.setting import Attempt, Setting
from broadcaster.mastering.sound import RATE_HZ
from broadcaster.mastering.spool import Spool

LEAD = 24  # frames in which an encoder that starts in mid-sound comes to itself
# Frames among which the seam is chosen; more where an encoder had spent its reservoir and must save it up first.
_OVERLAPS = (32, 192, 576)
_LOOK_AHEAD = 3  # frames that LAME looks ahead
_LINEAR_FRAMES = (1152, 3072)  # half a minute to eighty seconds: what is on its way lies in memory
_PARTS = 4
_LIMITED_FRAMES = 1152  # 30 s: of these some are encoded twice
_NEAR_S = 2  # a dip may change the sound so far from its second
_SLOT_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class _Kept:
    size_bytes: int
    reduction_db: float
    overlap: int


class Encoding:
    """Encodes one programme, at one setting after the other.

    Args:
        spool: The decoded programme.
        before: Its reading.
        target: Bit rate and ceiling.
        workers: As many encoders as they are.
        room: A file of the disk, to keep what was encoded.
        is_limited: Whether the limiter will work: shorter stretches then.
    """

    def __init__(
        self,
        spool: Spool,
        before: LoudnessReading,
        target: MasteringTarget,
        workers: Executor,
        room: IO[bytes],
        *,
        is_limited: bool,
    ) -> None:
        self._spool = spool
        self._before = before
        self._target = target
        self._workers = workers
        self._frames = count_frames(spool.frames)
        shortest, longest = _LINEAR_FRAMES
        length = _LIMITED_FRAMES if is_limited else min(longest, max(shortest, self._frames // _PARTS))
        self._bounds = _plan_bounds(self._frames, length)
        self._room = room
        self._kept: dict[int, _Kept] = {}
        self._setting: Setting | None = None

    def write(self, path: Path, setting: Setting, progress: Callable[[float], None]) -> Attempt:
        """Encode at a setting into a file without tags and measure what it holds. `progress` is told the seconds done.

        Raises:
            EncodeError: ffmpeg failed.
            OSError: Disk full.
        """
        renderer = Renderer(self._spool, self._before, setting)
        self._forget(setting)
        audio_bytes = 0
        with path.open("wb") as file, Proof(self._target.ceiling_dbtp, self._spool.frames) as proof:
            header = b""
            with contextlib.closing(self._join(renderer)) as parts:
                for part, frames in parts:
                    if not header:
                        header = self._plan_header(part, self._frames * len(part) // max(1, frames))
                        file.write(header)
                        proof.write(header)
                    file.write(part)
                    proof.write(part)
                    audio_bytes += len(part)
                    progress(frames * FRAME_SAMPLES / RATE_HZ)
            file.seek(0)
            file.write(self._plan_header(header, audio_bytes))
            after, over_dbtp = proof.read()
        self._setting = setting
        return Attempt(setting, after, max(kept.reduction_db for kept in self._kept.values()), over_dbtp)

    def _plan_header(self, first: bytes, audio_bytes: int) -> bytes:
        return plan_info_header(first[:4], self._target.bitrate_kbps, self._spool.frames, audio_bytes)

    def _forget(self, setting: Setting) -> None:
        old = self._setting
        if old is None or (old.gain_db, old.limit_dbtp) != (setting.gain_db, setting.limit_dbtp):
            self._kept.clear()
            return
        names = {*old.dips_dbtp, *setting.dips_dbtp}
        changed = [second for second in names if old.dips_dbtp.get(second) != setting.dips_dbtp.get(second)]
        for index in list(self._kept):
            start, end = self._list_samples(index, index, self._kept[index].overlap)
            if any(start / RATE_HZ - _NEAR_S <= second <= end / RATE_HZ + _NEAR_S for second in changed):
                del self._kept[index]

    def _list_samples(self, first: int, last: int, overlap: int) -> tuple[int, int]:
        begin, end = self._bounds[first], self._bounds[last + 1]
        behind = end + overlap + _LOOK_AHEAD if end < self._frames else end + _LOOK_AHEAD
        return max(0, begin - LEAD) * FRAME_SAMPLES, min(self._spool.frames, behind * FRAME_SAMPLES)

    def _join(self, renderer: Renderer) -> Generator[tuple[bytes, int]]:
        """Give the frames in order, joined, each part with the number of frames up to its end.

        Where no seam fits, the encoder of the earlier stretch goes on through the later one, and through twice as many
        the next time: at worst the programme is one piece.
        """
        at = first = last = 0
        indexes = range(len(self._bounds) - 1)

        def encode(index: int) -> Stream:
            return self._encode(index, index, renderer, _OVERLAPS[0])

        with contextlib.closing(map_ahead(self._workers, encode, indexes)) as streams:
            earlier = next(streams)
            for index, later in enumerate(streams, 1):
                if index <= last:
                    continue
                bound, seam = self._bounds[index], None
                for overlap in _OVERLAPS:
                    if overlap > _OVERLAPS[0]:
                        earlier = self._encode(first, last, renderer, overlap)
                    seam = choose_seam(earlier, later, bound, bound + overlap)
                    if seam is not None:
                        break
                if seam is None:
                    last = min(len(self._bounds) - 2, 2 * last - first + 1)
                    earlier = self._encode(first, last, renderer, _OVERLAPS[0])
                    continue
                yield join_at(earlier, later, at, seam), seam
                earlier, at, first, last = later, seam, index, index
            if earlier.end < self._frames:
                raise EncodeError(f"the encoder gave {earlier.end} frames of {self._frames}")
            yield earlier.cut(at, self._frames), self._frames

    def _encode(self, first: int, last: int, renderer: Renderer, overlap: int) -> Stream:
        """Encode the stretches from `first` to `last` in one; what a single one gave is kept."""
        kept = self._kept.get(first)
        if first == last and kept is not None and kept.overlap >= overlap:
            data = os.pread(self._room.fileno(), kept.size_bytes, first * _SLOT_BYTES)
            return match_stream(data, self._list_samples(first, last, kept.overlap)[0] // FRAME_SAMPLES)
        start, end = self._list_samples(first, last, overlap)
        own = renderer.copy()
        bitrate_kbps = self._target.bitrate_kbps
        if own.is_linear:
            data = encode_spooled(self._spool, start, end, own.lift_db, bitrate_kbps)
        else:
            data = encode_stretch(own.read(start, end), bitrate_kbps)
        if first == last:
            os.pwrite(self._room.fileno(), data, first * _SLOT_BYTES)
            self._kept[first] = _Kept(len(data), own.reduction_db, overlap)
        return match_stream(data, start // FRAME_SAMPLES)


def _plan_bounds(frames: int, length: int) -> list[int]:
    count = max(1, round(frames / length))
    return [frames * n // count for n in range(count)] + [frames]

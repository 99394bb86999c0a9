"""A recording's decoded sound on disk, so that it is decoded once and both cores can take any stretch of it.

The file has no name: whatever happens to us, nothing is left of it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

from broadcaster.mastering.sound import FRAME_BYTES, RATE_HZ, AudioSegment, wrap_pcm

_PIECE_FRAMES = RATE_HZ


class Spool:
    """Sound that is written once from the beginning to the end, and read in stretches, by several threads.

    Raises:
        OSError: From every method: disk full.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.frames = 0

    def fileno(self) -> int:
        """Give the number of the open file, for a child process that reads it."""
        return self._file.fileno()

    def append(self, segment: AudioSegment) -> None:
        """Write a segment behind the others."""
        left = memoryview(segment.raw_data)
        while left:
            left = left[self._file.write(left) :]
        self.frames += len(segment.raw_data) // FRAME_BYTES

    def read(self, start: int, end: int) -> Iterator[AudioSegment]:
        """Give the frames from `start` to `end`, or to the end of the sound, in segments of 1 s."""
        end = min(end, self.frames)
        while start < end:
            count = min(_PIECE_FRAMES, end - start)
            yield wrap_pcm(os.pread(self._file.fileno(), count * FRAME_BYTES, start * FRAME_BYTES))
            start += count


@contextlib.contextmanager
def open_spool(folder: Path) -> Generator[Spool]:
    """Keep a spool for as long as the block runs.

    Raises:
        OSError: Folder missing or not writable.
    """
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        yield Spool(file)

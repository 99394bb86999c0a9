"""Decode and measure an MP3 while it is being written: what the meter says is said of exactly these bytes."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Self

import numpy as np

from broadcaster.core.errors import EncodeError
from broadcaster.core.model import LoudnessReading
from broadcaster.mastering.child import FfmpegChild
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.sound import CHANNELS, RATE_HZ

_FRAME_BYTES = CHANNELS * 4
_PIECE_BYTES = RATE_HZ * _FRAME_BYTES


class Proof:
    """Listens to an MP3 of ours; a block in which it is written. Its decoder gets it through a pipe and a thread.

    Args:
        ceiling_dbtp: The true peak that must not be passed.
        frames: How many are meant to sound; what a decoder adds behind them is not measured.
    """

    def __init__(self, ceiling_dbtp: float, frames: int) -> None:
        self._left_bytes = frames * _FRAME_BYTES
        arguments = ["-v", "level+error", "-threads", "1", "-f", "mp3", "-i", "pipe:0"]
        arguments += ["-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
        self._meter = LoudnessMeter(RATE_HZ, CHANNELS, watch_dbtp=ceiling_dbtp)
        self._child = FfmpegChild(arguments, stall_s=600.0)
        self._thread = threading.Thread(target=self._listen, name="proof")

    def __enter__(self) -> Self:
        self._child.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._thread.join()
        self._child.__exit__(kind, error, trace)

    def write(self, data: bytes) -> None:
        """Take in what was written.

        Raises:
            EncodeError: The decoder does not take it.
        """
        try:
            self._child.write_bytes(data)
        except (BrokenPipeError, TimeoutError) as error:
            raise EncodeError(f"the master cannot be decoded: {self._child.find_complaint() or error}") from error

    def read(self) -> tuple[LoudnessReading, dict[int, float]]:
        """Give the reading of all that was written, and the seconds in which the ceiling was passed with their peaks.

        Raises:
            EncodeError: It could not be decoded without an error.
        """
        try:
            self._child.end_input()
            self._thread.join()
            code = self._child.wait_end()
        except TimeoutError as error:
            raise EncodeError(f"the master cannot be decoded: {error}") from error
        complaint = self._child.find_complaint()
        if code or complaint:
            raise EncodeError(f"the master cannot be decoded: {complaint or f'ffmpeg ended with {code}'}")
        return self._meter.read(), self._meter.list_over()

    def _listen(self) -> None:
        with contextlib.suppress(TimeoutError):  # `read` waits for its end, and says so
            while data := self._child.read_bytes(_PIECE_BYTES):
                whole = len(data) // _FRAME_BYTES * _FRAME_BYTES  # less only when it was killed
                sounding = data[: min(whole, self._left_bytes)]
                self._left_bytes -= len(sounding)
                self._meter.feed(np.frombuffer(sounding, dtype="<f4").reshape(-1, CHANNELS))

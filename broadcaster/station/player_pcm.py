"""The built-in player: ffmpeg decodes into a pipe, and a thread takes the sound out of it at the pace of real time.

It needs no sound device and gives the sound to nothing, or to a WAV file in which can be heard what sounded.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, BinaryIO

from broadcaster.core.errors import PlayerError, ToolMissingError, UnplayableError
from broadcaster.core.programs import find_ffmpeg
from broadcaster.station.player import PREPARE_S, Cue, ProgressWatch, SilenceWatch, choose_gain
from broadcaster.station.settings import NULL
from broadcaster.station.sound_file import FRAME_BYTES, RATE_HZ, close_sound_file, open_sound_file

CHUNK_FRAMES = RATE_HZ // 50
CHUNK_BYTES = CHUNK_FRAMES * FRAME_BYTES
CATCH_UP_S = 0.1
FULL_SCALE = 32768


class PcmPlayer:
    """Decodes with ffmpeg; every cue is a child process of its own, blocked on its full pipe until it starts."""

    cues_ahead = True

    def __init__(self, output: str) -> None:
        """Find ffmpeg.

        Args:
            output: "null", or the path of a `.wav` file, which is appended to.

        Raises:
            PlayerError: No ffmpeg on this machine.
        """
        try:
            self._ffmpeg = find_ffmpeg()
        except ToolMissingError as error:
            raise PlayerError(error.message, hint=error.hint) from error
        self.name = f"built-in player, {output} output"
        self._path = None if output == NULL else Path(output)
        self._cues: list[_PcmCue] = []

    def prepare(self, path: Path, offset_ms: int, volume: int) -> Cue:
        """Load a master and pause it. See `Player.prepare`."""
        command = [
            self._ffmpeg, "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", "mp3",
            "-ss", f"{offset_ms / 1000:.3f}", "-i", f"file:{path}", "-map", "0:a:0",
            "-af", f"volume={choose_gain(volume):.6f}",
            "-f", "s16le", "-ar", str(RATE_HZ), "-ac", "2", "pipe:1",
        ]  # fmt: skip
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
        except OSError as error:
            raise PlayerError(f"ffmpeg cannot be started: {error}") from error
        cue = _PcmCue(child, self._path, choose_gain(volume))
        if not cue.is_ready.wait(PREPARE_S) or cue.trouble:
            cue.stop()
            raise UnplayableError(f"ffmpeg cannot play {path.name}: {cue.trouble or 'no sound came out of it'}")
        self._cues = [*(one for one in self._cues if not one.is_over), cue]
        return cue

    def close(self) -> None:
        """Stop every cue."""
        for cue in self._cues:
            cue.stop()
        self._cues.clear()


class _PcmCue:
    def __init__(self, child: subprocess.Popen[bytes], path: Path | None, gain: float) -> None:
        self.is_ready = threading.Event()
        self.trouble = ""
        self.is_over = False
        self._child = child
        self._path = path
        self._go = threading.Event()
        self._is_stopped = False
        self._frames = 0
        self._watch: ProgressWatch | None = None
        self._silence = SilenceWatch()
        self._gain = gain
        self._peak = 0  # of what was given out since the last look, a sample's own size
        self._heard_ms: int | None = None
        self._thread = threading.Thread(target=self._run, name="pcm-cue", daemon=True)
        self._thread.start()

    def start(self) -> None:
        if self.trouble or self.is_over:
            raise PlayerError(self.trouble or "the cue is over")
        self._watch = ProgressWatch()
        self._go.set()

    def output_ms(self) -> int:
        return self._frames * 1000 // RATE_HZ if self._heard_ms is None else self._heard_ms

    def is_finished(self) -> bool:
        if self._watch is None:
            return False
        is_over = self.is_over
        if is_over and self.trouble:
            raise PlayerError(self.trouble)
        try:
            if not is_over:
                self._watch.watch(self.output_ms())
            self._watch_level(is_over=is_over)
        except PlayerError:
            self.stop()
            raise
        return is_over

    def _watch_level(self, *, is_over: bool) -> None:
        if not self._gain:
            return
        peak, self._peak = self._peak, 0
        peak_dbfs = 20 * math.log10(peak / FULL_SCALE / self._gain) if peak else -math.inf
        try:
            self._silence.watch(self.output_ms(), peak_dbfs, is_finished=is_over)
        except UnplayableError:
            self._heard_ms = self._silence.heard_ms
            raise

    def stop(self) -> None:
        self._is_stopped = True
        self._child.kill()
        self._go.set()
        self._thread.join()

    def _run(self) -> None:
        pipe = self._child.stdout
        if pipe is None:
            return
        file: BinaryIO | None = None
        try:
            chunk = _read_chunk(pipe)
            if not chunk:
                self.trouble = "no sound in it"
            self.is_ready.set()
            self._go.wait()
            if self._path is not None and not self._is_stopped and chunk:
                file = open_sound_file(self._path)
            self._play(pipe, chunk, file)
        except OSError as error:
            self.trouble = f"the sound cannot be written: {error}"
        finally:
            self.is_ready.set()
            if file is not None and self._path is not None:
                with contextlib.suppress(OSError):
                    close_sound_file(file, self._path)
            self._child.kill()
            self._child.wait()
            pipe.close()
            self.is_over = True

    def _play(self, pipe: IO[bytes], chunk: bytes, file: BinaryIO | None) -> None:
        """Give out chunk after chunk; each counts when its time has passed, so the count never runs ahead of sound."""
        due_s = time.monotonic()
        while chunk and not self._is_stopped:
            if file is not None:
                file.write(chunk)
            frames = len(chunk) // FRAME_BYTES
            due_s += frames / RATE_HZ
            late_s = time.monotonic() - due_s
            if late_s > CATCH_UP_S:
                due_s += late_s  # sound that was held up is not hurried afterwards
            elif late_s < 0:
                time.sleep(-late_s)
            self._frames += frames
            samples = memoryview(chunk).cast("h")
            highest, lowest = max(samples), min(samples)
            self._peak = max(self._peak, highest, -lowest)
            chunk = _read_chunk(pipe)


def _read_chunk(pipe: IO[bytes]) -> bytes:
    """Read one chunk; the last one may be shorter, and at the end none comes."""
    data = b""
    while len(data) < CHUNK_BYTES and (more := pipe.read(CHUNK_BYTES - len(data))):
        data += more
    return data[: len(data) - len(data) % FRAME_BYTES]

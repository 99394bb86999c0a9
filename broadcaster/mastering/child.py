"""ffmpeg as a child process that can neither hang us nor be left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from broadcaster.core.programs import find_ffmpeg

STALL_S = 60.0
_PIPE_BYTES = 1 << 19  # more than a second of sound, which is what is read at once
_TELL_BYTES = 64 * 1024
_LIMITS = (  # of one ffmpeg, whatever the file it reads makes it want: memory, seconds of computing, open files
    (resource.RLIMIT_AS, 2 << 30),
    (resource.RLIMIT_CPU, 3600),
    (resource.RLIMIT_NOFILE, 64),
    (resource.RLIMIT_CORE, 0),
)


class FfmpegChild:
    """One run of ffmpeg, killed when the block ends before it does.

    Args:
        arguments: Behind the program's name.
        program: Another ffmpeg than the one that `find_ffmpeg` finds.
        stall_s: How long it may take nothing from us and give nothing before it counts as hung.
        handles: Open files of ours that it may use too.

    Raises:
        ToolMissingError: No ffmpeg on this machine.
        TimeoutError: From any method: it hung. Leave the block and it is killed.
    """

    def __init__(
        self,
        arguments: Sequence[str | bytes],
        *,
        stall_s: float = STALL_S,
        program: str | None = None,
        handles: Sequence[int] = (),
    ) -> None:
        self._stall_s = stall_s
        program = program or find_ffmpeg()
        with contextlib.ExitStack() as stack:
            self._words = stack.enter_context(tempfile.TemporaryFile())  # no pipe: nobody has to empty it
            self._process = subprocess.Popen(
                [program, "-nostdin", "-hide_banner", "-nostats", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                bufsize=0,
                pass_fds=handles,
            )
            self.pid = self._process.pid
            for limit, value in _LIMITS:
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(self.pid, limit, (value, value))
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):  # a system may allow less; it is only slower then
                    fcntl.fcntl(cast("IO[bytes]", pipe), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()
        self._stack.close()

    def read_bytes(self, size: int) -> bytes:
        """Read exactly `size` bytes of its output; fewer only at the end."""
        pipe = self._process.stdout
        if pipe is None:
            return b""
        room = memoryview(bytearray(size))
        filled = 0
        while filled < size:
            self._await(pipe, select.POLLIN)
            count = os.readv(pipe.fileno(), [room[filled:]])
            if not count:
                break
            filled += count
        return bytes(room[:filled])

    def write_bytes(self, data: bytes) -> None:
        """Write all of `data` to its input.

        Raises:
            BrokenPipeError: It has ended.
        """
        pipe = self._process.stdin
        if pipe is None:
            return
        os.set_blocking(pipe.fileno(), False)
        left = memoryview(data)
        while left:
            self._await(pipe, select.POLLOUT)
            left = left[os.write(pipe.fileno(), left) :]

    def convert_bytes(self, pieces: Iterable[bytes]) -> bytes:
        """Write pieces to its input, close it, and give all of its output, which is kept in memory meanwhile.

        Raises:
            BrokenPipeError: It ended before it had taken everything.
        """
        source, sink = cast("IO[bytes]", self._process.stdout), cast("IO[bytes]", self._process.stdin)
        os.set_blocking(sink.fileno(), False)
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(sink, select.POLLOUT)
        output = bytearray()
        for piece in pieces:
            left = memoryview(piece)
            while left:
                events = poll.poll(self._stall_s * 1000)
                if not events:
                    raise TimeoutError(f"ffmpeg took nothing for {self._stall_s:g} s")
                for handle, _ in events:
                    if handle == source.fileno():
                        output += os.read(handle, _PIPE_BYTES)
                    else:
                        left = left[os.write(handle, left) :]
        sink.close()
        while data := self.read_bytes(_PIPE_BYTES):
            output += data
        return bytes(output)

    def kill(self) -> None:
        """End it at once: whoever reads its output comes to the end of it."""
        self._process.kill()

    def _await(self, pipe: IO[bytes], event: int) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        if not poll.poll(self._stall_s * 1000):
            raise TimeoutError(f"ffmpeg {'gave' if event == select.POLLIN else 'took'} nothing for {self._stall_s:g} s")

    def end_input(self) -> None:
        """Close its input: nothing more comes."""
        if self._process.stdin:
            self._process.stdin.close()

    def wait_end(self) -> int:
        """Close its input, wait for its end and give its exit code."""
        self.end_input()
        try:
            return self._process.wait(self._stall_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError("ffmpeg did not end") from error

    def read_words(self, limit_bytes: int = _TELL_BYTES) -> str:
        """Give the beginning of what it said on its error output."""
        return os.pread(self._words.fileno(), limit_bytes, 0).decode("utf-8", "replace")

    def find_complaint(self) -> str:
        """Give the first error it spoke of, without its own decorations; "" when it spoke of none."""
        for line in self.read_words().splitlines():
            _, mark, rest = line.partition("[error] ")
            if mark and rest.strip():
                return rest.strip()
        return ""


def name_input(path: Path) -> str:
    """Give the path as ffmpeg must be told it: no dash, colon, percent sign or quote in it means anything then."""
    return f"file:{path.absolute()}"

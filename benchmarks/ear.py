"""An ear at an mpv that somebody else drives: when its sound really began, by mpv's own count and the wall clock."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.004
SURE_S = 0.03  # paused at its beginning a file stands at 0: only what has moved tells when it began
FALL_S = 0.1
LEAST_S = 0.25  # between two files the count may stand anywhere for a moment


@dataclass(frozen=True)
class Heard:
    """How much of a file had been given out (s) at an instant (s since 1970), which is never too early."""

    at_s: float
    output_s: float


class Ear:
    """Asks one mpv by its second IPC socket. A new mpv at the same path is connected to anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self._rest = b""
        self._asked = 0

    def ask(self) -> Heard | None:
        """Ask how much was given out; None when no mpv is there or nothing plays."""
        try:
            if self._socket is None:
                self._socket, self._rest = socket.socket(socket.AF_UNIX), b""
                self._socket.settimeout(2)
                self._socket.connect(str(self.path))
            self._asked += 1
            command = {"command": ["get_property", "audio-pts"], "request_id": self._asked}
            self._socket.sendall(json.dumps(command).encode() + b"\n")
            while True:
                for line in self._read_lines():
                    said = json.loads(line)
                    if said.get("request_id") == self._asked and "event" not in said:
                        output_s = said.get("data")
                        return None if output_s is None else Heard(time.time(), float(output_s))
        except OSError:
            self.close()
            return None

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def listen(self, until_s: float) -> list[Heard]:
        """Ask again and again until an instant."""
        found: list[Heard] = []
        while time.time() < until_s:
            heard = self.ask()
            if heard is not None:
                found.append(heard)
            time.sleep(LOOK_S)
        return found

    def _read_lines(self) -> list[bytes]:
        if self._socket is None:
            raise OSError
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("mpv is gone")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


def find_starts(heard: Sequence[Heard]) -> list[float]:
    """Find when (s since 1970) each of the files that sounded began: where a new one does, the output falls back.

    An answer that comes late makes a start look later, never earlier, so the earliest of all is the nearest.
    """
    starts: list[float] = []
    lengths_s: list[float] = []
    before_s = float("inf")
    for one in heard:
        if one.output_s < before_s - FALL_S:
            starts.append(float("inf"))
            lengths_s.append(0.0)
        before_s = one.output_s
        lengths_s[-1] = max(lengths_s[-1], one.output_s)
        if one.output_s > SURE_S:
            starts[-1] = min(starts[-1], one.at_s - one.output_s)
    return [start for start, length_s in zip(starts, lengths_s, strict=True) if length_s > LEAST_S]

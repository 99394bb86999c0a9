"""A line between the centre and a station that can be made to fail: it freezes or pauses, every socket left open."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Line:
    """One relayed port.

    After `freeze_after_bytes` from the station nothing passes any more, in either direction, and nothing is closed.
    Before every `pause_every_bytes` to the station the line pauses for `pause_s`. What comes from the station is under
    way for `delay_s`; `turns` counts how often the centre sent after it had got something.
    """

    port: int
    freeze_after_bytes: int | None = None
    pause_every_bytes: int | None = None
    pause_s: float = 0.0
    delay_s: float = 0.0
    turns: int = 0
    has_answered: bool = False
    is_frozen: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)
    passed_bytes: int = 0


@contextlib.contextmanager
def open_line(
    target_port: int,
    *,
    freeze_after_bytes: int | None = None,
    pause_every_bytes: int | None = None,
    pause_s: float = 0.0,
    delay_s: float = 0.0,
) -> Iterator[Line]:
    """Relay a fresh loopback port to another one for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = Line(listening.getsockname()[1], freeze_after_bytes, pause_every_bytes, pause_s, delay_s)
        threads: list[threading.Thread] = []
        sockets: list[socket.socket] = []

        def accept() -> None:
            while not line.is_over.is_set():
                try:
                    centre, _ = listening.accept()
                except OSError:
                    return
                station = socket.create_connection(("127.0.0.1", target_port))
                sockets.extend((centre, station))
                for source, target, is_upward in ((centre, station, True), (station, centre, False)):
                    threads.append(threading.Thread(target=_pass, args=(line, source, target, is_upward)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield line
        finally:
            line.is_over.set()
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in sockets:
                one.close()


def _pass(line: Line, source: socket.socket, target: socket.socket, is_upward: bool) -> None:
    until_pause_bytes = line.pause_every_bytes
    while not line.is_over.is_set():
        try:
            data = source.recv(16384)
            if line.is_frozen.is_set():
                line.is_over.wait()
                return
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            if is_upward:
                line.turns += line.has_answered
                line.has_answered = False
            else:
                time.sleep(line.delay_s)
                line.has_answered = True
            if not is_upward:
                line.passed_bytes += len(data)
                if line.freeze_after_bytes is not None and line.passed_bytes > line.freeze_after_bytes:
                    line.is_frozen.set()
                    line.is_over.wait()
                    return
            elif until_pause_bytes is not None and line.pause_every_bytes is not None:
                until_pause_bytes -= len(data)
                if until_pause_bytes < 0:
                    until_pause_bytes = line.pause_every_bytes
                    time.sleep(line.pause_s)
            target.sendall(data)
        except OSError:
            return

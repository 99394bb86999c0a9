"""A running SFTP server of the demo, whichever it is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """An SFTP server on loopback that lets in one key and shows one folder.

    `host_key_line` is what a station's `host_key` has to be; `pid` is the process that listens; `stop` ends the server
    and every session of it, and may be called twice.
    """

    host: str
    port: int
    user: str
    host_key_line: str
    pid: int
    stop: Callable[[], None]


def choose_port() -> int:
    """Choose a loopback port that is free at this moment; another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])

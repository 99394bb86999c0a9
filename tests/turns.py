"""Round trips, counted where they arise: whoever waits for an answer after having asked has made one."""

from __future__ import annotations

from dataclasses import dataclass

from broadcaster.link.exchange import ByteStream
from broadcaster.link.session import StationSession
from broadcaster.link.sftp import SftpClient


@dataclass
class TurnCounter:
    """A session's stream of bytes, which counts how often somebody waits after having sent."""

    stream: ByteStream
    turns: int = 0
    _has_sent: bool = False

    def send(self, data: bytes) -> None:
        self._has_sent = True
        self.stream.send(data)

    def receive(self) -> bytes:
        self.turns += self._has_sent
        self._has_sent = False
        return self.stream.receive()

    def is_ready(self) -> bool:
        return self.stream.is_ready()


def count_turns(session: StationSession) -> TurnCounter:
    """Count a session's round trips from now on."""
    assert isinstance(session.sftp, SftpClient)
    counter = TurnCounter(session.sftp.stream)
    session.sftp.stream = counter
    return counter

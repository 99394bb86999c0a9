"""Requests and answers of SFTP version 3 over any stream of bytes: many under way at once, each answer looked at.

Sources: draft-ietf-secsh-filexfer-02, sections 3 and 4.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from broadcaster.core.errors import BrokenTransferError
from broadcaster.link.packets import PacketReader, check_status

MAX_REPLY_BYTES = 512 << 10
FLUSH_BYTES = 16 << 10
STATUS = 101
_INIT, _VERSION = 1, 2
_SPOKEN = 3  # the version of the protocol; whoever speaks a later one speaks this one too
T = TypeVar("T")


class ByteStream(Protocol):
    """What the protocol needs of the line. Breaks come out as BrokenTransferError."""

    def send(self, data: bytes) -> None:
        """Send all of the bytes."""
        ...

    def receive(self) -> bytes:
        """Wait for bytes; never empty."""
        ...

    def is_ready(self) -> bool:
        """Tell whether `receive` would return at once."""
        ...


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """A request that is under way. Several sent one behind the other cost one round trip together."""

    exchange: Exchange
    number: int
    expected: int
    read: Callable[[PacketReader], T]

    def take(self) -> T:
        """Wait for the answer, once.

        Raises:
            SftpStatusError: The server refuses.
            BrokenTransferError: The line broke, or the answer is none to this request.
        """
        got, reader = self.exchange.take(self.number)
        if got == STATUS:
            check_status(reader)
        if got != self.expected:
            raise BrokenTransferError(f"the station's SFTP server answered with {got} where {self.expected} was due")
        return self.read(reader)


class Exchange:
    """One SFTP session's requests and answers; the answers may be taken in any order.

    Small requests go out together, when the first of their answers is waited for; the first ones with the greeting that
    begins a session. `waiting_since_s` is the monotonic time since which an answer is due, None when none is.
    """

    def __init__(self, stream: ByteStream) -> None:
        self.waiting_since_s: float | None = None
        self.stream = stream
        self._outgoing: list[bytes] = [struct.pack(">IBI", 5, _INIT, _SPOKEN)]
        self._outgoing_bytes = 0
        self._buffer = bytearray()
        self._number = 0
        self._due: set[int] = set()
        self._unheard: set[int] = set()
        self._replies: dict[int, tuple[int, PacketReader]] = {}
        self._extensions: set[str] | None = None

    @property
    def extensions(self) -> set[str]:
        """What the server can do beyond the protocol. It tells when the session begins: the first time is a wait."""
        if self._extensions is None:
            self._extensions = self._read_version()
        return self._extensions

    def send(self, kind: int, body: bytes) -> int:
        """Send a request and return its number, by which `take` gives the answer."""
        number = self._number_next()
        if not self._due:
            self.waiting_since_s = time.monotonic()
        self._due.add(number)
        self._pack(kind, number, body)
        return number

    def send_unheard(self, kind: int, body: bytes) -> None:
        """Send a request whose answer changes nothing: it is dropped when it comes."""
        number = self._number_next()
        self._unheard.add(number)
        self._pack(kind, number, body)

    def take(self, number: int) -> tuple[int, PacketReader]:
        """Wait for the answer to a request: its kind and its fields."""
        if self._extensions is None:  # the greeting's answer is the first
            self._extensions = self._read_version()
        while number not in self._replies:
            kind, reader = self._read_packet()
            answered = reader.read_int()
            if answered in self._unheard:
                self._unheard.discard(answered)
                continue
            if answered not in self._due:
                raise BrokenTransferError("the station's SFTP server answered what was not asked")
            self._due.discard(answered)
            self._replies[answered] = (kind, reader)
        if not self._due:
            self.waiting_since_s = None
        return self._replies.pop(number)

    def flush(self) -> None:
        """Send what waits to go out with the next question."""
        if self._outgoing:
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            self._outgoing_bytes = 0
            self.stream.send(data)

    def _read_version(self) -> set[str]:
        kind, reader = self._read_packet()
        if kind != _VERSION or reader.read_int() < _SPOKEN:
            raise BrokenTransferError("the station's SFTP server does not speak SFTP as it is asked")
        found = set()
        while reader.has_more():
            found.add(reader.read_text())
            reader.read_bytes()
        return found

    def _number_next(self) -> int:
        self._number = (self._number + 1) & 0xFFFFFFFF
        return self._number

    def _pack(self, kind: int, number: int, body: bytes) -> None:
        self._outgoing += (struct.pack(">IBI", len(body) + 5, kind, number), body)
        self._outgoing_bytes += len(body)
        if self._outgoing_bytes >= FLUSH_BYTES:
            self.flush()

    def _read_packet(self) -> tuple[int, PacketReader]:
        self._fill(5)
        size, kind = struct.unpack_from(">IB", self._buffer)
        if not 1 <= size <= MAX_REPLY_BYTES:
            raise BrokenTransferError("the station's SFTP server sent garbage")
        self._fill(4 + size)
        body = bytes(self._buffer[5 : 4 + size])
        del self._buffer[: 4 + size]
        return kind, PacketReader(body)

    def _fill(self, size: int) -> None:
        if len(self._buffer) < size:
            self.flush()
        while len(self._buffer) < size:
            self._buffer += self.stream.receive()

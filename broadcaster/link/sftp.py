"""SFTP version 3 over any stream of bytes: requests in flight, and the status of every one of them looked at.

paramiko's own SFTP client drops the status of pipelined writes on some of its ways: a disk that was full for a moment
leaves a file of the right size with wrong content, reported as success. Here no reply is ever dropped.

Sources: draft-ietf-secsh-filexfer-02; PROTOCOL of OpenSSH, section 4 (posix-rename, statvfs, fsync).
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from broadcaster.core.errors import BrokenTransferError
from broadcaster.link.packets import (
    END_OF_FILE,
    NO_SUCH_FILE,
    PacketReader,
    RemoteFile,
    SftpStatusError,
    check_status,
    pack_bytes,
    pack_text,
)

BLOCK_BYTES = 32_640  # with its header just under the 32 KiB that one SSH packet of OpenSSH carries
WRITES_IN_FLIGHT = 32  # 1 MB; twice as much was measured no faster
READS_IN_FLIGHT = 16
SYNC_EXTRA_S = 60.0
MAX_REPLY_BYTES = 512 << 10

READ, WRITE, CREATE, TRUNCATE = 0x01, 0x02, 0x08, 0x10
POSIX_RENAME = "posix-rename@openssh.com"
STATVFS = "statvfs@openssh.com"
FSYNC = "fsync@openssh.com"

_INIT, _VERSION, _OPEN, _CLOSE, _READ, _WRITE, _FSTAT, _FSETSTAT = 1, 2, 3, 4, 5, 6, 8, 10
_OPENDIR, _READDIR, _REMOVE, _STAT, _RENAME, _EXTENDED = 11, 12, 13, 17, 18, 200
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 101, 102, 103, 104, 105, 201


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


class SftpClient:
    """One SFTP session.

    `waiting_since_s` is the monotonic time since which an answer is due, None when none is.
    """

    medium = "the station's disk"
    is_live = True
    folder_hint: str | None = None

    def __init__(self, stream: ByteStream) -> None:
        self.waiting_since_s: float | None = time.monotonic()
        self._stream = stream
        self._buffer = bytearray()
        self._number = 0
        self._due: set[int] = set()
        self._replies: dict[int, tuple[int, PacketReader]] = {}
        stream.send(struct.pack(">IBI", 5, _INIT, 3))
        kind, reader = self._read_packet()
        if kind != _VERSION:
            raise BrokenTransferError("the station's SFTP server does not speak SFTP")
        reader.read_int()
        self.extensions: set[str] = set()
        while reader.has_more():
            self.extensions.add(reader.read_text())
            reader.read_bytes()
        self.waiting_since_s = None

    def open(self, path: str, flags: int) -> bytes:
        """Open a file and return its handle; a new file gets mode 0644."""
        body = pack_text(path) + struct.pack(">III", flags, 0x04, 0o644)
        return self._ask(_OPEN, body, _HANDLE).read_bytes()

    def close(self, handle: bytes) -> None:
        """Close a handle."""
        self._ask(_CLOSE, pack_bytes(handle), _STATUS)

    def fetch_stat(self, path: str) -> RemoteFile:
        """Fetch size and time of a path."""
        return self._ask(_STAT, pack_text(path), _ATTRS).read_attributes(path)

    def fetch_handle_stat(self, handle: bytes) -> RemoteFile:
        """Fetch size and time of an open file."""
        return self._ask(_FSTAT, pack_bytes(handle), _ATTRS).read_attributes("")

    def truncate(self, handle: bytes, size_bytes: int) -> None:
        """Cut an open file to a size."""
        self._ask(_FSETSTAT, pack_bytes(handle) + struct.pack(">IQ", 0x01, size_bytes), _STATUS)

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._ask(_REMOVE, pack_text(path), _STATUS)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, in one step over an existing one where the server can; else the existing one goes first."""
        both = pack_text(old) + pack_text(new)
        if POSIX_RENAME in self.extensions:
            self._ask(_EXTENDED, pack_text(POSIX_RENAME) + both, _STATUS)
            return
        try:
            self.remove(new)
        except SftpStatusError as error:
            if error.code != NO_SUCH_FILE:
                raise
        self._ask(_RENAME, both, _STATUS)

    def sync(self, handle: bytes) -> None:
        """Have the server bring an open file to its disk; nothing where it cannot.

        A worn memory card may take its time over that: it gets SYNC_EXTRA_S more than other requests.
        """
        if FSYNC in self.extensions:
            self._ask(_EXTENDED, pack_text(FSYNC) + pack_bytes(handle), _STATUS, extra_s=SYNC_EXTRA_S)

    def fetch_free_bytes(self, path: str) -> int | None:
        """Fetch how many bytes the account may still write at a path; None where the server cannot tell."""
        if STATVFS not in self.extensions:
            return None
        reader = self._ask(_EXTENDED, pack_text(STATVFS) + pack_text(path), _EXTENDED_REPLY)
        _, fragment_bytes, _, _, available = (reader.read_long() for _ in range(5))
        return fragment_bytes * available

    def list_folder(self, path: str) -> list[RemoteFile]:
        """List a folder without `.` and `..`."""
        handle = self._ask(_OPENDIR, pack_text(path), _HANDLE).read_bytes()
        found: list[RemoteFile] = []
        try:
            while True:
                reader = self._ask(_READDIR, pack_bytes(handle), _NAME)
                for _ in range(reader.read_int()):
                    name = reader.read_text()
                    reader.read_bytes()
                    found.append(reader.read_attributes(name))
        except SftpStatusError as error:
            if error.code != END_OF_FILE:
                raise
        self.close(handle)
        return [file for file in found if file.name not in (".", "..")]

    def read_range(self, handle: bytes, start: int, end: int) -> bytes:
        """Read an open file from `start` up to `end`; shorter when the file ends before."""
        pieces: list[bytes] = []
        asked: deque[tuple[int, int, int]] = deque()
        at = start
        is_over = False
        while asked or (at < end and not is_over):
            while at < end and not is_over and len(asked) < READS_IN_FLIGHT:
                size = min(BLOCK_BYTES, end - at)
                asked.append((self._ask_read(handle, at, size), at, size))
                at += size
            number, offset, size = asked.popleft()
            kind, reader = self._take(number)
            if kind == _STATUS:
                check_status(reader, allow_eof=True)
                is_over = True
            if is_over:
                continue  # what was asked beyond the end still has to be taken off the line
            data = reader.read_bytes()
            pieces.append(data)
            if len(data) < size:  # a short read: the rest of the block, and all behind it, is asked again
                for late, _, _ in asked:
                    self._take(late)
                asked.clear()
                at = offset + len(data)
        return b"".join(pieces)

    def write_blocks(
        self, handle: bytes, offset: int, blocks: Iterable[bytes], on_written: Callable[[int], None]
    ) -> int:
        """Write blocks one behind the other, many in flight, and see every one confirmed.

        Args:
            handle: Of the open file.
            offset: Where the first block goes.
            blocks: None larger than BLOCK_BYTES.
            on_written: Told the bytes of each block as the server confirms it.

        Returns:
            Bytes written.

        Raises:
            SftpStatusError: A write was refused. All replies have been read; later blocks may have been written, so
                the file is good only up to the error's `offset`.
        """
        waiting: deque[tuple[int, int, int]] = deque()
        at = offset
        refused: SftpStatusError | None = None

        def settle_oldest() -> None:
            nonlocal refused
            number, begins, size = waiting.popleft()
            _, reader = self._take(number)
            try:
                check_status(reader, offset=begins)
                on_written(size)
            except SftpStatusError as error:
                refused = refused or error

        head = pack_bytes(handle)
        for block in blocks:
            number = self._send(_WRITE, b"".join((head, struct.pack(">QI", at, len(block)), block)))
            waiting.append((number, at, len(block)))
            at += len(block)
            while waiting and refused is None and (len(waiting) >= WRITES_IN_FLIGHT or self._stream.is_ready()):
                settle_oldest()
            if refused is not None:
                break
        while waiting:
            settle_oldest()
        if refused is not None:
            raise refused
        return at - offset

    def _ask_read(self, handle: bytes, offset: int, size: int) -> int:
        return self._send(_READ, pack_bytes(handle) + struct.pack(">QI", offset, size))

    def _ask(self, kind: int, body: bytes, expected: int, extra_s: float = 0.0) -> PacketReader:
        number = self._send(kind, body)
        if self.waiting_since_s is not None:
            self.waiting_since_s += extra_s
        got, reader = self._take(number)
        if got == _STATUS:
            check_status(reader)
        if got != expected:
            raise BrokenTransferError(f"the station's SFTP server answered with {got} where {expected} was due")
        return reader

    def _send(self, kind: int, body: bytes) -> int:
        self._number += 1
        if not self._due:
            self.waiting_since_s = time.monotonic()
        self._due.add(self._number)
        self._stream.send(b"".join((struct.pack(">IBI", len(body) + 5, kind, self._number), body)))
        return self._number

    def _take(self, number: int) -> tuple[int, PacketReader]:
        while number not in self._replies:
            kind, reader = self._read_packet()
            answered = reader.read_int()
            if answered not in self._due:
                raise BrokenTransferError("the station's SFTP server answered what was not asked")
            self._due.discard(answered)
            self._replies[answered] = (kind, reader)
        if not self._due:
            self.waiting_since_s = None
        return self._replies.pop(number)

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
        while len(self._buffer) < size:
            self._buffer += self._stream.receive()

"""SFTP version 3: what is asked of a station, and the status of every request that matters looked at.

paramiko's own SFTP client drops the status of pipelined writes on some of its ways: a disk that was full for a moment
leaves a file of the right size with wrong content, reported as success. Here none is dropped but that of a close. On a
far line round trips are what costs: what begins with `ask_` only sends, so that several questions cost one.

Sources: draft-ietf-secsh-filexfer-02; PROTOCOL of OpenSSH, section 4 (posix-rename, statvfs, fsync).
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from broadcaster.link.exchange import STATUS, Exchange, Pending
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
PIECES_IN_FLIGHT = 512
SYNC_EXTRA_S = 60.0

READ, WRITE, CREATE, TRUNCATE = 0x01, 0x02, 0x08, 0x10
POSIX_RENAME = "posix-rename@openssh.com"
STATVFS = "statvfs@openssh.com"
FSYNC = "fsync@openssh.com"

T = TypeVar("T")
_OPEN, _CLOSE, _READ, _WRITE, _FSTAT, _FSETSTAT = 3, 4, 5, 6, 8, 10
_OPENDIR, _READDIR, _REMOVE, _STAT, _RENAME, _EXTENDED = 11, 12, 13, 17, 18, 200
_HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 102, 103, 104, 105, 201


class SftpClient(Exchange):
    """One SFTP session."""

    medium = "the station's disk"
    is_live = True
    folder_hint: str | None = None

    def ask_open(self, path: str, flags: int) -> Pending[bytes]:
        """Open a file for its handle; a new file gets mode 0644."""
        body = pack_text(path) + struct.pack(">III", flags, 0x04, 0o644)
        return self._ask(_OPEN, body, _HANDLE, PacketReader.read_bytes)

    def close(self, handle: bytes) -> None:
        """Close a handle, without waiting: what was written was synchronised before."""
        self.send_unheard(_CLOSE, pack_bytes(handle))

    def ask_close(self, handle: bytes) -> Pending[None]:
        """Close a handle."""
        return self._ask_done(_CLOSE, pack_bytes(handle))

    def ask_stat(self, path: str) -> Pending[RemoteFile]:
        """Ask for size and time of a path."""
        return self._ask(_STAT, pack_text(path), _ATTRS, lambda reader: reader.read_attributes(path))

    def ask_handle_stat(self, handle: bytes) -> Pending[RemoteFile]:
        """Ask for size and time of an open file."""
        return self._ask(_FSTAT, pack_bytes(handle), _ATTRS, lambda reader: reader.read_attributes(""))

    def ask_data(self, handle: bytes, offset: int, size: int) -> Pending[bytes]:
        """Ask for bytes of an open file; at or behind its end the status is END_OF_FILE."""
        return Pending(self, self._ask_read(handle, offset, size), _DATA, PacketReader.read_bytes)

    def truncate(self, handle: bytes, size_bytes: int) -> None:
        """Cut an open file to a size."""
        self._ask_done(_FSETSTAT, pack_bytes(handle) + struct.pack(">IQ", 0x01, size_bytes)).take()

    def ask_remove(self, path: str) -> Pending[None]:
        """Remove a file."""
        return self._ask_done(_REMOVE, pack_text(path))

    def forget(self, path: str) -> None:
        """Remove a file, without waiting and whether it is there or not."""
        self.send_unheard(_REMOVE, pack_text(path))
        self.flush()

    def rename(self, old: str, new: str) -> None:
        """Rename a file, in one step over an existing one where the server can; else the existing one goes first."""
        both = pack_text(old) + pack_text(new)
        if POSIX_RENAME in self.extensions:
            self._ask_done(_EXTENDED, pack_text(POSIX_RENAME) + both).take()
            return
        try:
            self.ask_remove(new).take()
        except SftpStatusError as error:
            if error.code != NO_SUCH_FILE:
                raise
        self._ask_done(_RENAME, both).take()

    def ask_free_bytes(self, path: str) -> Pending[int]:
        """Ask how many bytes the account may still write at a path; a server that cannot tell refuses."""

        def read(reader: PacketReader) -> int:
            _, fragment_bytes, _, _, available = (reader.read_long() for _ in range(5))
            return fragment_bytes * available

        return self._ask(_EXTENDED, pack_text(STATVFS) + pack_text(path), _EXTENDED_REPLY, read)

    def list_folder(self, path: str) -> list[RemoteFile]:
        """List a folder without `.` and `..`."""
        handle = self._ask(_OPENDIR, pack_text(path), _HANDLE, PacketReader.read_bytes).take()
        found: list[RemoteFile] = []
        asked: list[Pending[list[RemoteFile]]] = []
        try:
            while True:
                asked = asked or [self._ask_names(handle) for _ in range(2)]  # mostly all, and the word that it is all
                found += asked.pop(0).take()
        except SftpStatusError as error:
            if error.code != END_OF_FILE:
                raise
        for late in asked:
            self.take(late.number)
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
            data = self._take_data(number)
            is_over = is_over or not data
            if is_over:
                continue  # what was asked beyond the end still has to be taken off the line
            pieces.append(data)
            if len(data) < size:  # a short read: the rest of the block, and all behind it, is asked again
                for late, _, _ in asked:
                    self.take(late)
                asked.clear()
                at = offset + len(data)
        return b"".join(pieces)

    def read_pieces(self, pieces: Sequence[tuple[bytes, int, int]]) -> list[bytes]:
        """Read small pieces of open files, each by handle, offset and size; what is behind an end reads as nothing."""
        asked: deque[int] = deque()
        found: list[bytes] = []
        for handle, offset, size in pieces:
            if len(asked) >= PIECES_IN_FLIGHT:
                found.append(self._take_data(asked.popleft()))
            asked.append(self._ask_read(handle, offset, size))
        found += [self._take_data(number) for number in asked]
        return found

    def write_blocks(
        self, handle: bytes, offset: int, blocks: Iterable[bytes], on_written: Callable[[int], None]
    ) -> int:
        """Write blocks one behind the other, many in flight, see every one confirmed, and all brought to the disk.

        A worn memory card may take its time over the last: it gets SYNC_EXTRA_S more than other requests.

        Args:
            handle: Of the open file.
            offset: Where the first block goes.
            blocks: None larger than BLOCK_BYTES.
            on_written: Told the bytes of each block as the server confirms it.

        Returns:
            The size of the file after that.

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
            _, reader = self.take(number)
            try:
                check_status(reader, offset=begins)
                on_written(size)
            except SftpStatusError as error:
                refused = refused or error

        head = pack_bytes(handle)
        for block in blocks:
            number = self.send(_WRITE, b"".join((head, struct.pack(">QI", at, len(block)), block)))
            waiting.append((number, at, len(block)))
            at += len(block)
            while waiting and refused is None and (len(waiting) >= WRITES_IN_FLIGHT or self.stream.is_ready()):
                settle_oldest()
            if refused is not None:
                break
        synced = self._ask_done(_EXTENDED, pack_text(FSYNC) + head) if FSYNC in self.extensions else None
        size = self.ask_handle_stat(handle)
        while waiting:
            settle_oldest()
        if synced is not None:
            self.waiting_since_s = time.monotonic() + SYNC_EXTRA_S
            try:
                synced.take()
            except SftpStatusError as error:  # of offset 0: nothing is known of what reached the disk
                refused = refused or error
        size_bytes = size.take().size_bytes
        if refused is not None:
            raise refused
        return size_bytes

    def _take_data(self, number: int) -> bytes:
        kind, reader = self.take(number)
        if kind == STATUS:
            check_status(reader, allow_eof=True)
            return b""
        return reader.read_bytes()

    def _ask_read(self, handle: bytes, offset: int, size: int) -> int:
        return self.send(_READ, pack_bytes(handle) + struct.pack(">QI", offset, size))

    def _ask_names(self, handle: bytes) -> Pending[list[RemoteFile]]:
        return self._ask(_READDIR, pack_bytes(handle), _NAME, _read_names)

    def _ask_done(self, kind: int, body: bytes) -> Pending[None]:
        return self._ask(kind, body, STATUS, lambda _: None)

    def _ask(self, kind: int, body: bytes, expected: int, read: Callable[[PacketReader], T]) -> Pending[T]:
        return Pending(self, self.send(kind, body), expected, read)


def _read_names(reader: PacketReader) -> list[RemoteFile]:
    found = []
    for _ in range(reader.read_int()):
        name = reader.read_text()
        reader.read_bytes()
        found.append(reader.read_attributes(name))
    return found

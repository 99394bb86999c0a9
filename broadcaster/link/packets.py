"""The packing of SFTP packets: numbers, texts, attributes and statuses.

Sources: draft-ietf-secsh-filexfer-02, sections 5 and 7; RFC 4251 section 5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from broadcaster.core.errors import BrokenTransferError

NO_SUCH_FILE = 2
PERMISSION_DENIED = 3
NO_SPACE = (14, 15)  # of later protocol versions, but servers send them
END_OF_FILE = 1
_OK = 0


class SftpStatusError(Exception):
    """The server's refusal of one request. It stays inside `link`.

    `offset` is where the first refused block of a write stood.
    """

    def __init__(self, code: int, text: str, offset: int = 0) -> None:
        super().__init__(f"{text or 'failure'} (status {code})")
        self.code = code
        self.offset = offset


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One entry of a station's folder. `modified_s` is in whole seconds since 1970 on the station's clock."""

    name: str
    size_bytes: int
    modified_s: int


class PacketReader:
    """Reads the fields of one reply, one after the other; an answer that is cut off is a broken transfer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def has_more(self) -> bool:
        """Tell whether anything is left."""
        return self._at < len(self._body)

    def read_int(self) -> int:
        """Read a number of 32 bits."""
        return int.from_bytes(self._read(4), "big")

    def read_long(self) -> int:
        """Read a number of 64 bits."""
        return int.from_bytes(self._read(8), "big")

    def read_bytes(self) -> bytes:
        """Read a string of bytes."""
        return self._read(self.read_int())

    def read_text(self) -> str:
        """Read a text."""
        return self.read_bytes().decode("utf-8", "surrogateescape")

    def read_attributes(self, name: str) -> RemoteFile:
        """Read a file's attributes; those that the server left out are 0."""
        flags = self.read_int()
        size_bytes = self.read_long() if flags & 0x01 else 0
        if flags & 0x02:
            self._read(8)
        if flags & 0x04:
            self._read(4)
        _, modified_s = (self.read_int(), self.read_int()) if flags & 0x08 else (0, 0)
        if flags & 0x80000000:
            for _ in range(self.read_int()):
                self.read_bytes()
                self.read_bytes()
        return RemoteFile(name, size_bytes, modified_s)

    def _read(self, size: int) -> bytes:
        piece = self._body[self._at : self._at + size]
        if len(piece) != size:
            raise BrokenTransferError("the station's SFTP server sent an answer that is cut off")
        self._at += size
        return piece


def check_status(reader: PacketReader, *, offset: int = 0, allow_eof: bool = False) -> None:
    """Read a status.

    Raises:
        SftpStatusError: Anything but success, and the end of the file unless that is allowed.
    """
    code = reader.read_int()
    text = reader.read_text() if reader.has_more() else ""
    if code != _OK and not (allow_eof and code == END_OF_FILE):
        raise SftpStatusError(code, text, offset)


def pack_bytes(data: bytes) -> bytes:
    """Write a string of bytes."""
    return struct.pack(">I", len(data)) + data


def pack_text(text: str) -> bytes:
    """Write a text."""
    return pack_bytes(text.encode("utf-8", "surrogateescape"))

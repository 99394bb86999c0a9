"""The boundary below a transfer: SFTP's operations on a station's folder, whatever carries them.

The line carries them to the station's SFTP server (`sftp.py`); where there is no line, a stick takes their effect there
(`stick.py`). Every refusal comes out as SftpStatusError, a break as BrokenTransferError. Paths are those of the
station's folder: `inbox/…` and `outbox/…`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from broadcaster.link.packets import RemoteFile


class SftpOperations(Protocol):
    """What a transfer needs.

    `medium` is what holds the files, in words. `is_live` tells whether the station itself answers: then a new file has
    its clock's time. `folder_hint` is what to do where a folder is not there or may not be written, None for the usual.
    """

    medium: str
    is_live: bool
    folder_hint: str | None

    def open(self, path: str, flags: int) -> bytes:
        """Open a file and return its handle; a new file gets mode 0644."""
        ...

    def close(self, handle: bytes) -> None:
        """Close a handle."""
        ...

    def fetch_stat(self, path: str) -> RemoteFile:
        """Fetch size and time of a path."""
        ...

    def fetch_handle_stat(self, handle: bytes) -> RemoteFile:
        """Fetch size and time of an open file."""
        ...

    def truncate(self, handle: bytes, size_bytes: int) -> None:
        """Cut an open file to a size."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file within its folder, over an existing one."""
        ...

    def sync(self, handle: bytes) -> None:
        """Have an open file brought to the disk."""
        ...

    def fetch_free_bytes(self, path: str) -> int | None:
        """Fetch how many bytes may still be written; None where that cannot be told."""
        ...

    def list_folder(self, path: str) -> list[RemoteFile]:
        """List a folder without `.` and `..`."""
        ...

    def read_range(self, handle: bytes, start: int, end: int) -> bytes:
        """Read an open file from `start` up to `end`; shorter when the file ends before."""
        ...

    def write_blocks(
        self, handle: bytes, offset: int, blocks: Iterable[bytes], on_written: Callable[[int], None]
    ) -> int:
        """Write blocks one behind the other and return the bytes; a refusal says at which offset."""
        ...

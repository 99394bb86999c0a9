"""The boundary below a transfer: SFTP's operations on a station's folder, whatever carries them.

The line carries them to the station's SFTP server (`sftp.py`); where there is no line, a stick takes their effect there
(`stick.py`). Every refusal comes out as SftpStatusError, a break as BrokenTransferError. Paths are those of the
station's folder: `inbox/…` and `outbox/…`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from broadcaster.link.packets import RemoteFile

T_co = TypeVar("T_co", covariant=True)


class Answer(Protocol[T_co]):
    """What was asked for, when it is taken; several questions may be asked before."""

    def take(self) -> T_co:
        """Wait for it, once; here a refusal comes out."""
        ...


class SftpOperations(Protocol):
    """What a transfer needs.

    `medium` is what holds the files, in words. `is_live` tells whether the station itself answers: then a new file has
    its clock's time. `folder_hint` is what to do where a folder is not there or may not be written, None for the usual.
    """

    medium: str
    is_live: bool
    folder_hint: str | None

    def ask_open(self, path: str, flags: int) -> Answer[bytes]:
        """Open a file for its handle; a new file gets mode 0644."""
        ...

    def close(self, handle: bytes) -> None:
        """Close a handle, without waiting."""
        ...

    def ask_close(self, handle: bytes) -> Answer[None]:
        """Close a handle."""
        ...

    def ask_stat(self, path: str) -> Answer[RemoteFile]:
        """Ask for size and time of a path."""
        ...

    def ask_handle_stat(self, handle: bytes) -> Answer[RemoteFile]:
        """Ask for size and time of an open file."""
        ...

    def truncate(self, handle: bytes, size_bytes: int) -> None:
        """Cut an open file to a size."""
        ...

    def ask_remove(self, path: str) -> Answer[None]:
        """Remove a file."""
        ...

    def forget(self, path: str) -> None:
        """Remove a file, without waiting and whether it is there or not."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file within its folder, over an existing one."""
        ...

    def ask_free_bytes(self, path: str) -> Answer[int]:
        """Ask how many bytes may still be written; refused where that cannot be told."""
        ...

    def list_folder(self, path: str) -> list[RemoteFile]:
        """List a folder without `.` and `..`."""
        ...

    def read_range(self, handle: bytes, start: int, end: int) -> bytes:
        """Read an open file from `start` up to `end`; shorter when the file ends before."""
        ...

    def read_pieces(self, pieces: Sequence[tuple[bytes, int, int]]) -> list[bytes]:
        """Read small pieces of open files, each by handle, offset and size; what is behind an end reads as nothing."""
        ...

    def write_blocks(
        self, handle: bytes, offset: int, blocks: Iterable[bytes], on_written: Callable[[int], None]
    ) -> int:
        """Write blocks one behind the other, have them brought to the disk, and return the size of the file then.

        A refusal says up to which offset the file is good.
        """
        ...

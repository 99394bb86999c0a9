"""A stick as the carrier: SFTP's operations on the folders of one station on it.

A master lies once on the stick, in a folder of its own, for every station that is to have it: asked for by its name in
any station's inbox, it is that one file. No symbolic link on the stick is ever followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from broadcaster.core.files import MASTER_SUFFIX
from broadcaster.core.ids import StationId, is_sha256
from broadcaster.link.operations import Answer
from broadcaster.link.packets import NO_SPACE, NO_SUCH_FILE, PERMISSION_DENIED, RemoteFile, SftpStatusError
from broadcaster.link.session import StationAddress, StationSession
from broadcaster.link.sftp import CREATE, READ, TRUNCATE, WRITE
from broadcaster.link.transfer import PART
from broadcaster.wire.stick import INBOX, MASTERS_FOLDER, name_station_folder

T = TypeVar("T")
FAILURE = 4
_CODES = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
    errno.EROFS: PERMISSION_DENIED,
    errno.ENOSPC: NO_SPACE[0],
    errno.EDQUOT: NO_SPACE[0],
}


@contextlib.contextmanager
def open_stick(root: Path, station: StationId) -> Iterator[StationSession]:
    """Open a station's folders on a stick as a session with the station, for as long as the block runs.

    Args:
        root: The stick's folder with everything of ours; it is held open, so that nothing is written to another place
            when the stick goes.
        station: Whose folders.

    Raises:
        OSError: The folder cannot be opened.
    """
    files = StickFiles(root, station)
    try:
        yield StationSession(StationAddress(station, "", 0, "", ""), files)  # no line: there is nothing to dial
    finally:
        files.end()


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What is done when it is taken."""

    work: Callable[[], T]

    def take(self) -> T:
        """Do it."""
        return self.work()


class StickFiles:
    """SFTP's operations on one station's folders of a stick."""

    medium = "the stick"
    is_live = False
    folder_hint: str | None = "is the stick plugged in, and is it writable? plug it in anew and run the command again"

    def __init__(self, root: Path, station: StationId) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._folder = name_station_folder(station)
        self._handles: set[int] = set()

    def end(self) -> None:
        """Close whatever is open."""
        for handle in (*self._handles, self._root):
            with contextlib.suppress(OSError):
                os.close(handle)
        self._handles.clear()

    def ask_open(self, path: str, flags: int) -> Answer[bytes]:
        """Open a regular file for its handle."""
        return Done(lambda: self._open(path, flags))

    def _open(self, path: str, flags: int) -> bytes:
        mode = {READ: os.O_RDONLY, WRITE: os.O_WRONLY}.get(flags & (READ | WRITE), os.O_RDWR)
        mode |= (os.O_CREAT if flags & CREATE else 0) | (os.O_TRUNC if flags & TRUNCATE else 0)
        with _explain(), self._enter(path) as (folder, name):
            handle = os.open(name, mode | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise SftpStatusError(FAILURE, f"{path} on the stick is not a regular file")
        self._handles.add(handle)
        return str(handle).encode()

    def close(self, handle: bytes) -> None:
        """Close a handle."""
        self._handles.discard(int(handle))
        with _explain():
            os.close(int(handle))

    def ask_close(self, handle: bytes) -> Answer[None]:
        """Close a handle."""
        return Done(lambda: self.close(handle))

    def ask_stat(self, path: str) -> Answer[RemoteFile]:
        """Ask for size and time of a path; a symbolic link's are its own."""
        return Done(lambda: self._fetch_stat(path))

    def _fetch_stat(self, path: str) -> RemoteFile:
        with _explain(), self._enter(path) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return RemoteFile(path, found.st_size, int(found.st_mtime))

    def ask_handle_stat(self, handle: bytes) -> Answer[RemoteFile]:
        """Ask for size and time of an open file."""
        return Done(lambda: self._fetch_handle_stat(handle))

    def _fetch_handle_stat(self, handle: bytes) -> RemoteFile:
        with _explain():
            found = os.fstat(int(handle))
        return RemoteFile("", found.st_size, int(found.st_mtime))

    def truncate(self, handle: bytes, size_bytes: int) -> None:
        """Cut an open file to a size."""
        with _explain():
            os.ftruncate(int(handle), size_bytes)

    def ask_remove(self, path: str) -> Answer[None]:
        """Remove a file."""
        return Done(lambda: self._remove(path))

    def _remove(self, path: str) -> None:
        with _explain(), self._enter(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def forget(self, path: str) -> None:
        """Remove a file, whether it is there or not."""
        with contextlib.suppress(SftpStatusError):
            self._remove(path)

    def rename(self, old: str, new: str) -> None:
        """Rename a file within its folder, over an existing one, and bring the folder to the stick."""
        with _explain(), self._enter(old) as (folder, name):
            os.rename(name, new.rpartition("/")[2], src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def ask_free_bytes(self, path: str) -> Answer[int]:
        """Ask how many bytes the stick may still take."""
        return Done(self._fetch_free_bytes)

    def _fetch_free_bytes(self) -> int:
        with _explain():
            found = os.fstatvfs(self._root)
        return found.f_frsize * found.f_bavail

    def list_folder(self, path: str) -> list[RemoteFile]:
        """List a folder."""
        with _explain(), self._enter(f"{path}/") as (folder, _):
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(folder)]
        return [RemoteFile(name, status.st_size, int(status.st_mtime)) for name, status in found]

    def read_range(self, handle: bytes, start: int, end: int) -> bytes:
        """Read an open file from `start` up to `end`; shorter when the file ends before."""
        pieces: list[bytes] = []
        with _explain():
            while start < end and (piece := os.pread(int(handle), end - start, start)):
                pieces.append(piece)
                start += len(piece)
        return b"".join(pieces)

    def read_pieces(self, pieces: Sequence[tuple[bytes, int, int]]) -> list[bytes]:
        """Read pieces of open files."""
        return [self.read_range(handle, offset, offset + size) for handle, offset, size in pieces]

    def write_blocks(
        self, handle: bytes, offset: int, blocks: Iterable[bytes], on_written: Callable[[int], None]
    ) -> int:
        """Write blocks one behind the other and bring them to the stick; the next time they are read from there.

        A refusal says where the file is good up to.
        """
        at = offset
        for block in blocks:
            done = 0
            while done < len(block):
                with _explain(at + done):
                    done += os.pwrite(int(handle), block[done:], at + done)
            at += len(block)
            on_written(len(block))
        with _explain():
            os.fsync(int(handle))
            os.posix_fadvise(int(handle), 0, 0, os.POSIX_FADV_DONTNEED)
        return self._fetch_handle_stat(handle).size_bytes

    @contextlib.contextmanager
    def _enter(self, path: str) -> Iterator[tuple[int, str]]:
        """Open the folder in which a path's last part lies, one step after the other."""
        place, _, name = path.rpartition("/")
        is_master = place == INBOX and is_sha256(name.removesuffix(PART).removesuffix(MASTER_SUFFIX))
        folder = os.dup(self._root)
        try:
            for step in (MASTERS_FOLDER,) if is_master else (self._folder, place):
                outer, folder = folder, os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(outer)
            yield folder, name
        finally:
            os.close(folder)


@contextlib.contextmanager
def _explain(offset: int = 0) -> Iterator[None]:
    """Turn the system's refusals into those of SFTP."""
    try:
        yield
    except OSError as error:
        raise SftpStatusError(_CODES.get(error.errno or 0, FAILURE), error.strerror or "failure", offset) from error

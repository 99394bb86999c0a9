"""Files that are whole or absent: temp name in the same folder, fsync, replace."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from broadcaster.core.errors import AlreadyRunningError, ProgrammeFileError
from broadcaster.core.ids import Sha256

MASTER_SUFFIX = ".mp3"
MAX_MASTER_BYTES = 1 << 30  # what a station takes; a stick's FAT32 holds files of up to 4 GiB
BLOCK_BYTES = 1 << 20


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that is either wholly there or as it was before.

    Raises:
        OSError: Disk full or not writable; the old file stands and no temporary file is left.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # gone already when the replace was done
    sync_folder(path.parent)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading and refuse everything else.

    A FIFO would hang every reader, a symlink could lead anywhere: neither is followed or waited for.

    Raises:
        ProgrammeFileError: Missing, a symlink, a folder, a device or a FIFO.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ProgrammeFileError(f"{path} is a symbolic link, not a file") from error
        raise ProgrammeFileError(f"{path} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ProgrammeFileError(f"{path} is not a regular file")
    return os.fdopen(handle, "rb")


def hash_file(path: Path, progress: Callable[[int], None] | None = None) -> Sha256:
    """Hash a regular file; `progress` is told the bytes of each block."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            if progress:
                progress(len(block))
    return Sha256(digest.hexdigest())


def name_master(sha256: str) -> str:
    """Name a master's file, at the centre, on the way and at the station."""
    return f"{sha256}{MASTER_SUFFIX}"


def hash_bytes(data: bytes) -> Sha256:
    """Hash bytes that are at hand."""
    return Sha256(hashlib.sha256(data).hexdigest())


@contextlib.contextmanager
def hold_lock(path: Path, who: str) -> Iterator[None]:
    """Hold a lock file for as long as the block runs; the kernel lets go of it when the process dies, however it dies.

    Raises:
        AlreadyRunningError: Another process holds it.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunningError(
                f"{who} is already running here ({path} is locked)",
                hint="stop the other one first, or leave it to do its work",
            ) from error
        yield

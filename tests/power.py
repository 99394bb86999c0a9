"""A power cut at a chosen operation on the file system: what was not fsynced may be lost, nothing runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

_WATCHED = {"os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir"}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR


class PowerCutError(BaseException):
    """The power went. No `except Exception` holds it up, as none would hold up the real one."""


class PowerSwitch:
    """Counts what is done to the files of a folder and cuts the power before the chosen operation.

    From then on every further operation fails, also that of a `finally`. What was written since a file's last fsync is
    cut off at a random place: a file that got its name before its bytes were safe shows itself as half a file.

    Args:
        folder: The box.
        seed: Of the random places.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = np.random.default_rng(seed)
        self.done = 0
        self.cut_at: int | None = None
        self.is_off = False
        self.is_watching = False
        self._safe_bytes: dict[int, int] = {}
        sys.addaudithook(self._audit)  # a hook cannot be taken away again: `is_watching` puts it to rest

    def watch(self, patch: pytest.MonkeyPatch, cut_at: int | None = None) -> None:
        """Begin to count; everything that lies there now is safe."""
        self.cut_at, self.is_watching = cut_at, True
        self._safe_bytes = {path.stat().st_ino: path.stat().st_size for path in self._list_files()}
        write, fsync = os.write, os.fsync

        def write_some(handle: int, data: bytes) -> int:
            self._count(lambda: write(handle, data[: int(self.chance.integers(len(data)))]))
            return write(handle, data)

        def make_safe(handle: int) -> None:
            self._count()
            fsync(handle)
            status = os.fstat(handle)
            self._safe_bytes[status.st_ino] = status.st_size

        patch.setattr(os, "write", write_some)
        patch.setattr(os, "fsync", make_safe)

    def trust(self, folder: Path) -> None:
        """Take what lies in a folder for safe: somebody else wrote it."""
        for path in folder.iterdir():
            self._safe_bytes[path.stat().st_ino] = path.stat().st_size

    def come_back(self) -> None:
        """Lose what was not safe, and switch the power on again."""
        self.is_watching = False
        for path in self._list_files():
            safe_bytes, size_bytes = self._safe_bytes.get(path.stat().st_ino, 0), path.stat().st_size
            if size_bytes > safe_bytes:
                os.truncate(path, int(self.chance.integers(safe_bytes, size_bytes)))
        self.is_off = False

    def _list_files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_watching:
            return
        is_write = event in _WATCHED
        if event == "open" and isinstance(arguments[2], int):
            is_write = bool(arguments[2] & _WRITE_FLAGS)
        if is_write and str(self.folder) in str(arguments[0]):
            self._count()
            for gone in arguments[:2] if event in ("os.rename", "os.remove") else ():
                self._forget(gone, is_kept=event == "os.rename" and gone is arguments[0])

    def _forget(self, name: object, *, is_kept: bool) -> None:
        """Forget what goes away: its number will be another file's."""
        if isinstance(name, str | os.PathLike) and not is_kept and os.path.lexists(name):
            self._safe_bytes.pop(os.lstat(name).st_ino, None)

    def _count(self, do_half: Callable[[], object] | None = None) -> None:
        if self.is_off:
            raise PowerCutError
        self.done += 1
        if self.cut_at is not None and self.done > self.cut_at:
            self.is_off = True
            if do_half is not None:
                do_half()
            raise PowerCutError

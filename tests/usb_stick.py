"""A stick for tests: a small disk of its own, mounted by loop, which can be pulled out in the middle of a write."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = (2).to_bytes(4, "little")


@dataclass(frozen=True)
class Stick:
    """A file with a file system in it, and where it is mounted."""

    image: Path
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "broadcaster"

    def place(self, station: str, name: str = "") -> Path:
        return self.root / f"station-{station}" / name

    def list_masters(self) -> list[str]:
        return sorted(path.name for path in (self.root / "masters").iterdir())

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.folder)], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    def pull_out(self) -> None:
        """Lose at once whatever has not been brought to it; everything that is asked of it from now on fails."""
        handle = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(handle, _EXT4_IOC_SHUTDOWN, _NO_LOG_FLUSH)
        os.close(handle)

    def plug_in(self) -> None:
        """Plug it in again after it was pulled out, as another computer would find it."""
        self.unmount()
        self.mount()


@contextmanager
def open_stick_image(place: Path, size_mb: int = 48) -> Iterator[Stick]:
    """Make a stick and mount it for as long as the block runs."""
    stick = Stick(place / "stick.img", place / "stick")
    stick.folder.mkdir(parents=True)
    with stick.image.open("wb") as file:
        file.truncate(size_mb << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^resize_inode", str(stick.image)], check=True)
    stick.mount()
    try:
        yield stick
    finally:
        stick.unmount()

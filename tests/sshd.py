"""Stations for tests: a folder with inbox/ and outbox/ behind a real sshd, or behind the embedded SFTP server."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.ids import StationId
from broadcaster.demo.openssh import list_children, start_sshd
from broadcaster.demo.server import RunningServer
from broadcaster.link.session import StationAddress
from broadcaster.wire.signature import write_key_pair

StartServer = Callable[[Path, Path, str], RunningServer]


@dataclass(frozen=True)
class Box:
    """A station's box: where it answers, the centre's key that it lets in, its folder on this disk."""

    address: StationAddress
    key: Path
    folder: Path
    state: Path
    server: RunningServer

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def pid(self) -> int:
        return self.server.pid

    def list_session_pids(self) -> list[int]:
        """The processes of the sessions that are open now (OpenSSH only)."""
        return list_children(self.server.pid)

    def list_inbox(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())


def make_bytes(size: int, seed: int) -> bytes:
    """Bytes that no compression and no mix-up hides; the same for the same seed."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


@contextlib.contextmanager
def open_box(
    place: Path, name: str = "an-nong", *, start: StartServer = start_sshd, folder: Path | None = None
) -> Iterator[Box]:
    """Run one station. Boxes opened in the same place share the centre's key; reopened ones keep their host key."""
    key = place / "centre_key"
    if not key.exists():
        place.mkdir(parents=True, exist_ok=True)
        write_key_pair(key, "centre")
    folder = folder or place / name / "files"
    for part in ("inbox", "outbox"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    state = place / name / "state"
    server = start(folder, state, key.with_name("centre_key.pub").read_text())
    address = StationAddress(StationId(name), server.host, server.port, server.user, server.host_key_line)
    try:
        yield Box(address, key, folder, state, server)
    finally:
        server.stop()

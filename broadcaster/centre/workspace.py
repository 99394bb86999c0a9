"""The workspace: a folder with audio/ and schedules/ in it; database, key and masters lie in its .broadcaster/."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from broadcaster.core.errors import CentreKeyError, WorkspaceError
from broadcaster.core.files import name_master, write_atomic
from broadcaster.core.ids import Sha256
from broadcaster.store.engine import Record, open_record
from broadcaster.wire.signature import write_key_pair

STATE = ".broadcaster"
ENVIRONMENT = "BROADCASTER_WORKSPACE"
LEFTOVER_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of one centre lies."""

    root: Path

    @property
    def audio(self) -> Path:
        """Give the folder into which the technician puts recordings."""
        return self.root / "audio"

    @property
    def schedules(self) -> Path:
        """Give the folder with the files that people edit."""
        return self.root / "schedules"

    @property
    def reports(self) -> Path:
        """Give the folder into which reports are written."""
        return self.root / "reports"

    @property
    def enrolment(self) -> Path:
        """Give the folder with what is carried to new boxes."""
        return self.root / "enrolment"

    @property
    def state(self) -> Path:
        """Give the folder with database, key and masters."""
        return self.root / STATE

    @property
    def masters(self) -> Path:
        """Give the folder of masters, each named by its SHA-256."""
        return self.state / "masters"

    def get_master(self, sha256: Sha256) -> Path:
        """Give where a master lies."""
        return self.masters / name_master(sha256)

    @property
    def key(self) -> Path:
        """Give the centre's private key: it logs in at the stations and signs day plans."""
        return self.state / "centre_ed25519"

    @property
    def tunnel_keys(self) -> Path:
        """Give the file with the keys of the stations that keep a tunnel, as the centre's sshd reads it."""
        return self.state / "tunnel_keys"

    @contextlib.contextmanager
    def open_record(self) -> Iterator[Record]:
        """Open the centre's record for as long as the block runs.

        Raises:
            RecordError: It cannot be opened.
        """
        self.prepare_state()
        record = open_record(self.state / "record.sqlite3")
        try:
            yield record
        finally:
            record.close()

    def prepare_state(self) -> None:
        """Make .broadcaster/ with the centre's key where they are not there yet.

        Raises:
            WorkspaceError: The folder cannot be written.
        """
        try:
            self.state.mkdir(mode=0o700, exist_ok=True)
            self.masters.mkdir(mode=0o755, exist_ok=True)
            if not self.key.exists():
                write_key_pair(self.key, "broadcaster-centre")
        except FileExistsError:
            return  # another command made it in the same moment
        except OSError as error:
            raise WorkspaceError(f"{self.state} cannot be written: {error.strerror}") from error

    def clear_leftovers(self, now_at: datetime) -> None:
        """Remove half-made masters of commands that were killed; one that is being made is younger than a day."""
        for path in self.masters.glob(".*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if now_at.timestamp() - path.stat().st_mtime > LEFTOVER_S:
                    path.unlink()

    def read_public_key(self) -> str:
        """Read the public half of the centre's key, one line as authorized_keys wants it.

        Raises:
            CentreKeyError: It is missing.
        """
        self.prepare_state()
        path = self.key.with_name(self.key.name + ".pub")
        try:
            return path.read_text().strip()
        except OSError as error:
            raise CentreKeyError(f"{path} cannot be read: {error.strerror}") from error


def find_workspace(named: Path | None) -> Workspace:
    """Find the workspace: the one named, else the one of BROADCASTER_WORKSPACE, else this folder or one above it.

    Raises:
        WorkspaceError: None of them is a workspace.
    """
    chosen = named or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is not None:
        if not is_workspace(chosen):
            raise WorkspaceError(f"{chosen} is not a workspace: it needs the folders audio/ and schedules/")
        return Workspace(chosen.resolve())
    here = Path.cwd()
    for folder in (here, *here.parents):
        if is_workspace(folder):
            return Workspace(folder)
    raise WorkspaceError(f"neither {here} nor a folder above it is a workspace")


def is_workspace(folder: Path) -> bool:
    """Tell whether a folder has audio/ and schedules/ in it."""
    return (folder / "audio").is_dir() and (folder / "schedules").is_dir()


def init_workspace(root: Path) -> tuple[Workspace, list[Path]]:
    """Make a workspace with commented example files; what is there already stays as it is.

    Returns:
        The workspace and the files that were made.

    Raises:
        WorkspaceError: The folder cannot be written.
    """
    workspace = Workspace(root.resolve())
    made: list[Path] = []
    try:
        for folder in (workspace.root, workspace.audio, workspace.schedules):
            folder.mkdir(parents=True, exist_ok=True)
        for source in sorted(resources.files("broadcaster.centre").joinpath("example").iterdir(), key=lambda f: f.name):
            target = workspace.schedules / source.name
            if not target.exists():
                write_atomic(target, source.read_bytes())
                made.append(target)
    except OSError as error:
        raise WorkspaceError(f"{root} cannot be made a workspace: {error.strerror}") from error
    workspace.prepare_state()
    return workspace, made

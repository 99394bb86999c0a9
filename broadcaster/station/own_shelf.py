"""What is the commune's own on the box: its items, and the pieces that sound when the centre's have not come."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import AlreadyRunningError, DocumentError, StationDiskError
from broadcaster.core.files import hold_lock, write_atomic
from broadcaster.core.ids import Sha256
from broadcaster.station.board import Substitute
from broadcaster.station.local_items import LocalItem, Piece, read_item, read_piece, write_item, write_piece
from broadcaster.wire.fields import FieldReader, read_object
from broadcaster.wire.journal import StandIn

FILE_NAME = "own.json"
FALLBACK_FILE = "fallback.json"
LOCK_FILE = "own.lock"
KIND = "broadcaster-own-items"
FALLBACK_KIND = "broadcaster-fallback"
FORMAT = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FallbackFile:
    """A file of the fallback folder as it was when it was taken in, and the piece made of it."""

    size_bytes: int
    changed_ns: int
    piece: Piece


class OwnShelf:
    """Items and fallback pieces, as two files in the library. Values are replaced, never changed: two threads read.

    `trouble` says what of it cannot be read; what was read before stays in use then.
    """

    def __init__(self, library: Path) -> None:
        self.library = library
        self.items: tuple[LocalItem, ...] = ()
        self.fallback: Mapping[str, FallbackFile] = {}
        self.trouble = ""
        self._seen: dict[str, tuple[int, int] | None] = {}

    def load(self) -> None:
        """Read what has changed on the disk since the last time; nothing there is nothing planned."""
        trouble = self._load_file(FILE_NAME) or self._load_file(FALLBACK_FILE)
        if trouble:
            self.trouble = trouble
            _log.error("%s", trouble)

    def list_substitutes(self) -> tuple[Substitute, ...]:
        """List the fallback pieces, by the names of their files."""
        pieces = [self.fallback[name].piece for name in sorted(self.fallback)]
        return tuple(Substitute(StandIn.FALLBACK, one.sha256, one.title, one.duration_ms) for one in pieces)

    def list_hashes(self) -> set[Sha256]:
        """List what must not be removed from the library to make room."""
        items = {piece.sha256 for item in self.items for piece in item.pieces}
        return items | {one.piece.sha256 for one in self.fallback.values()}

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold the items for a change by a person: what is on the disk is read before, one change at a time.

        Raises:
            AlreadyRunningError: Somebody else is changing them.
            StationDiskError: The library cannot be written, or what lies there cannot be read.
        """
        try:
            with hold_lock(self.library / LOCK_FILE, "a change of the commune's items"):
                self._seen.clear()
                trouble = self._load_file(FILE_NAME)
                if trouble:
                    raise StationDiskError(trouble, hint="set the file right or remove it; nothing was changed")
                yield
        except (AlreadyRunningError, StationDiskError):
            raise
        except OSError as error:
            raise StationDiskError(
                f"{self.library} cannot be written: {error.strerror}", hint="run the command as root"
            ) from error

    def write_items(self, items: tuple[LocalItem, ...]) -> None:
        """Write the items.

        Raises:
            OSError: The disk cannot be written; they are as before.
        """
        self._write(FILE_NAME, {"kind": KIND, "format": FORMAT, "items": [write_item(item) for item in items]})
        self.items = items

    def write_fallback(self, found: Mapping[str, FallbackFile]) -> None:
        """Write what the fallback folder holds.

        Raises:
            OSError: The disk cannot be written; it is as before.
        """
        files = [
            {"name": name, "size_bytes": one.size_bytes, "changed_ns": str(one.changed_ns)} | write_piece(one.piece)
            | {"piece_bytes": one.piece.size_bytes, "size_bytes": one.size_bytes}
            for name, one in found.items()
        ]  # fmt: skip
        self._write(FALLBACK_FILE, {"kind": FALLBACK_KIND, "format": FORMAT, "files": files})
        self.fallback = dict(found)

    def _write(self, name: str, fields: Mapping[str, object]) -> None:
        write_atomic(self.library / name, (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode())
        self._seen[name] = _look(self.library / name)

    def _load_file(self, name: str) -> str:
        """Read one of the files if it has changed.

        Returns:
            What is wrong with it; "" when nothing is.
        """
        path = self.library / name
        look = _look(path)
        if name in self._seen and self._seen[name] == look:
            return ""
        self._seen[name] = look
        try:
            data = path.read_bytes() if look is not None else None
            if name == FILE_NAME:
                self.items = () if data is None else _read_items(data)
            else:
                self.fallback = {} if data is None else _read_fallback(data)
        except DocumentError as error:
            return f"{path}: {error.message}"
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        self.trouble = ""
        return ""


def _look(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _read_items(data: bytes) -> tuple[LocalItem, ...]:
    reader = FieldReader(read_object(data, "list of local items"), "list of local items")
    reader.require(KIND, FORMAT)
    return tuple(read_item(entry) for entry in reader.read_list("items"))


def _read_fallback(data: bytes) -> dict[str, FallbackFile]:
    reader = FieldReader(read_object(data, "fallback list"), "fallback list")
    reader.require(FALLBACK_KIND, FORMAT)
    found: dict[str, FallbackFile] = {}
    for entry in reader.read_list("files"):
        if not isinstance(entry, dict):
            raise DocumentError("a file in the fallback list is not an object")
        one = FieldReader(entry, "fallback file")
        piece = read_piece(entry | {"size_bytes": one.read_int("piece_bytes", 1)})
        changed_ns = int(one.read_as("changed_ns", str, "a number"))
        found[one.read_text("name")] = FallbackFile(one.read_int("size_bytes"), changed_ns, piece)
    return found

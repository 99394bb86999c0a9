"""Take sound files of the commune's own into the library, as masters with the loudness of the centre's."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from broadcaster.core.errors import DecodeError, StationDiskError, ToolMissingError
from broadcaster.core.files import hash_bytes, write_atomic
from broadcaster.core.ids import compose
from broadcaster.core.programs import find_ffmpeg
from broadcaster.core.time import Clock
from broadcaster.station.library import Library
from broadcaster.station.local_items import MAX_PIECES, Piece
from broadcaster.station.own_shelf import FallbackFile

LOUDNESS = "loudnorm=I=-16:TP=-1.5:LRA=11"
LONGEST_S = 3 * 3600
AT_REST_S = 5.0
SHORTEST_MS = 500
LOOK_EVERY_S = 30.0
_log = logging.getLogger(__name__)


def take_in(library: Library, source: Path, reserve_bytes: int, title: str = "") -> Piece:
    """Make a master of a sound or video file and put it into the library; the same file twice is one master.

    Args:
        library: Where to.
        source: The file; it is only read.
        reserve_bytes: Of the disk that stay free.
        title: As the diary names it; the file's name when empty.

    Raises:
        ToolMissingError: No ffmpeg on this box.
        DecodeError: Not a sound file, damaged, or shorter than half a second.
        StationDiskError: No room, or not writable. Nothing of it is left.
    """
    with tempfile.TemporaryDirectory(prefix="broadcaster-") as folder:
        target = Path(folder) / "piece.mp3"
        duration_ms = _convert(source, target)
        try:
            data = target.read_bytes()
            if library.free_bytes() - len(data) < reserve_bytes:
                raise StationDiskError(f"there is no room for {source.name}: {len(data) // 10**6} MB are needed")
            sha256 = hash_bytes(data)
            path = library.master_path(sha256)
            if not path.exists():
                write_atomic(path, data)
        except OSError as error:
            raise StationDiskError(
                f"{library.folder} cannot be written: {error.strerror}", hint="run the command as root"
            ) from error
    return Piece(compose(title or source.stem), sha256, len(data), duration_ms)


def _convert(source: Path, target: Path) -> int:
    """Convert a file to MP3 and say how long it is (ms); quietly beside what plays."""
    nice = shutil.which("nice")
    command = [
        *([nice, "-n", "15"] if nice else []), find_ffmpeg(), "-nostdin", "-v", "error", "-protocol_whitelist",
        "file,pipe", "-i", f"file:{source.resolve()}", "-map", "0:a:0", "-t", str(LONGEST_S), "-af", LOUDNESS,
        "-ar", "48000", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k", "-map_metadata", "-1", "-bitexact",
        "-progress", "pipe:1", "-y", str(target),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LONGEST_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DecodeError(f"{source.name} could not be converted: {error}") from error
    lines = done.stdout.decode(errors="replace").splitlines()
    ends = [line.partition("=")[2] for line in lines if line.startswith("out_time_us=")]
    duration_ms = int(ends[-1]) // 1000 if ends and ends[-1].isdigit() else 0
    if done.returncode != 0 or duration_ms < SHORTEST_MS:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DecodeError(f"{source.name} cannot be read as sound: {said[-1] if said else 'no sound in it'}")
    return duration_ms


class FallbackTaker:
    """Keeps the library's fallback pieces as the commune's fallback folder is."""

    def __init__(self, folder: Path | None, library: Library, clock: Clock, reserve_bytes: int) -> None:
        self.folder = folder
        self.library = library
        self.clock = clock
        self.reserve_bytes = reserve_bytes
        self.trouble = ""
        self._refused: dict[str, tuple[int, int]] = {}

    def refresh(self) -> float:
        """Take in what is new or changed, let go what has gone; a file at a time, at most 50.

        A file that was written to in the last five seconds is left for the next time. One that is no sound is told and
        not tried again until it changes.

        Returns:
            How long to wait (s) before the next look.
        """
        shelf = self.library.own
        try:
            there = self._list_files()
            held = self.library.list_masters()  # a damaged one was removed: it is made anew
            kept = {
                name: one
                for name, one in shelf.fallback.items()
                if there.get(name) == _mark(one) and one.piece.sha256 in held
            }
            if kept.keys() != shelf.fallback.keys():
                shelf.write_fallback(kept)
            self._refused = {name: mark for name, mark in self._refused.items() if there.get(name) == mark}
            if not self._refused:
                self.trouble = ""
            for name, mark in there.items():
                if name not in kept and name not in self._refused:
                    self._take(name, mark, kept)
        except (OSError, ToolMissingError, StationDiskError) as error:
            self.trouble = f"the fallback folder cannot be taken in: {error}"
            _log.error("%s", self.trouble)
        return LOOK_EVERY_S

    def _take(self, name: str, mark: tuple[int, int], kept: dict[str, FallbackFile]) -> None:
        if self.folder is None:
            return
        try:
            piece = take_in(self.library, self.folder / name, self.reserve_bytes)
        except DecodeError as error:
            self._refused[name] = mark
            self.trouble = f"fallback folder: {error.message}"
            _log.warning("%s", self.trouble)
            return
        kept[name] = FallbackFile(mark[0], mark[1], piece)
        self.library.own.write_fallback(kept)
        _log.info("fallback piece taken in: %s, %.0f s", name, piece.duration_ms / 1000)

    def _list_files(self) -> Mapping[str, tuple[int, int]]:
        if self.folder is None or not self.folder.is_dir():
            return {}
        found: dict[str, tuple[int, int]] = {}
        for entry in sorted(os.scandir(self.folder), key=lambda one: one.name):
            status = entry.stat(follow_symlinks=False)
            is_at_rest = abs(self.clock.now_at().timestamp() - status.st_mtime) > AT_REST_S
            if stat.S_ISREG(status.st_mode) and not entry.name.startswith(".") and status.st_size and is_at_rest:
                found[entry.name] = (status.st_size, status.st_mtime_ns)
        return dict(list(found.items())[:MAX_PIECES])


def _mark(one: FallbackFile) -> tuple[int, int]:
    return one.size_bytes, one.changed_ns

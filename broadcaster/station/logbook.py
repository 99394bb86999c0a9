"""Chained logs on disk: each line one write and one fsync, a torn last line set aside, the chain taken up again."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from broadcaster.core.errors import DocumentError, StationDiskError
from broadcaster.core.files import sync_folder, write_atomic
from broadcaster.core.ids import LogId
from broadcaster.wire.chain import START, ChainPoint, hash_line, plan_line, read_line, split_lines

LOG_ID_FILE = "log-id"
TORN_FILE = "torn-lines"
_log = logging.getLogger(__name__)


def read_log_id(library: Path, has_begun: bool) -> LogId:
    """Read the id of this box's logs, or make one.

    Args:
        library: Where the id lies.
        has_begun: Whether a log of this box exists. An id whose logs are gone is given up: a new log begins at 1, it
            must not bear the name of another.

    Raises:
        StationDiskError: The new id cannot be written.
    """
    path = library / LOG_ID_FILE
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if has_begun and len(text) == 16:
        return LogId(text)
    made = LogId(secrets.token_hex(8))
    try:
        write_atomic(path, f"{made}\n".encode())
    except OSError as error:
        raise StationDiskError(f"{path} cannot be written: {error.strerror}") from error
    return made


class ChainedLog:
    """The writing end of one chain, which may run on over several files.

    Args:
        log: The id that every line bears.
        paths: The files that belong to the chain so far, in any order.
        aside: Where the bytes of torn lines are kept.

    Raises:
        StationDiskError: A file cannot be read or mended.
    """

    def __init__(self, log: LogId, paths: Iterable[Path], aside: Path) -> None:
        self.point = ChainPoint(log, 0, START)
        self.troubles: list[str] = []
        try:
            for path in sorted(paths):
                self._mend(path, aside)
                self._take_up(path)
        except OSError as error:
            raise StationDiskError(f"the log cannot be taken up: {error}") from error

    def append(self, path: Path, fields: dict[str, object]) -> None:
        """Append the next line to a file and bring it to the disk.

        Raises:
            StationDiskError: Disk full or not writable; nothing of the line is left, the chain stands as before.
        """
        raw = plan_line(self.point, fields)
        data = raw + b"\n"
        try:
            is_new = not path.exists()
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                size = os.fstat(handle).st_size
                try:
                    written = os.write(handle, data)
                    if written != len(data):
                        raise OSError(f"only {written} of {len(data)} bytes written")
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
            finally:
                os.close(handle)
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            raise StationDiskError(f"{path} cannot be written: {error}") from error
        self.point = ChainPoint(self.point.log, self.point.seq + 1, hash_line(raw))

    def _mend(self, path: Path, aside: Path) -> None:
        """Cut off a last line that lost its end to a power cut, after its bytes were put aside."""
        with path.open("r+b") as file:
            data = file.read()
            _, covered = split_lines(data)
            if covered == len(data):
                return
            torn = data[covered:]
            with aside.open("ab") as kept:
                kept.write(f"{path.name} at byte {covered}: ".encode() + torn + b"\n")
                kept.flush()
                os.fsync(kept.fileno())
            file.truncate(covered)
            os.fsync(file.fileno())
        self.troubles.append(f"{path.name}: a torn last line of {len(torn)} bytes was set aside")
        _log.warning("%s: a torn last line of %d bytes was set aside in %s", path.name, len(torn), aside)

    def _take_up(self, path: Path) -> None:
        """Move the chain's end forward to the last line of this file that belongs to the log."""
        lines, _ = split_lines(path.read_bytes())
        for back, raw in enumerate(reversed(lines)):
            try:
                line = read_line(raw)
            except DocumentError as error:
                self.troubles.append(f"{path.name}: a line cannot be read ({error.message})")
                continue
            if line.log == self.point.log and line.seq + back > self.point.seq:
                self.point = ChainPoint(line.log, line.seq + back, hash_line(lines[-1]))
            return

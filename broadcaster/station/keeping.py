"""Keep the diary within its size: what is older than five years goes, oldest first, and its chain still holds."""

from __future__ import annotations

import json
import logging
from datetime import date, timedelta
from pathlib import Path

from broadcaster.core.errors import DocumentError
from broadcaster.core.files import write_atomic
from broadcaster.core.ids import LogId
from broadcaster.core.time import Clock
from broadcaster.station.journal import PATTERN
from broadcaster.wire.chain import START, ChainPoint, match_chain, read_lines
from broadcaster.wire.fields import FieldReader, read_object
from broadcaster.wire.journal import journal_file_name

FILE_NAME = "journal-begins.json"
KEEP = timedelta(days=5 * 366)
LOOK_EVERY_S = 3600.0
_log = logging.getLogger(__name__)


def read_begins(library: Path) -> dict[LogId, ChainPoint]:
    """Read for each log up to where its lines were removed; empty when the diary is there from its first line on.

    Raises:
        DocumentError: The note is no such note.
    """
    path = library / FILE_NAME
    if not path.exists():
        return {}
    logs = read_object(path.read_bytes(), "note of where the diary begins")
    found: dict[LogId, ChainPoint] = {}
    for log, point in logs.items():
        if not isinstance(point, dict):
            raise DocumentError(f"{path} has no point for {log!r}")
        reader = FieldReader(point, "note of where the diary begins")
        found[LogId(log)] = ChainPoint(LogId(log), reader.read_int("seq"), reader.read_sha256("line_sha256"))
    return found


class JournalKeeper:
    """Removes the oldest days of the diary when it is larger than its limit, never one of the last five years.

    Args:
        outbox: Where the diary's files lie.
        library: Where the note lies that says from which line on the diary is there.
        clock: The time; days are counted from the newest file where that is older.
        limit_bytes: Of all files together.
    """

    def __init__(self, outbox: Path, library: Path, clock: Clock, limit_bytes: int) -> None:
        self.outbox = outbox
        self.library = library
        self.clock = clock
        self.limit_bytes = limit_bytes
        self.trouble = ""

    def trim(self) -> float:
        """Remove what is too old and too much; the note is safe before a file goes.

        Returns:
            How long to wait (s) before the next look.
        """
        try:
            sizes = {path: path.stat().st_size for path in sorted(self.outbox.glob(PATTERN))}
            excess_bytes = sum(sizes.values()) - self.limit_bytes
            if sizes and excess_bytes > 0:
                excess_bytes = self._remove_oldest(sizes, excess_bytes)
            self.trouble = ""
            if excess_bytes > 0:
                self.trouble = (
                    f"the diary is larger than journal_mb = {self.limit_bytes // 10**6}, "
                    "and nothing of the last five years is removed"
                )
        except (OSError, DocumentError) as error:
            self.trouble = f"the diary cannot be kept within its size: {error}"
            _log.error("%s", self.trouble)
        return LOOK_EVERY_S

    def _remove_oldest(self, sizes: dict[Path, int], excess_bytes: int) -> int:
        """Remove files from the oldest on, as many as are needed.

        Returns:
            How much (bytes) is still too much; 0 or less when nothing is.
        """
        today = min(self.clock.now_at().date(), _read_day(max(sizes, key=lambda path: path.name)))
        oldest_kept = journal_file_name((today - KEEP).isoformat())
        begins = read_begins(self.library)
        old = [path for path in sizes if path.name < oldest_kept]
        while excess_bytes > 0:
            path, end = next(((path, end) for path in old if (end := _find_end(path, begins))), (None, None))
            if path is None or end is None:
                break
            old.remove(path)
            begins[end.log] = end
            note = {log: {"seq": point.seq, "line_sha256": point.line_sha256} for log, point in begins.items()}
            write_atomic(self.library / FILE_NAME, json.dumps(note).encode())
            path.unlink()
            excess_bytes -= sizes[path]
            _log.warning("removed %s: older than five years, and the diary is larger than it may be", path.name)
        return excess_bytes


def _read_day(path: Path) -> date:
    """Read the day from a journal file's name; the first of all days when it names none."""
    try:
        return date.fromisoformat(path.stem.removeprefix("journal-"))
    except ValueError:
        return date.min + KEEP


def _find_end(path: Path, begins: dict[LogId, ChainPoint]) -> ChainPoint | None:
    """Find where the chain stands behind a file; None when it is not the very beginning of what is left of its log.

    A day to which a wrong clock once wrote waits for those before it in the chain; what cannot be read stays for ever.
    """
    lines, errors, _ = read_lines(path.read_bytes())
    if not lines or errors:
        return None
    log, end = lines[0].log, lines[-1].point()
    if {line.log for line in lines} != {log}:
        return None
    begin = begins.get(log, ChainPoint(log, 0, START))
    if end.seq <= begin.seq:  # the power went between its note and its removal
        return begin
    return None if any(match_chain(lines, begin)) else end

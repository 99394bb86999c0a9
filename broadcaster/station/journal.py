"""The as-run log on disk, and what it knows of every airing."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from broadcaster.core.errors import DocumentError, StationDiskError
from broadcaster.core.ids import AiringId, LogId
from broadcaster.station.logbook import TORN_FILE, ChainedLog
from broadcaster.wire.chain import read_lines
from broadcaster.wire.journal import Ending, Happening, JournalEntry, journal_file_name, read_entry, write_entry

PATTERN = "journal-*.jsonl"
READ_BACK_FILES = 7
_log = logging.getLogger(__name__)


class Journal:
    """The box's diary.

    `settled` are the airings that are done with: ended, or given up. `interrupted` are those whose sound broke off
    with the power. `open` are started ones without an end. A line that the disk refused waits, and is written first.
    """

    def __init__(self, outbox: Path, log: LogId, library: Path) -> None:
        """Take up the chain and read back what the last days' files say.

        Raises:
            StationDiskError: The files cannot be read.
        """
        self.outbox = outbox
        paths = sorted(outbox.glob(PATTERN))
        self.chain = ChainedLog(log, paths, library / TORN_FILE)
        self.settled: set[AiringId] = set()
        self.interrupted: set[AiringId] = set()
        self.open: dict[AiringId, JournalEntry] = {}
        self.unwritten: list[tuple[JournalEntry, ZoneInfo]] = []
        entries: list[tuple[bool, int, JournalEntry]] = []
        for path in paths[-READ_BACK_FILES:]:
            for line in read_lines(path.read_bytes())[0]:
                try:
                    entries.append((line.log == log, line.seq, read_entry(line).entry))
                except DocumentError as error:
                    _log.warning("%s: line %d cannot be understood: %s", path.name, line.seq, error.message)
        for _, _, entry in sorted(entries, key=lambda found: found[:2]):  # another log's lines are of an older box
            self._note(entry)

    def write(self, entry: JournalEntry, zone: ZoneInfo) -> None:
        """Write a line that may be given up: the start of an airing, or a skip.

        Raises:
            StationDiskError: It could not be brought to the disk; nothing of it is left.
        """
        self.write_waiting()
        if self.unwritten:
            raise StationDiskError("the journal cannot be written: the disk is full or broken")
        self._append(entry, zone)
        self._note(entry)

    def write_surely(self, entry: JournalEntry, zone: ZoneInfo) -> None:
        """Write a line that must not be lost: the end of what sounded. Where the disk refuses it waits."""
        self.unwritten.append((entry, zone))
        self._note(entry)
        self.write_waiting()

    def write_waiting(self) -> None:
        """Write the lines that the disk refused, as far as it takes them now."""
        while self.unwritten:
            try:
                self._append(*self.unwritten[0])
            except StationDiskError as error:
                _log.error("%s", error.message)
                return
            del self.unwritten[0]

    def _append(self, entry: JournalEntry, zone: ZoneInfo) -> None:
        day = local_day(entry.at, zone)
        self.chain.append(self.outbox / journal_file_name(day), write_entry(entry))

    def _note(self, entry: JournalEntry) -> None:
        self.interrupted.discard(entry.airing)
        self.open.pop(entry.airing, None)
        if entry.happening is Happening.START:
            self.settled.discard(entry.airing)
            self.open[entry.airing] = entry
        elif entry.ending is Ending.INTERRUPTED:
            self.interrupted.add(entry.airing)
        else:
            self.settled.add(entry.airing)


def local_day(moment: datetime, zone: ZoneInfo) -> str:
    """Give the local date of an instant, as journal files are named."""
    return moment.astimezone(zone).date().isoformat()

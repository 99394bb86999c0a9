"""Verify the box's own logs: every gap, edit and reordering in the diary and in the receipts is found and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import DocumentError, StationDiskError
from broadcaster.core.ids import LogId
from broadcaster.station.journal import PATTERN
from broadcaster.station.keeping import read_begins
from broadcaster.wire.chain import START, ChainedLine, ChainPoint, match_chain, read_lines
from broadcaster.wire.journal import read_entry
from broadcaster.wire.receipt import FILE_NAME, read_receipt


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found in one kind of log: how many files and lines, and every break; none when the log is whole."""

    what: str
    files: int
    lines: int
    breaks: tuple[str, ...]


def verify_logs(outbox: Path, library: Path) -> tuple[Proof, Proof]:
    """Read the whole diary and all receipts and look at every line's place in its chain.

    Where the oldest days were removed because of the diary's size limit, the box's own note says which line must be
    the first. Lines are followed by their numbers over all files: a clock set back writes into an older day's file. A
    last line without its end is being written, or was torn by the power; it is no break. A change to the very last
    line, or lines taken off the end, leave no trace here: the centre, which collected them, finds it.

    Raises:
        StationDiskError: A file cannot be read.
        DocumentError: The note of where the diary begins is none.
    """
    receipts = outbox / FILE_NAME
    try:
        return (
            _verify("journal", sorted(outbox.glob(PATTERN)), read_entry, read_begins(library)),
            _verify("receipts", [receipts] if receipts.exists() else [], read_receipt, {}),
        )
    except OSError as error:
        raise StationDiskError(f"the logs in {outbox} cannot be read: {error}") from error


def _verify(
    what: str, paths: Sequence[Path], read: Callable[[ChainedLine], object], begins: Mapping[LogId, ChainPoint]
) -> Proof:
    breaks: list[str] = []
    logs: dict[LogId, list[ChainedLine]] = {}
    for path in paths:
        lines, errors, _ = read_lines(path.read_bytes())
        breaks += [f"{path.name}: {error.message}" for error in errors]
        last: dict[LogId, int] = {}
        for line in lines:
            if line.seq <= last.get(line.log, 0):
                breaks.append(f"{path.name}: line {line.seq} stands behind line {last[line.log]}")
            last[line.log] = line.seq
            logs.setdefault(line.log, []).append(line)
            try:
                read(line)
            except DocumentError as error:
                breaks.append(f"{path.name}: line {line.seq}: {error.message}")
    for log, found in logs.items():
        begin = begins.get(log, ChainPoint(log, 0, START))
        # The power may have gone between the note and the removal: what the note says is gone does not count.
        ordered = sorted((line for line in found if line.seq > begin.seq), key=lambda line: line.seq)
        breaks += [error.message for error in match_chain(ordered, begin)]
    return Proof(what, len(paths), sum(len(found) for found in logs.values()), tuple(breaks))

"""Chained logs: numbered JSON lines, each with the hash of the line before.

A line is the exact bytes as written; its hash is taken over them without the newline, so no rewriting of JSON can ever
change it. One log has one id, made when the box was set up: a box set up anew starts a new log at 1 instead of
pretending to go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from broadcaster.core.errors import BrokenChainError, DocumentError
from broadcaster.core.ids import LogId, Sha256
from broadcaster.wire.fields import FieldReader, read_object, write_object

START = Sha256("0" * 64)


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """Where a chain stands: which log, the number of its last line (0 before the first), that line's hash."""

    log: LogId
    seq: int
    line_sha256: Sha256


@dataclass(frozen=True, slots=True)
class ChainedLine:
    """One whole line of a log: its place, the bytes as written, and its fields."""

    log: LogId
    seq: int
    prev: Sha256
    raw: bytes
    fields: dict[str, Any]

    def point(self) -> ChainPoint:
        """Give the chain's end as it stands after this line."""
        return ChainPoint(self.log, self.seq, hash_line(self.raw))


def hash_line(raw: bytes) -> Sha256:
    """Hash a line without its newline."""
    return Sha256(hashlib.sha256(raw).hexdigest())


def plan_line(after: ChainPoint, fields: dict[str, object]) -> bytes:
    """Make the next line of a chain, without newline."""
    return write_object({"log": after.log, "seq": after.seq + 1, "prev": after.line_sha256, **fields})


def read_line(raw: bytes) -> ChainedLine:
    """Read one line.

    Raises:
        DocumentError: Not a line of a chained log.
    """
    fields = read_object(raw, "log line")
    reader = FieldReader(fields, "log line")
    return ChainedLine(
        LogId(reader.read_text("log")), reader.read_int("seq", 1), reader.read_sha256("prev"), raw, fields
    )


def split_lines(data: bytes) -> tuple[list[bytes], int]:
    """Split bytes into whole lines.

    Returns:
        The lines without newlines, and how many bytes they cover: a last line without newline is torn (the writer is
        in the middle of it, or lost power there) and is left for the next time.
    """
    covered = data.rfind(b"\n") + 1
    return [line for line in data[:covered].split(b"\n") if line], covered


def match_chain(lines: list[ChainedLine], after: ChainPoint | None) -> Iterator[BrokenChainError]:
    """Find every place where lines do not follow each other.

    Args:
        lines: In the order in which they stand in the files.
        after: The last line already known; None when the first of `lines` may be any line.

    Returns:
        One error for each break, none when the chain holds. A new log that starts at 1 is no break.
    """
    for line in lines:
        if after is not None and line.log == after.log:
            if line.seq != after.seq + 1:
                yield BrokenChainError(f"log {line.log}: line {line.seq} follows line {after.seq}")
            elif line.prev != after.line_sha256:
                yield BrokenChainError(f"log {line.log}: line {after.seq} is not the one that line {line.seq} followed")
        elif after is not None and line.seq != 1:
            yield BrokenChainError(f"log {line.log} starts at line {line.seq}, not at 1")
        after = line.point()


def read_lines(data: bytes) -> tuple[list[ChainedLine], list[DocumentError], int]:
    """Read all whole lines of a piece of a log; lines that cannot be read are returned as errors, never dropped.

    Returns:
        The lines, what could not be read, and how many bytes are dealt with.
    """
    raws, covered = split_lines(data)
    lines: list[ChainedLine] = []
    errors: list[DocumentError] = []
    for raw in raws:
        try:
            lines.append(read_line(raw))
        except DocumentError as error:
            errors.append(error)
    return lines, errors, covered

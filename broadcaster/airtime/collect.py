"""Collect what a station wrote into its outbox: status, receipts, journal; from the last offset, each line once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from broadcaster.core.errors import DeliveryError, DocumentError, StationFolderError
from broadcaster.core.ids import LogId, StationId
from broadcaster.link.session import StationSession
from broadcaster.link.transfer import list_folder, measure_clock_offset_s, read_each, read_from, stat_size
from broadcaster.store.logs import write_journal
from broadcaster.store.stations import (
    LogPosition,
    read_position,
    read_statuses,
    write_break,
    write_contact,
    write_position,
    write_receipts,
)
from broadcaster.wire.chain import START, ChainedLine, ChainPoint, match_chain, read_lines
from broadcaster.wire.journal import JournalLine, read_entry
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.receipt import ReceiptLine, read_receipt
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.status import StationStatus, read_status, write_status
from broadcaster.wire.stick import OUTBOX

JOURNAL = "journal"
_FILES_AT_ONCE = 16  # a handle each; servers have some hundred at most
T = TypeVar("T")
ReadKnown = Callable[[Sequence[str]], dict[str, LogPosition]]


@dataclass(frozen=True, slots=True)
class CollectedFile:
    """The new lines of one file of an outbox, and what was wrong in it."""

    name: str
    lines: tuple[ChainedLine, ...]
    position: LogPosition
    breaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectedChain:
    """Where a chain stands after a visit (its offset has no meaning), and where it does not hold."""

    name: str
    position: LogPosition
    breaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """What one visit to a station brought.

    `is_whole` is False when only receipts were fetched: then the status does not prove the journal to be complete.
    `is_carried`: a stick brought it, and another may have brought later words before it.
    """

    station: StationId
    status: StationStatus | None
    clock_offset_s: float | None
    files: tuple[CollectedFile, ...]
    chains: tuple[CollectedChain, ...]
    troubles: tuple[str, ...] = ()
    is_whole: bool = True
    is_carried: bool = False


def read_positions(connection: Connection, station: StationId, names: Sequence[str]) -> dict[str, LogPosition]:
    """Read up to where some files were collected, and where the journal's chain stands (under JOURNAL)."""
    found = {name: read_position(connection, station, name) for name in (*names, JOURNAL)}
    return {name: position for name, position in found.items() if position is not None}


def fetch_receipts(session: StationSession, read_known: ReadKnown) -> Collection:
    """Fetch what is new in the receipts, with the status, and nothing else: enough to know what a station holds.

    Where nothing is new it costs one round trip.

    Args:
        session: With the station.
        read_known: Gives the positions of files by their names.

    Raises:
        DeliveryError: The station cannot be read.
    """
    station = session.address.station
    known = read_known([RECEIPTS])
    position = known.get(RECEIPTS)
    size_bytes = stat_size(session, f"{OUTBOX}/{RECEIPTS}") or 0
    if position is not None and size_bytes == position.offset_bytes:
        return Collection(station, None, None, (), (), is_whole=False)
    troubles: list[str] = []
    status = _fetch_status(session, troubles)
    files = _fetch_files(session, [RECEIPTS], known) if size_bytes else []
    return Collection(station, status, None, tuple(files), follow_chains(files, known), tuple(troubles), is_whole=False)


def fetch_outbox(session: StationSession, read_known: ReadKnown) -> Collection:
    """Fetch what is new in a station's outbox. Nothing is written, here or there.

    The status is read first: whatever the agent had written by then is in the files that are read after it.

    Args:
        session: With the station.
        read_known: Gives the positions of files by their names.

    Raises:
        DeliveryError: The station cannot be read.
    """
    troubles: list[str] = []
    clock_offset_s: float | None = None
    is_live = session.sftp.is_live
    try:
        if is_live:
            clock_offset_s = measure_clock_offset_s(session)
    except StationFolderError as error:
        troubles.append(error.message)
    status = _fetch_status(session, troubles)
    sizes = {file.name: file.size_bytes for file in list_folder(session, OUTBOX)}
    names = [name for name in sorted(sizes) if name == RECEIPTS or name.startswith("journal-")]
    known = read_known(names)
    grown = [name for name in names if name not in known or sizes[name] != known[name].offset_bytes]
    files = _fetch_files(session, grown, known)
    chains = follow_chains(files, known)
    return Collection(
        session.address.station, status, clock_offset_s, tuple(files), chains, tuple(troubles), is_carried=not is_live
    )


def keep_collection(connection: Connection, collection: Collection, at: datetime) -> int:
    """Keep a collection, all of it in one transaction; what is there already stays as it is.

    Returns:
        How many receipts and journal lines were new.
    """
    new = 0
    station = collection.station
    for file in collection.files:
        breaks = list(file.breaks)
        if file.name == RECEIPTS:
            receipts: list[ReceiptLine] = _read_each(file.lines, read_receipt, breaks)
            new += write_receipts(connection, station, receipts, at)
        else:
            entries: list[JournalLine] = _read_each(file.lines, read_entry, breaks)
            typed = [line for line in entries if line.entry.declared_by]
            breaks += [f"line {line.seq} says that a person typed it in: a box does not do that" for line in typed]
            new += write_journal(connection, station, [line for line in entries if not line.entry.declared_by], at)
        write_position(connection, station, file.name, file.position)
        for message in breaks:
            write_break(connection, station, file.name, message, at)
    for chain in collection.chains:
        if chain.name == JOURNAL:
            write_position(connection, station, JOURNAL, chain.position)
        for message in chain.breaks:
            write_break(connection, station, chain.name, message, at)
    if collection.is_carried and _is_outdated(connection, collection, at):
        return new
    reached_at = collection.status.at if collection.is_carried and collection.status else at
    values: dict[str, object] = {"reached_at": reached_at, "error": "", "message": "; ".join(collection.troubles)}
    if collection.clock_offset_s is not None:
        values |= {"clock_offset_s": collection.clock_offset_s, "clock_at": at}
    if collection.status is not None:
        status = collection.status
        values |= {"log_id": status.log, "status": write_status(status)}
        if collection.is_whole:
            values["journal_until"] = status.at
    write_contact(connection, station, values)
    return new


def _is_outdated(connection: Connection, collection: Collection, at: datetime) -> bool:
    """Tell whether the station's word that a stick brought is older than the one that is kept.

    A kept word of a time that is still to come is not believed: the box's clock was wrong then.
    """
    kept = read_statuses(connection, collection.station).get(collection.station)
    return collection.status is None or (kept is not None and collection.status.at < kept.at <= at)


def keep_failure(connection: Connection, station: StationId, error: DeliveryError, at: datetime) -> None:
    """Keep the fact that a station could not be reached or read."""
    values = {"failed_at": at, "error": type(error).__name__, "message": error.message}
    write_contact(connection, station, values)


def _chain_of(file_name: str) -> str:
    """Name the chain that a file belongs to: the journal runs on from file to file."""
    return JOURNAL if file_name.startswith("journal-") else file_name


def _fetch_status(session: StationSession, troubles: list[str]) -> StationStatus | None:
    return read_written_status(read_from(session, f"{OUTBOX}/{STATUS}", 0), troubles)


def read_written_status(data: bytes, troubles: list[str]) -> StationStatus | None:
    """Read a status as it was fetched; what is wrong with it is added to the troubles."""
    if not data:
        troubles.append("no status: the agent has not run yet")
        return None
    try:
        return read_status(data)
    except DocumentError as error:
        troubles.append(error.message)
        return None


def _fetch_files(
    session: StationSession, names: Sequence[str], known: Mapping[str, LogPosition]
) -> list[CollectedFile]:
    files = []
    for first in range(0, len(names), _FILES_AT_ONCE):
        some = {name: f"{OUTBOX}/{name}" for name in names[first : first + _FILES_AT_ONCE]}
        found = read_each(
            session, {path: known[name].offset_bytes if name in known else 0 for name, path in some.items()}
        )
        files += [_read_file(session, name, known.get(name), found[path]) for name, path in some.items()]
    return files


def _read_file(session: StationSession, name: str, known: LogPosition | None, data: bytes) -> CollectedFile:
    if known is not None:
        file = read_news(name, known, data)
        if file is not None:
            return file
        # Not what was there last time: the box was set up anew, or somebody touched its diary. All of it is read again.
        data = read_from(session, f"{OUTBOX}/{name}", 0)
    lines, errors, covered = read_lines(data)
    point = known.point if known and not lines else _find_end(lines)
    return CollectedFile(name, tuple(lines), LogPosition(covered, point), tuple(error.message for error in errors))


def read_news(name: str, known: LogPosition, data: bytes) -> CollectedFile | None:
    """Read what a file has from its known position on; None when that does not go on from there."""
    lines, errors, covered = read_lines(data)
    if errors or not data or not _is_later(lines, known.point):
        return None
    point = known.point if not lines else _find_end(lines)
    return CollectedFile(name, tuple(lines), LogPosition(known.offset_bytes + covered, point), ())


def _find_end(lines: Sequence[ChainedLine]) -> ChainPoint:
    return lines[-1].point() if lines else ChainPoint(LogId(""), 0, START)


def _is_later(lines: Sequence[ChainedLine], point: ChainPoint) -> bool:
    return all(line.log == point.log and line.seq > point.seq for line in lines)


def follow_chains(files: Sequence[CollectedFile], known: Mapping[str, LogPosition]) -> tuple[CollectedChain, ...]:
    """Check the chains that the new lines belong to, from where they stood."""
    chains = []
    for chain in (RECEIPTS, JOURNAL):
        lines = [line for file in files if _chain_of(file.name) == chain for line in file.lines]
        if lines:
            chains.append(_follow_chain(chain, lines, known.get(chain)))
    return tuple(chains)


def _follow_chain(name: str, lines: Sequence[ChainedLine], known: LogPosition | None) -> CollectedChain:
    """Put the new lines of a chain, from however many files, in the order of their numbers and check it."""
    point = known.point if known and known.point.seq else None
    logs = list(dict.fromkeys(line.log for line in lines))
    new = [line for line in lines if point is None or line.log != point.log or line.seq > point.seq]
    new.sort(key=lambda line: (logs.index(line.log), line.seq))
    breaks = tuple(error.message for error in match_chain(new, point))
    end = new[-1].point() if new else point
    return CollectedChain(name, LogPosition(0, end or ChainPoint(LogId(""), 0, START)), breaks)


def _read_each(lines: Sequence[ChainedLine], reader: Callable[[ChainedLine], T], breaks: list[str]) -> list[T]:
    found: list[T] = []
    for line in lines:
        try:
            found.append(reader(line))
        except DocumentError as error:
            breaks.append(error.message)
    return found

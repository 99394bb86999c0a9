"""Files to and from a station: whole under their name or not there, resumed after a break, not believed by size alone.

A file grows as `<name>.part` in the station's inbox/ and gets its name when every write was confirmed. What makes a
delivery done is the station's receipt, not what is found here.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broadcaster.core.errors import (
    BrokenTransferError,
    DeliveryError,
    ProgrammeFileError,
    StationFullError,
)
from broadcaster.core.files import open_regular
from broadcaster.link.operations import Answer
from broadcaster.link.packets import NO_SUCH_FILE, RemoteFile, SftpStatusError
from broadcaster.link.refusals import RESERVE_BYTES, advise_room, explain, explain_refusals, take_room
from broadcaster.link.resume import find_resume_point
from broadcaster.link.session import StationSession
from broadcaster.link.sftp import BLOCK_BYTES, CREATE, READ, TRUNCATE, WRITE
from broadcaster.wire.stick import INBOX

PART = ".part"
MAX_READ_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SentFile:
    """What sending a file took. `resumed_from` is what the station held before: all of it when nothing was sent."""

    bytes_sent: int
    resumed_from: int


def send_file(session: StationSession, source: Path, name: str, progress: Callable[[int], None]) -> SentFile:
    """Send a file into the station's inbox, going on where an earlier try broke off.

    A `.part` is looked into before it is trusted, and taken up at the first block that differs. A name that is there
    with the right size is not sent again: to see that costs one round trip. The `.part` is opened in the same one, for
    mostly it is needed; one that was made in vain is removed again.

    Args:
        session: With the station.
        source: An immutable local file.
        name: In the inbox; for a master `<sha256>.mp3`.
        progress: Told the bytes that are safe at the station: once what it held already, then each confirmed block.

    Raises:
        ProgrammeFileError: The local file cannot be read.
        StationFullError: No room. Nothing is left under `name`; a `.part` that filled the disk was removed.
        StationFolderError: No inbox, or not writable.
        BrokenTransferError: The line broke or stalled; the `.part` stays for the next try.
    """
    with open_regular(source) as file:
        total_bytes = os.fstat(file.fileno()).st_size
        with explain_refusals(session, f"sending {name}"):
            final = session.address.place(f"{INBOX}/{name}")
            asked = [session.sftp.ask_stat(path) for path in (final, final + PART)]
            room = session.sftp.ask_free_bytes(session.address.place(INBOX))
            opened = session.sftp.ask_open(final + PART, READ | WRITE | CREATE)
            held_bytes, part_bytes = (_take_size(one) for one in asked)
            has_room = take_room(room, total_bytes - (part_bytes or 0) + RESERVE_BYTES)
            if held_bytes == total_bytes:
                _drop(session, opened, final + PART, is_new=part_bytes is None)
                progress(total_bytes)
                return SentFile(0, total_bytes)
            if not has_room:
                _drop(session, opened, final + PART, is_new=False)
                if part_bytes is None:
                    _remove(session, final + PART)
                raise StationFullError(
                    f"{session.address.station}: no room for {name} ({total_bytes} bytes)", hint=advise_room(session)
                )
            return _send_part(session, file, total_bytes, name, opened, part_bytes or 0, progress)


def send_bytes(session: StationSession, data: bytes, name: str) -> SentFile:
    """Send a small document into the station's inbox; one that is there with the same bytes is not sent again.

    Raises:
        DeliveryError: As for `send_file`; nothing is left under `name`.
    """
    final = session.address.place(f"{INBOX}/{name}")
    with explain_refusals(session, f"sending {name}"):
        asked = session.sftp.ask_stat(final)
        opened = session.sftp.ask_open(final + PART, WRITE | CREATE | TRUNCATE)
        if _take_size(asked) == len(data) and read_from(session, f"{INBOX}/{name}", 0) == data:
            _drop(session, opened, final + PART, is_new=True)
            return SentFile(0, len(data))
        blocks = (data[n : n + BLOCK_BYTES] for n in range(0, len(data), BLOCK_BYTES))
        try:
            with _hold_handle(session, opened) as handle:
                session.sftp.write_blocks(handle, 0, blocks, lambda _: None)
        except SftpStatusError:
            _remove(session, final + PART)
            raise
        session.sftp.rename(final + PART, final)
    return SentFile(len(data), 0)


def read_from(session: StationSession, path: str, offset: int, limit_bytes: int = MAX_READ_BYTES) -> bytes:
    """Read a file in the station's folder from an offset up to its present end, at most `limit_bytes` of it.

    Returns:
        The bytes; none when the file ends at or before the offset, or is not there.

    Raises:
        StationFolderError: May not be read.
        BrokenTransferError: The line broke or stalled.
    """
    return read_each(session, {path: offset}, limit_bytes)[path]


def read_each(
    session: StationSession, offsets: Mapping[str, int], limit_bytes: int = MAX_READ_BYTES
) -> dict[str, bytes]:
    """Read several files as `read_from` does one, in no more round trips where what is new in each is small.

    Args:
        session: With the station.
        offsets: For the path of each, from where on.
        limit_bytes: Of each.

    Raises:
        DeliveryError: As for `read_from`.
    """
    found = dict.fromkeys(offsets, b"")
    with explain_refusals(session, f"reading {', '.join(offsets)}"), contextlib.ExitStack() as stack:
        opened = {path: session.sftp.ask_open(session.address.place(path), READ) for path in offsets}
        handles: dict[str, bytes] = {}
        for path, one in opened.items():
            try:
                handles[path] = stack.enter_context(_hold_handle(session, one))
            except SftpStatusError as error:
                if error.code != NO_SUCH_FILE:
                    raise
        sizes = {path: session.sftp.ask_handle_stat(handle) for path, handle in handles.items()}
        first_bytes = min(BLOCK_BYTES, limit_bytes)
        firsts = session.sftp.read_pieces([(handle, offsets[path], first_bytes) for path, handle in handles.items()])
        for (path, handle), first in zip(handles.items(), firsts, strict=True):
            end = min(sizes[path].take().size_bytes, offsets[path] + limit_bytes)
            found[path] = first + session.sftp.read_range(handle, offsets[path] + len(first), end)
    return found


def list_folder(session: StationSession, path: str) -> list[RemoteFile]:
    """List a folder of the station, by name.

    Raises:
        StationFolderError: Not there, or may not be read.
        BrokenTransferError: The line broke or stalled.
    """
    with explain_refusals(session, f"listing {path}"):
        return sorted(session.sftp.list_folder(session.address.place(path)), key=lambda file: file.name)


def stat_size(session: StationSession, path: str) -> int | None:
    """Fetch the size in bytes of a file in the station's folder; None when it is not there.

    Raises:
        StationFolderError: May not be looked at.
        BrokenTransferError: The line broke or stalled.
    """
    with explain_refusals(session, f"looking at {path}"):
        return _fetch_size(session, path)


def remove(session: StationSession, path: str) -> None:
    """Remove a file in the station's folder; one that is not there is no error.

    Raises:
        StationFolderError: May not be removed.
        BrokenTransferError: The line broke or stalled.
    """
    with explain_refusals(session, f"removing {path}"):
        _remove(session, session.address.place(path))


def measure_clock_offset_s(session: StationSession) -> float:
    """Measure how far the station's clock is ahead of ours (s; negative when it is behind), to within about a second.

    SFTP tells whole seconds: a small file is made in the inbox, its time read and taken as the middle of its second,
    and compared with the middle of the round trip.

    Raises:
        DeliveryError: As for `send_bytes`.
    """
    path = session.address.place(f"{INBOX}/.clock{PART}")  # always the same, so that one left by a kill is used up
    with explain_refusals(session, "measuring the clock"):
        began_s = time.time()
        with _hold_handle(session, session.sftp.ask_open(path, WRITE | CREATE | TRUNCATE)) as handle:
            ended_s = time.time()
            made = session.sftp.ask_handle_stat(handle)
            removed = session.sftp.ask_remove(path)
            made_s = made.take().modified_s
            removed.take()
    return made_s + 0.5 - (began_s + ended_s) / 2


def _send_part(
    session: StationSession,
    file: BinaryIO,
    total_bytes: int,
    name: str,
    opened: Answer[bytes],
    part_bytes: int,
    progress: Callable[[int], None],
) -> SentFile:
    sftp = session.sftp
    final = session.address.place(f"{INBOX}/{name}")
    with _hold_handle(session, opened) as handle:
        start = find_resume_point(sftp, handle, part_bytes, file, total_bytes)
        if start < part_bytes:
            sftp.truncate(handle, start)
        progress(start)
        try:
            size_bytes = sftp.write_blocks(handle, start, _read_blocks(file, start), progress)
        except SftpStatusError as error:
            # Blocks behind the refused one may have been written: without this cut the hole would look like a prefix.
            sftp.truncate(handle, error.offset)
            explained = explain(session, f"sending {name}", error)
            if isinstance(explained, StationFullError):
                _remove(session, final + PART)  # the station needs the room for its journal
            raise explained from error
    if size_bytes != total_bytes:
        _remove(session, final + PART)
        raise BrokenTransferError(
            f"{session.address.station}: {name} came out with {size_bytes} bytes instead of {total_bytes}"
        )
    try:
        sftp.rename(final + PART, final)
    except SftpStatusError as error:
        if error.code != NO_SUCH_FILE:
            raise
        raise BrokenTransferError(
            f"{session.address.station}: somebody took {name}.part away while it was sent"
        ) from error
    return SentFile(total_bytes - start, start)


def _read_blocks(file: BinaryIO, start: int) -> Iterator[bytes]:
    try:
        file.seek(start)
        while block := file.read(BLOCK_BYTES):
            yield block
    except OSError as error:
        raise ProgrammeFileError(f"{file.name} cannot be read: {error.strerror}") from error


def _fetch_size(session: StationSession, path: str) -> int | None:
    return _take_size(session.sftp.ask_stat(session.address.place(path)))


def _take_size(asked: Answer[RemoteFile]) -> int | None:
    try:
        return asked.take().size_bytes
    except SftpStatusError as error:
        if error.code == NO_SUCH_FILE:
            return None
        raise


def _remove(session: StationSession, placed: str) -> None:
    try:
        session.sftp.ask_remove(placed).take()
    except SftpStatusError as error:
        if error.code != NO_SUCH_FILE:
            raise


def _drop(session: StationSession, opened: Answer[bytes], placed: str, *, is_new: bool) -> None:
    """Take back that a part was opened, without waiting; one that was there before stays."""
    with contextlib.suppress(SftpStatusError):  # then there is nothing to take back
        handle = opened.take()
        session.sftp.close(handle)
        if is_new:
            session.sftp.forget(placed)


@contextlib.contextmanager
def _hold_handle(session: StationSession, opened: Answer[bytes]) -> Iterator[bytes]:
    handle = opened.take()
    try:
        yield handle
    except (DeliveryError, ProgrammeFileError, SftpStatusError):
        # Waited for: a file that was removed gives its room back when it is closed. The first error is the one to tell.
        with contextlib.suppress(SftpStatusError, DeliveryError):
            session.sftp.ask_close(handle).take()
        raise
    session.sftp.close(handle)

"""What a station's server refuses, in the words of an operator: the folder, the room, or a break."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from broadcaster.core.errors import BrokenTransferError, DeliveryError, StationFolderError, StationFullError
from broadcaster.link.operations import Answer
from broadcaster.link.packets import NO_SPACE, NO_SUCH_FILE, PERMISSION_DENIED, SftpStatusError
from broadcaster.link.session import StationSession
from broadcaster.wire.stick import INBOX

RESERVE_BYTES = 1 << 20


@contextlib.contextmanager
def explain_refusals(session: StationSession, what: str) -> Iterator[None]:
    """Turn the server's refusals into errors that an operator understands.

    OpenSSH says no more than 'failure' when a disk is full: its free space is asked for once more to tell.
    """
    try:
        yield
    except SftpStatusError as error:
        raise explain(session, what, error) from error


def explain(session: StationSession, what: str, error: SftpStatusError) -> DeliveryError:
    """Make an operator's error of a refusal: the folder, the disk, or else a break."""
    station = session.address.station
    if error.code in (NO_SUCH_FILE, PERMISSION_DENIED):
        return StationFolderError(f"{station}: {what}: {error}", hint=session.sftp.folder_hint)
    if error.code in NO_SPACE or not _has_room(session, RESERVE_BYTES):
        return StationFullError(f"{station}: {what}: {session.sftp.medium} is full", hint=advise_room(session))
    return BrokenTransferError(f"{station}: {what}: {session.sftp.medium} reports: {error}")


def advise_room(session: StationSession) -> str:
    """Say what to do where there is no room."""
    return f"free space on {session.sftp.medium}"


def _has_room(session: StationSession, need_bytes: int) -> bool:
    return take_room(session.sftp.ask_free_bytes(session.address.place(INBOX)), need_bytes)


def take_room(asked: Answer[int], need_bytes: int) -> bool:
    """Take the answer to how much may still be written, and tell whether that is enough."""
    try:
        return asked.take() >= need_bytes
    except SftpStatusError:
        return True  # it cannot tell; the writes themselves will

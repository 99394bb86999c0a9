"""Files of a station looked at again and again over a session that is kept: one round trip for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broadcaster.link.exchange import Pending
from broadcaster.link.packets import END_OF_FILE, NO_SUCH_FILE, RemoteFile, SftpStatusError
from broadcaster.link.refusals import explain_refusals
from broadcaster.link.session import StationSession
from broadcaster.link.sftp import BLOCK_BYTES, READ, SftpClient


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: the rewritten file whole, and what each growing one has from the offset that was asked."""

    rewritten: bytes
    grown: Mapping[str, bytes]


class FileWatch:
    """Looks at one file that is replaced again and again, and at some that only grow at their end.

    SFTP opens a file in one round trip and reads it in the next. The growing files stay open; the other one is closed,
    opened and read in one go, by the handle that it had before: OpenSSH gives the one that was closed last. Where that
    was not so, as where anything else is not as expected, nothing is taken and the caller has to look the long way.

    Args:
        session: Kept open by the caller, and used by nobody else meanwhile.
    """

    def __init__(self, session: StationSession) -> None:
        if not isinstance(session.sftp, SftpClient):
            raise TypeError("a stick is not watched")
        self._session = session
        self._sftp = session.sftp
        self._handles: dict[str, bytes] = {}

    def look(self, rewritten: str, growing: Mapping[str, int], absent: Iterable[str]) -> Look | None:
        """Look once.

        Args:
            rewritten: Path of the file that is replaced. It is read before the others.
            growing: Paths of those that grow, each with the offset from which on it is new; never replaced but by
                a fault.
            absent: Paths where nothing is expected.

        Returns:
            None when it has to be looked the long way: a file is not there, is there, was replaced, or has grown by
            more than fits into one answer.

        Raises:
            StationFolderError: A file may not be read.
            BrokenTransferError: The line broke or stalled.
        """
        with explain_refusals(self._session, "looking at its outbox"):
            try:
                return self._look(rewritten, growing, absent)
            except SftpStatusError as error:
                self._forget()
                if error.code != NO_SUCH_FILE:
                    raise
                return None

    def _look(self, rewritten: str, growing: Mapping[str, int], absent: Iterable[str]) -> Look | None:
        sftp, place = self._sftp, self._session.address.place
        self._open([rewritten, *growing])
        expected = self._handles[rewritten]
        sftp.close(expected)
        opened = sftp.ask_open(place(rewritten), READ)
        first = sftp.ask_data(expected, 0, BLOCK_BYTES)
        grown = {path: sftp.ask_data(self._handles[path], offset, BLOCK_BYTES) for path, offset in growing.items()}
        sizes = {path: sftp.ask_stat(place(path)) for path in growing}
        others = [sftp.ask_stat(place(path)) for path in absent]
        self._handles[rewritten] = opened.take()
        data = _take_data(first)
        found = {path: _take_data(one) for path, one in grown.items()}
        is_as_expected = self._handles[rewritten] == expected and 0 < len(data) < BLOCK_BYTES
        for path, size in sizes.items():
            is_as_expected &= size.take().size_bytes == growing[path] + len(found[path])
        for one in others:
            is_as_expected &= not _is_there(one)
        if not is_as_expected:
            self._forget()
        return Look(data, found) if is_as_expected else None

    def _open(self, paths: list[str]) -> None:
        for path in self._handles.keys() - set(paths):
            self._sftp.close(self._handles.pop(path))
        missing = [path for path in paths if path not in self._handles]
        asked = [self._sftp.ask_open(self._session.address.place(path), READ) for path in missing]
        for path, one in zip(missing, asked, strict=True):
            self._handles[path] = one.take()

    def _forget(self) -> None:
        """Close everything: the next look opens what is there then."""
        for handle in self._handles.values():
            self._sftp.close(handle)
        self._handles.clear()


def _take_data(asked: Pending[bytes]) -> bytes:
    try:
        return asked.take()
    except SftpStatusError as error:
        if error.code != END_OF_FILE:
            raise
        return b""


def _is_there(asked: Pending[RemoteFile]) -> bool:
    try:
        asked.take()
    except SftpStatusError as error:
        if error.code != NO_SUCH_FILE:
            raise
        return False
    return True

"""Receive: take what the centre put into the inbox, verify it, file it or refuse it with a reason.

A file leaves the inbox only after its receipt is on the disk, and a receipt is written only after the file is in its
place: the power may go between any two steps, and the next pass ends what was begun. A repeated receipt does no harm.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from broadcaster.core.errors import (
    DocumentError,
    ProgrammeFileError,
    SignatureError,
    StationDiskError,
    VerificationError,
)
from broadcaster.core.files import (
    BLOCK_BYTES,
    MASTER_SUFFIX,
    MAX_MASTER_BYTES,
    hash_bytes,
    hash_file,
    name_master,
    open_regular,
)
from broadcaster.core.ids import Sha256, is_sha256
from broadcaster.core.time import Clock
from broadcaster.station.inbox_names import is_document_name, name_kind, rank_name, show_name
from broadcaster.station.library import (
    MAX_SIGNATURE_BYTES,
    Library,
    read_document,
    verify_plan,
)
from broadcaster.station.logbook import ChainedLog
from broadcaster.station.orders import MAX_ORDER_BYTES, verify_order
from broadcaster.wire.day_plan import DayPlan
from broadcaster.wire.fields import MAX_DOCUMENT_BYTES
from broadcaster.wire.order import read_order_name
from broadcaster.wire.receipt import DISK_FULL, FILE_NAME, Receipt, Verdict, write_receipt
from broadcaster.wire.signature import SIGNATURE_SUFFIX

PART_SUFFIX = ".part"
KEEP_PART = timedelta(days=7)
SIGNATURE_WAIT = timedelta(seconds=60)
LONE_SIGNATURE_WAIT = timedelta(hours=1)
FILES_PER_PASS = 200
_FULL = (errno.ENOSPC, errno.EDQUOT)
_log = logging.getLogger(__name__)


class Receiver:
    """Works through the inbox, one pass at a time."""

    def __init__(
        self, inbox: Path, outbox: Path, library: Library, receipts: ChainedLog, clock: Clock, reserve_bytes: int
    ) -> None:
        self.inbox = inbox
        self.receipts_path = outbox / FILE_NAME
        self.library = library
        self.receipts = receipts
        self.clock = clock
        self.reserve_bytes = reserve_bytes
        self.trouble = ""
        self._seen_at: dict[str, datetime] = {}
        self._told: set[str] = set()

    def receive_all(self) -> None:
        """Make one pass: plans first, then masters, then whatever else lies there.

        At most 200 files are dealt with; what waits for its signature or its end does not count, and holds up nothing.

        Raises:
            StationDiskError: The inbox cannot be read, or a receipt not be written; what it was about stays.
        """
        try:
            names = {entry.name for entry in os.scandir(self.inbox)}
        except OSError as error:
            raise StationDiskError(f"the inbox {self.inbox} cannot be read: {error.strerror}") from error
        self._seen_at = {name: at for name, at in self._seen_at.items() if name in names}
        self._told &= names
        if not self._told:
            self.trouble = ""
        self._look_at_doubted()
        dealt_with = 0
        for name in sorted(names - self._told, key=rank_name):
            if dealt_with >= FILES_PER_PASS:
                break
            try:
                dealt_with += self._receive(name)
            except FileNotFoundError:
                continue  # it went away while we looked: the centre renamed or removed it
            except OSError as error:
                self._tell_once(name, f"{show_name(name)} in the inbox cannot be dealt with: {error.strerror}")

    def _look_at_doubted(self) -> None:
        """Remove masters that gave no sound because their bytes are damaged: the centre then sends them again."""
        for sha256 in list(self.library.doubted):
            found: Sha256 | None = None
            with contextlib.suppress(OSError, ProgrammeFileError):  # what cannot be read is damaged, too
                found = hash_file(self.library.master_path(sha256))
            if found != sha256:
                self._remove_master(sha256, "damaged on the box's disk")
            self.library.doubted.discard(sha256)

    def _remove_master(self, sha256: Sha256, reason: str) -> None:
        """Remove a master; its receipt is written before."""
        path = self.library.master_path(sha256)
        self._write(Receipt(self.clock.now_at(), path.name, sha256, Verdict.REMOVED, reason))
        path.unlink(missing_ok=True)
        _log.warning("removed %s: %s", path.name, reason)

    def _receive(self, name: str) -> bool:
        """Deal with one file; False when it has to wait."""
        path = self.inbox / name
        status = path.lstat()
        if name.endswith(PART_SUFFIX):
            is_old = self.clock.now_at().timestamp() - status.st_mtime > KEEP_PART.total_seconds()
            if is_old:
                self._refuse(name, "an unfinished file, given up after 7 days")
            return is_old
        if not stat.S_ISREG(status.st_mode):
            self._refuse(name, name_kind(status.st_mode))
        elif name.endswith(MASTER_SUFFIX) and is_sha256(name.removesuffix(MASTER_SUFFIX)):
            self._receive_master(name, path)
        elif is_document_name(name):
            return self._receive_document(name, path)
        elif name.endswith(SIGNATURE_SUFFIX) and is_document_name(name.removesuffix(SIGNATURE_SUFFIX)):
            if not self._is_waiting_since(name, LONE_SIGNATURE_WAIT):
                return False
            self._refuse(name, "a signature without its document")
        else:
            self._refuse(name, "neither a master, a day plan nor an order by its name")
        return True

    def _receive_master(self, name: str, path: Path) -> None:
        part = self.library.incoming / name
        try:
            found = self._copy(path, part)
            if name != name_master(found):
                self._refuse(name, "its bytes are not what its name says", found)
                return
            self.library.file_master(part, found)
        except VerificationError as error:
            self._refuse(name, error.message)
            return
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._refuse(name, DISK_FULL)
            return
        finally:
            part.unlink(missing_ok=True)
        self._confirm(name, found)
        path.unlink()

    def _copy(self, path: Path, part: Path) -> Sha256:
        """Copy while hashing. Never a rename: whoever holds the inbox's file open could still change it."""
        digest = hashlib.sha256()
        try:
            source = open_regular(path)
        except ProgrammeFileError as error:
            raise VerificationError("not a regular file that can be read") from error
        with source, part.open("xb") as target:
            size_bytes = os.fstat(source.fileno()).st_size
            if size_bytes > MAX_MASTER_BYTES:
                raise VerificationError(f"larger than {MAX_MASTER_BYTES} bytes")
            if not self._make_room(size_bytes):
                raise OSError(errno.ENOSPC, DISK_FULL)
            copied_bytes = 0
            while block := source.read(BLOCK_BYTES):
                copied_bytes += len(block)
                if copied_bytes > size_bytes:
                    raise VerificationError("it grew while it was read")
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        return Sha256(digest.hexdigest())

    def _make_room(self, size_bytes: int) -> bool:
        """Remove what is no longer planned until a master fits; each receipt is written before its removal.

        Returns:
            False when it does not fit even so.
        """
        removable = iter(self.library.list_removable(self.clock.now_at()))
        while self.library.free_bytes() - size_bytes < self.reserve_bytes:
            sha256 = next(removable, None)
            if sha256 is None:
                return False
            self._remove_master(sha256, "no longer planned")
        return True

    def _receive_document(self, name: str, path: Path) -> bool:
        signature_path = path.with_name(name + SIGNATURE_SUFFIX)
        if not signature_path.exists() and not self._is_waiting_since(name, SIGNATURE_WAIT):
            return False
        document: bytes | None = None
        try:
            document = read_document(path, MAX_ORDER_BYTES if read_order_name(name) else MAX_DOCUMENT_BYTES)
            if not signature_path.exists():
                raise SignatureError("no signature came with it")
            signature = read_document(signature_path, MAX_SIGNATURE_BYTES)
            if read_order_name(name):
                self._file_order(name, document, signature)
            else:
                self._file_plan(name, document, signature)
            self._confirm(name, hash_bytes(document))
            path.unlink()
        except (VerificationError, SignatureError, DocumentError) as error:
            self._refuse(name, error.message, None if document is None else hash_bytes(document))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._refuse(name, DISK_FULL, None if document is None else hash_bytes(document))
        self._remove(signature_path)
        return True

    def _file_order(self, name: str, document: bytes, signature: bytes) -> None:
        order = verify_order(name, document, signature, self.library.centre_key, self.library.station)
        self.library.order_book.file(order, document, signature, self.clock.now_at())

    def _file_plan(self, name: str, document: bytes, signature: bytes) -> None:
        plan = verify_plan(name, document, signature, self.library.centre_key, self.library.station)
        today = self.clock.now_at().astimezone(ZoneInfo(plan.zone)).date()
        if self._is_news(plan, document):
            if plan.on < today - timedelta(days=1):
                raise VerificationError(f"its day is over: today is {today} by this box's clock")
            self.library.file_plan(plan, document, signature, today)

    def _is_news(self, plan: DayPlan, document: bytes) -> bool:
        """Tell whether a verified plan is newer than the held one; False when it is the held one."""
        held = self.library.plans.get(plan.on)
        if held is None or plan.revision > held.plan.revision:
            return True
        if document == held.document:
            return False
        if plan.revision == held.plan.revision:
            raise VerificationError(f"revision {plan.revision} is held already, with other contents")
        raise VerificationError(f"older revision: {held.plan.revision} is held")

    def _is_waiting_since(self, name: str, wait: timedelta) -> bool:
        """Tell whether a file has lain there for so long, by our own looking: its dates are the sender's word."""
        now_at = self.clock.now_at()
        return now_at - self._seen_at.setdefault(name, now_at) >= wait

    def _confirm(self, name: str, sha256: Sha256) -> None:
        self._write(Receipt(self.clock.now_at(), name, sha256, Verdict.VERIFIED, ""))
        self.library.news.set()
        _log.info("verified %s", name)

    def _refuse(self, name: str, reason: str, sha256: Sha256 | None = None) -> None:
        self._write(Receipt(self.clock.now_at(), show_name(name), sha256, Verdict.REFUSED, reason))
        _log.warning("refused %s: %s", show_name(name), reason)
        self._remove(self.inbox / name)

    def _write(self, receipt: Receipt) -> None:
        self.receipts.append(self.receipts_path, write_receipt(receipt))

    def _remove(self, path: Path) -> None:
        """Remove what was dealt with; what cannot be removed is told once and then left alone."""
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                path.rmdir()
            else:
                path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            self._tell_once(path.name, f"{show_name(path.name)} stays in the inbox: {error.strerror}")

    def _tell_once(self, name: str, trouble: str) -> None:
        self._told.add(name)
        self.trouble = trouble
        _log.warning("%s", trouble)

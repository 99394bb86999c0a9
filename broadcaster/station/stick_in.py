"""A stick at the box: its files go into the inbox, where the agent verifies them as any others.

The agent alone writes receipts. So nothing is judged here: a file is laid into the inbox, and the agent's receipt says
what became of it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from broadcaster.core.errors import (
    AlreadyRunningError,
    DocumentError,
    InputError,
    ProgrammeFileError,
    StationDiskError,
    VerificationError,
)
from broadcaster.core.files import (
    BLOCK_BYTES,
    MASTER_SUFFIX,
    MAX_MASTER_BYTES,
    hold_lock,
    open_regular,
    sync_folder,
)
from broadcaster.core.time import Clock
from broadcaster.station.library import read_document
from broadcaster.station.receive import PART_SUFFIX
from broadcaster.station.settings import StationSettings
from broadcaster.wire.chain import read_lines
from broadcaster.wire.fields import MAX_DOCUMENT_BYTES
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.receipt import Receipt, Verdict, read_receipt
from broadcaster.wire.signature import SIGNATURE_SUFFIX
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.status import STALE_AFTER, read_status
from broadcaster.wire.stick import (
    CONTENTS_FILE,
    INBOX,
    MASTERS_FOLDER,
    STICK_FOLDER,
    StickContents,
    StickFile,
    name_station_folder,
    read_contents,
    read_station_folder,
)

LOCK_FILE = "usb-lock"
RECEIPT_WAIT = timedelta(minutes=3)  # a master of 1 GiB is read, written and hashed on a slow card meanwhile
LOOK_EVERY_S = 0.2
FOR_THE_AGENT = "waits in the inbox: the agent gave no receipt; does it run? it takes it in when it does"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file of a stick: the agent's receipt in words, or why there is none."""

    name: str
    outcome: str
    is_verified: bool


@contextmanager
def open_stick(folder: Path, settings: StationSettings) -> Iterator[Path]:
    """Give the folder on a stick that has all of ours, for as long as the block runs; one stick at a time.

    Raises:
        InputError: It is no stick of the centre's.
        AlreadyRunningError: Another stick is being read.
        StationDiskError: The library cannot be written.
    """
    root = folder / STICK_FOLDER
    if not is_folder(root):
        raise InputError(
            f"{root} is not there: no stick of the centre's is mounted at {folder}",
            hint="mount the stick and name its folder; a new stick is made at the centre with `broadcaster usb export`",
        )
    try:
        with hold_lock(settings.library / LOCK_FILE, "broadcaster-station usb"):
            yield root
    except AlreadyRunningError:
        raise
    except OSError as error:
        raise StationDiskError(f"{error.filename or folder}: {error.strerror}", hint="run it as root") from error


def list_stations(root: Path) -> list[str]:
    """List the stations for which a stick carries something."""
    names = (read_station_folder(path.name) for path in sorted(root.iterdir()))
    return [name for name in names if name is not None]


def read_stick(root: Path, settings: StationSettings) -> StickContents | None:
    """Read what a stick carries for this box; None when it carries nothing for it.

    Raises:
        VerificationError: It was not finished at the centre, or its list cannot be read.
    """
    inbox = root / name_station_folder(settings.station) / INBOX
    if not (is_folder(inbox.parent) and is_folder(inbox)):
        return None
    path = inbox / CONTENTS_FILE
    try:
        contents = read_contents(read_document(path, MAX_DOCUMENT_BYTES))
    except (VerificationError, DocumentError) as error:
        raise VerificationError(
            f"{path}: {error.message}: the stick was pulled out too early at the centre, or is failing",
            hint="nothing was taken from it; run `broadcaster usb export` at the centre once more",
        ) from error
    if contents.station != settings.station:
        raise VerificationError(f"{path} is the list of {contents.station}, this box is {settings.station}")
    return contents


def take_in(
    root: Path, contents: StickContents, settings: StationSettings, clock: Clock, tell: Callable[[Taken], None]
) -> bool:
    """Lay a stick's files into the inbox and tell what the agent's receipts say of each.

    The small documents go in together, then one master after the other: the inbox has to hold only one of them.

    Returns:
        Whether all were verified.
    """
    documents = [file for file in contents.files if not file.name.endswith(MASTER_SUFFIX)]
    masters = [[file] for file in contents.files if file.name.endswith(MASTER_SUFFIX)]
    is_awaited = _is_agent_running(settings, clock)
    is_all_well = True
    for batch in (documents, *masters):
        tail = _ReceiptTail(settings.outbox / RECEIPTS)
        outcomes = {file.name: _lay(root, file, settings) for file in batch}
        lying = [name for name, trouble in outcomes.items() if not trouble and not name.endswith(SIGNATURE_SUFFIX)]
        receipts = _await(tail, lying, settings, clock) if is_awaited else {}
        is_awaited = is_awaited and len(receipts) == len(lying)  # who took none will not take the next
        for name, trouble in outcomes.items():
            if trouble or name in lying:
                taken = Taken(name, trouble, is_verified=False) if trouble else _describe(name, receipts.get(name))
                tell(taken)
                is_all_well &= taken.is_verified
    return is_all_well


def _lay(root: Path, file: StickFile, settings: StationSettings) -> str:
    """Lay one file of the stick into the inbox, whole or not at all.

    Returns:
        Why it was not; "" when it lies there.
    """
    is_master = file.name.endswith(MASTER_SUFFIX)
    folder = root / MASTERS_FOLDER if is_master else root / name_station_folder(settings.station) / INBOX
    if not is_folder(folder):
        return f"{folder} on the stick is not a folder"
    if file.size_bytes > (MAX_MASTER_BYTES if is_master else MAX_DOCUMENT_BYTES):
        return "larger than a station takes"
    if shutil.disk_usage(settings.inbox).free - file.size_bytes < settings.reserve_bytes:
        return "no room for it on the box's disk"
    part = settings.inbox / f"{file.name}.usb{PART_SUFFIX}"
    try:
        with open_regular(folder / file.name) as source:
            part.unlink(missing_ok=True)
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(handle, "wb") as target:
                copied_bytes = 0
                while copied_bytes <= file.size_bytes and (block := source.read(BLOCK_BYTES)):
                    target.write(block)
                    copied_bytes += len(block)
                if copied_bytes != file.size_bytes:
                    return f"its size on the stick is not the {file.size_bytes} bytes that the centre wrote"
                target.flush()
                os.fchmod(target.fileno(), 0o644)  # the agent has another account
                os.fsync(target.fileno())
        part.replace(settings.inbox / file.name)
        sync_folder(settings.inbox)
    except ProgrammeFileError as error:
        return f"cannot be read from the stick: {error.message}"
    except OSError as error:
        return f"could not be copied: {error.strerror}"
    finally:
        part.unlink(missing_ok=True)
    return ""


class _ReceiptTail:
    """The receipts that are written from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def read_new(self) -> list[Receipt]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines, _, covered = read_lines(file.read())
        self._offset += covered
        return [read_receipt(line).receipt for line in lines]


def _await(tail: _ReceiptTail, names: Sequence[str], settings: StationSettings, clock: Clock) -> dict[str, Receipt]:
    """Wait until the agent has written a receipt about each name; no longer than it runs, and not for ever."""
    found: dict[str, Receipt] = {}
    until_at = clock.now_at() + RECEIPT_WAIT
    while len(found) < len(names) and clock.now_at() < until_at and _is_agent_running(settings, clock):
        clock.sleep_s(LOOK_EVERY_S)
        for receipt in tail.read_new():
            if receipt.name in names and receipt.verdict is not Verdict.REMOVED:
                found[receipt.name] = receipt
    return found


def _describe(name: str, receipt: Receipt | None) -> Taken:
    if receipt is None:
        return Taken(name, FOR_THE_AGENT, is_verified=False)
    is_verified = receipt.verdict is Verdict.VERIFIED
    return Taken(name, receipt.verdict.value if is_verified else f"refused: {receipt.reason}", is_verified)


def _is_agent_running(settings: StationSettings, clock: Clock) -> bool:
    try:
        said = read_status((settings.outbox / STATUS).read_bytes())
    except (OSError, DocumentError):
        return False
    return clock.now_at() - said.at < STALE_AFTER


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder itself, not a symbolic link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False

"""A stick at the box: a copy of the outbox goes home on it, signed with the key by which the centre knows the box."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import (
    CentreKeyError,
    ProgrammeFileError,
    StationDiskError,
)
from broadcaster.core.files import (
    hash_bytes,
    open_regular,
    sync_folder,
    write_atomic,
)
from broadcaster.core.time import Clock
from broadcaster.station.journal import PATTERN
from broadcaster.station.settings import StationSettings
from broadcaster.station.stick_in import is_folder
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.signature import SIGNATURE_SUFFIX, read_private_key, sign_document
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.stick import (
    CONTENTS_FILE,
    OUTBOX,
    STICK_NAMESPACE,
    StickContents,
    StickFile,
    name_station_folder,
    write_contents,
)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written onto a stick; `is_signed` when the centre can prove whose it is."""

    files: int
    is_signed: bool


def write_back(root: Path, settings: StationSettings, clock: Clock) -> Written:
    """Copy the outbox onto a stick: what is there already stays, the signed list of contents comes last.

    The status is read first: whatever the agent had written by then is in the files that are read after it.

    Raises:
        StationDiskError: The stick is full or cannot be written, or the outbox not be read. What lay on it before may
            be incomplete; the centre takes none of it then.
    """
    outbox = root / name_station_folder(settings.station) / OUTBOX
    try:
        for folder in (outbox.parent, outbox):
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)
            if not is_folder(folder):
                raise StationDiskError(f"{folder} is a symbolic link, which no stick of ours has")
        for left in outbox.glob(".*.tmp"):  # of a copy that was broken off
            left.unlink()
        status = (settings.outbox / STATUS).read_bytes() if (settings.outbox / STATUS).exists() else b""
        names = [path.name for path in (settings.outbox / RECEIPTS, *sorted(settings.outbox.glob(PATTERN)))]
        files = [_copy_out(settings.outbox / name, outbox) for name in names if (settings.outbox / name).exists()]
        if status:
            files.append(_write(outbox / STATUS, status))
        document = write_contents(StickContents(settings.station, clock.now_at(), tuple(files)))
        signature = _sign(document, settings.host_key)
        write_atomic(outbox / f"{CONTENTS_FILE}{SIGNATURE_SUFFIX}", signature.encode())
        write_atomic(outbox / CONTENTS_FILE, document)
    except OSError as error:
        raise StationDiskError(
            f"the diary could not be written onto the stick: {error.strerror} ({error.filename or outbox})",
            hint="free space on the stick, or take another, and run the command again: nothing of the diary is lost",
        ) from error
    return Written(len(files), bool(signature))


def _copy_out(path: Path, outbox: Path) -> StickFile:
    return _write(outbox / path.name, path.read_bytes())


def _write(target: Path, data: bytes) -> StickFile:
    """Write a file onto the stick unless it is there with the same bytes."""
    try:
        with open_regular(target) as file:
            is_same = os.fstat(file.fileno()).st_size == len(data) and file.read() == data
    except ProgrammeFileError:
        is_same = False
    if not is_same:
        write_atomic(target, data)
    return StickFile(target.name, len(data), hash_bytes(data))


def _sign(document: bytes, host_key: Path) -> str:
    """Sign with the box's own host key, by which the centre knows it over a line too; "" where it cannot be read."""
    try:
        return sign_document(document, read_private_key(host_key), STICK_NAMESPACE)
    except CentreKeyError:
        return ""

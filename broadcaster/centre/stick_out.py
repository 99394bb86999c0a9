"""Where there is no line, plans and masters go out on a stick.

The stick is one more carrier below the same transfers: what a push puts into an inbox lies in the stick's inbox. Orders
are left out: they expire within a day.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.centre.deliver import Missing, read_missing
from broadcaster.centre.stick_in import LOCK_FILE, WHO, list_stations
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import (
    BroadcasterError,
    BrokenTransferError,
    InputError,
    ProgrammeFileError,
    StationFullError,
)
from broadcaster.core.files import MASTER_SUFFIX, MAX_MASTER_BYTES, hash_bytes, hold_lock, open_regular, sync_folder
from broadcaster.core.ids import Sha256, StationId, is_sha256
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.push import PushListener, PushTally, StationJob, push_job
from broadcaster.delivery.read_back import verify_read_back
from broadcaster.link.session import StationSession
from broadcaster.link.stick import open_stick
from broadcaster.link.transfer import PART, list_folder, read_from, remove, send_bytes
from broadcaster.store.deliveries import CARRIED, DeliveryAttempt, begin_attempt, end_attempt
from broadcaster.store.engine import Record
from broadcaster.wire.signature import SIGNATURE_SUFFIX
from broadcaster.wire.stick import (
    CONTENTS_FILE,
    INBOX,
    MASTERS_FOLDER,
    STICK_FOLDER,
    StickContents,
    StickFile,
    name_station_folder,
    read_contents,
    write_contents,
)

ALL_PUBLISHED = timedelta(days=366)
PER_FILE_BYTES = 64 << 10  # the largest usual cluster of a stick
ROOM_TO_SPARE_BYTES = 4 << 20
ON_A_STICK = "written to a stick; its receipts come back with one"


@dataclass(frozen=True, slots=True)
class StickRoom:
    """What an export still has to write to a stick, and what it has room for (bytes)."""

    need_bytes: int
    free_bytes: int

    def is_enough(self) -> bool:
        """Tell whether it fits."""
        return self.need_bytes + ROOM_TO_SPARE_BYTES <= self.free_bytes


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written for one station; `error` is None when its part of the stick is whole."""

    station: Station
    plans: int
    masters: int
    written_bytes: int
    error: BroadcasterError | None = None


def is_same_disk(folder: Path, workspace: Workspace) -> bool:
    """Tell whether a folder lies on the workspace's own disk: then no stick may be mounted there."""
    return folder.stat().st_dev == workspace.root.stat().st_dev


def read_carried(
    workspace: Workspace, record: Record, schedules: Schedules, chosen: Sequence[Station], now_at: datetime
) -> list[Missing]:
    """Read what a stick has to carry to the chosen stations: what is published and not confirmed, however far ahead.

    A station that needs nothing is in it too, with nothing: what a stick still had for it goes.

    Raises:
        InputError: None of them has an agent that would take a stick in.
    """
    names = {station.id for station in chosen if station.has_agent}
    if not names:
        raise InputError("none of these stations has an agent, which would take a stick in")
    missing = read_missing(workspace, record, schedules, now_at, ALL_PUBLISHED)
    found = [one for one in missing if one.station.id in names]
    needy = {one.station.id for one in found}
    idle = [station for station in chosen if station.id in names - needy]
    return found + [Missing(station, (), (), 0, None, ()) for station in idle]


def measure_room(folder: Path, carried: Sequence[Missing]) -> StickRoom:
    """Measure what is still to be written to a stick, each master once, and the room there.

    Raises:
        InputError: The stick cannot be read.
        ProgrammeFileError: A master cannot be read here, or is larger than any station takes.
    """
    masters = {master.name: master.path for one in carried for master in one.masters}
    lying = folder / STICK_FOLDER / MASTERS_FOLDER
    need_bytes = 0
    for name, path in masters.items():
        with open_regular(path) as file:
            size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > MAX_MASTER_BYTES:
            raise ProgrammeFileError(
                f"the master {path} has {size_bytes} bytes, no station takes more than {MAX_MASTER_BYTES}",
                hint="split the programme in two",
            )
        if not _has_size(lying / name, size_bytes):
            need_bytes += size_bytes + PER_FILE_BYTES
    for one in carried:
        need_bytes += sum(len(plan.document) + len(plan.signature) + 2 * PER_FILE_BYTES for plan in one.plans)
        need_bytes += 2 * PER_FILE_BYTES
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}", hint="is the stick plugged in?") from error
    return StickRoom(need_bytes, found.f_frsize * found.f_bavail)


def export_to_stick(
    workspace: Workspace,
    record: Record,
    carried: Sequence[Missing],
    folder: Path,
    clock: Clock,
    on_event: PushListener | None = None,
) -> list[Exported]:
    """Write to a stick what stations are to have, every file read back and hashed; one station after the other.

    What a stick had for a station before holds until the new list of contents is there; what no list names any more is
    removed then. Stopped at any moment, the stick carries for each station either what it had or what it is to have.

    Returns:
        One result for each station; trouble with one is in its result and does not end the others' turn.

    Raises:
        StationFullError: It will not fit. Nothing was written.
        InputError: The stick cannot be written at all.
        AlreadyRunningError: Another export or import is at work in this workspace.
    """
    room = measure_room(folder, carried)
    if not room.is_enough():
        raise StationFullError(
            f"{folder} has no room: {room.need_bytes} bytes are to be written, {room.free_bytes} are free",
            hint="free space on the stick, take a larger one, or export fewer stations at a time with --to",
        )
    with hold_lock(workspace.state / LOCK_FILE, WHO):
        root = _make_folders(folder, [one.station.id for one in carried])
        verified: set[Sha256] = set()
        results = [_export_one(record, root, one, verified, clock, on_event) for one in carried]
        if not any(result.error for result in results):
            with contextlib.suppress(BroadcasterError, OSError):  # all is written: it goes with the next export
                _remove_unnamed(root)
    return results


def _export_one(
    record: Record,
    root: Path,
    one: Missing,
    verified: set[Sha256],
    clock: Clock,
    on_event: PushListener | None,
) -> Exported:
    began_at = clock.now_at()
    tally = PushTally()
    error: BroadcasterError | None = None
    try:
        with open_stick(root, one.station.id) as session:
            _write_inbox(session, one, verified, tally, began_at, on_event)
    except OSError as caught:
        error = InputError(f"{one.station.id}: the stick cannot be read: {caught.strerror}")
    except BroadcasterError as caught:
        error = caught
    if one.hashes:
        attempt = DeliveryAttempt(
            station=one.station.id,
            started_at=began_at,
            ended_at=clock.now_at(),
            names=" ".join(tally.names),
            sent_bytes=tally.sent_bytes,
            error=CARRIED,
            message=error.message if error else ON_A_STICK,
        )
        with record.write() as connection:
            end_attempt(connection, begin_attempt(connection, one.station.id, began_at), attempt)
    return Exported(one.station, len(one.plans), len(one.masters), tally.sent_bytes, error)


def _write_inbox(
    session: StationSession,
    one: Missing,
    verified: set[Sha256],
    tally: PushTally,
    at: datetime,
    on_event: PushListener | None,
) -> None:
    """Push as over a line, read back what no receipt will confirm for days, and write the list of contents."""
    job = StationJob(session.address, one.plans, one.masters)
    push_job(session, job, tally, on_event)
    files = [
        StickFile(name, len(data), hash_bytes(data))
        for plan in one.plans
        for name, data in ((plan.name + SIGNATURE_SUFFIX, plan.signature.encode()), (plan.name, plan.document))
    ]
    files += [StickFile(master.name, master.path.stat().st_size, master.sha256) for master in one.masters]
    for file in files:
        if file.sha256 in verified:
            continue
        try:
            verify_read_back(session, file.name, file.sha256)
        except BrokenTransferError:  # it lay there with the right size and other bytes, and is gone now
            push_job(session, job, tally, on_event)
            verify_read_back(session, file.name, file.sha256)
        verified.add(file.sha256)
    send_bytes(session, write_contents(StickContents(one.station.id, at, tuple(files))), CONTENTS_FILE)
    named = {CONTENTS_FILE, *(file.name for file in files)}
    for lying in list_folder(session, INBOX):
        if lying.name not in named:
            remove(session, f"{INBOX}/{lying.name}")


def _make_folders(folder: Path, stations: Sequence[StationId]) -> Path:
    root = folder / STICK_FOLDER
    inner = [root, root / MASTERS_FOLDER]
    for station in stations:
        inner += [root / name_station_folder(station), root / name_station_folder(station) / INBOX]
    try:
        for path in inner:
            if path.is_symlink():
                raise InputError(f"{path} is a symbolic link, which no stick of ours has", hint="remove it")
            path.mkdir(exist_ok=True)
            sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be made: {error.strerror}", hint="is the stick plugged in, and writable?"
        ) from error
    return root


def _remove_unnamed(root: Path) -> None:
    """Remove masters that no station's list names; where a list cannot be read, none is removed.

    Raises:
        BroadcasterError, OSError: A list or the folder cannot be read.
    """
    named: set[str] = set()
    for station in list_stations(root):
        with open_stick(root, station) as session:
            data = read_from(session, f"{INBOX}/{CONTENTS_FILE}", 0)
            named |= {file.name for file in read_contents(data).files} if data else set()
    for path in _list_masters(root / MASTERS_FOLDER):
        if path.name not in named:
            path.unlink(missing_ok=True)


def _list_masters(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if is_sha256(path.name.removesuffix(PART).removesuffix(MASTER_SUFFIX)):
            yield path


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.lstat().st_size == size_bytes
    except OSError:
        return False

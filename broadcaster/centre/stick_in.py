"""Where there is no line, journals and receipts come back on a stick, collected as over a line: the same checks."""

from __future__ import annotations

import errno
import getpass
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broadcaster.centre.deliver import collect_one
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import (
    BroadcasterError,
    DocumentError,
    InputError,
    NotEnrolledError,
    SignatureError,
    UnknownNameError,
)
from broadcaster.core.files import hold_lock
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.delivery.read_back import hash_there
from broadcaster.link.session import StationSession
from broadcaster.link.stick import open_stick
from broadcaster.link.transfer import read_from
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_audit
from broadcaster.store.stations import read_breaks
from broadcaster.wire.signature import KEY_TYPE, SIGNATURE_SUFFIX, verify_document
from broadcaster.wire.stick import (
    CONTENTS_FILE,
    OUTBOX,
    STICK_FOLDER,
    STICK_NAMESPACE,
    StickContents,
    read_contents,
    read_station_folder,
)

LOCK_FILE = "usb-lock"
WHO = "broadcaster usb"


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one station's outbox on a stick.

    `as_of` is when it was written, by the box's clock. `breaks` are those that were found now.
    """

    station: StationId
    new_lines: int = 0
    as_of: datetime | None = None
    breaks: tuple[str, ...] = ()
    error: BroadcasterError | None = None


def import_from_stick(
    workspace: Workspace, record: Record, schedules: Schedules, folder: Path, clock: Clock
) -> list[Imported]:
    """Collect the outboxes of all stations on a stick, as over a line. Nothing on the stick is changed.

    An outbox is taken only when it is whole, every file with the hash that the box's list gives, and when that list is
    signed with the host key that is pinned for the box. Of a station without a pinned key nothing is taken: anybody
    could have written it, and what is in the record once is not taken out again.

    Returns:
        One result for each station's folder on the stick.

    Raises:
        InputError: No stick of ours.
        AlreadyRunningError: Another export or import is at work in this workspace.
    """
    root = folder / STICK_FOLDER
    with hold_lock(workspace.state / LOCK_FILE, WHO):
        return [_import_one(record, schedules, root, station, clock) for station in list_stations(root)]


def list_stations(root: Path) -> list[StationId]:
    """List the stations that have a folder on a stick.

    Raises:
        InputError: No stick of ours.
    """
    try:
        if root.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "it is a symbolic link")
        names = sorted(path.name for path in root.iterdir())
    except OSError as error:
        raise InputError(
            f"{root} is not there or cannot be read: {error.strerror}",
            hint="is the stick plugged in? name the folder under which it is mounted",
        ) from error
    return [station for name in names if (station := read_station_folder(name)) is not None]


def _import_one(record: Record, schedules: Schedules, root: Path, name: StationId, clock: Clock) -> Imported:
    station = schedules.get_station(name)
    if station is None:
        return Imported(name, error=UnknownNameError(f"{name}: no such station in schedules/stations.yaml"))
    if not station.has_agent:
        error = InputError(f"{name}: schedules/stations.yaml says that it has no agent, which alone writes to a stick")
        return Imported(name, error=error)
    try:
        with open_stick(root, name) as session:
            data = read_from(session, f"{OUTBOX}/{CONTENTS_FILE}", 0)
            if not data:
                return Imported(name)
            contents = _verify_outbox(session, station, data)
            _verify_signature(session, station, data)
            with record.read() as connection:
                known = set(read_breaks(connection).get(name, ()))
            new_lines = collect_one(record, station, session, clock)
    except OSError as error:
        return Imported(name, error=InputError(f"{name}: the stick cannot be read: {error.strerror}"))
    except BroadcasterError as error:
        return Imported(name, error=error)
    with record.write() as connection:
        breaks = tuple(text for text in read_breaks(connection).get(name, ()) if text not in known)
        if new_lines or breaks:
            told = f"{new_lines} new lines, as of {contents.at:%Y-%m-%d %H:%M:%S %Z}"
            write_audit(connection, clock.now_at(), getpass.getuser(), "usb import", name, told)
    return Imported(name, new_lines, contents.at, breaks)


def _verify_outbox(session: StationSession, station: Station, data: bytes) -> StickContents:
    """Check that an outbox on the stick is the station's, and whole.

    Raises:
        DocumentError: It is not. Nothing was taken.
    """
    contents = read_contents(data)
    if contents.station != station.id:
        raise DocumentError(f"{station.id}: what lies in its folder is of {contents.station}")
    for file in contents.files:
        if hash_there(session, f"{OUTBOX}/{file.name}") != file.sha256:
            raise DocumentError(
                f"{station.id}: {file.name} on the stick is not what the box wrote: it was pulled out too early, is "
                "failing, or somebody changed it",
                hint="nothing of this station was taken; run `broadcaster-station usb` at the box once more",
            )
    return contents


def _verify_signature(session: StationSession, station: Station, data: bytes) -> None:
    """Check that the box whose host key is pinned wrote the list; over a line the same key proves the station.

    Raises:
        NotEnrolledError: No Ed25519 host key is pinned, so that nothing can prove it. Nothing was taken.
        SignatureError: Not signed with that key. Nothing was taken.
    """
    if station.host_key is None or not station.host_key.startswith(KEY_TYPE):
        raise NotEnrolledError(
            f"{station.id}: nothing proves whose journals lie on the stick: no Ed25519 host key is pinned for its box",
            hint=f"`broadcaster station enrol {station.id} --reply FILE` takes the reply that was written when the box "
            "was set up (docs/station-box.md); then import the stick again: nothing on it is lost",
        )
    armoured = read_from(session, f"{OUTBOX}/{CONTENTS_FILE}{SIGNATURE_SUFFIX}", 0).decode("ascii", "replace")
    try:
        verify_document(data, armoured, station.host_key, STICK_NAMESPACE)
    except (SignatureError, ValueError) as error:
        raise SignatureError(
            f"{station.id}: the journals on the stick are not signed with the host key that is pinned for its box, "
            "or the stick was pulled out too early",
            hint="run `broadcaster-station usb` there as root; if the box has another key now, correct its host_key",
        ) from error

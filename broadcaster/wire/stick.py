"""The stick that carries what no line does: its folders, and the list of contents that says that a copy is whole.

    broadcaster/masters/<sha256>.mp3          each once for all stations
    broadcaster/station-<id>/inbox/           what the centre would put into the station's inbox, and contents.json
    broadcaster/station-<id>/outbox/          a copy of the station's outbox, contents.json and its signature

A list is written last, by renaming: what it names was on the stick whole before it. The prefix keeps names such as
`con` and `nul` from being a folder's whole name, which Windows does not allow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import Sha256, StationId, is_id
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.fields import FieldReader, read_object

INBOX = "inbox"
OUTBOX = "outbox"
STICK_FOLDER = "broadcaster"
MASTERS_FOLDER = "masters"
CONTENTS_FILE = "contents.json"
STICK_NAMESPACE = "stick@broadcaster"
KIND = "broadcaster-stick"
FORMAT = 1
_STATION = "station-"


@dataclass(frozen=True, slots=True)
class StickFile:
    """One file that a stick carries for or from a station."""

    name: str
    size_bytes: int
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class StickContents:
    """What a stick carries for, or from, one station, and when it was written by the writer's clock."""

    station: StationId
    at: datetime
    files: tuple[StickFile, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", require_aware(self.at))


def name_station_folder(station: StationId) -> str:
    """Name a station's folder on a stick."""
    return f"{_STATION}{station}"


def read_station_folder(name: str) -> StationId | None:
    """Read whose folder it is; None when it is no station's.

    >>> read_station_folder("station-an-nong"), read_station_folder("masters")
    ('an-nong', None)
    """
    station = name.removeprefix(_STATION)
    return StationId(station) if station != name and is_id(station) else None


def write_contents(contents: StickContents) -> bytes:
    """Write a list of contents."""
    fields = {
        "kind": KIND,
        "format": FORMAT,
        "station": contents.station,
        "at": format_instant(contents.at),
        "files": [{"name": one.name, "bytes": one.size_bytes, "sha256": one.sha256} for one in contents.files],
    }
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def read_contents(data: bytes) -> StickContents:
    """Read a list of contents.

    Raises:
        DocumentError: Not such a list, of a newer format, with a wrong field (named), or with a name that leads out of
            its folder.
    """
    what = "stick's list of contents"
    reader = FieldReader(read_object(data, what), what)
    reader.require(KIND, FORMAT)
    files: list[StickFile] = []
    for entry in reader.read_list("files"):
        one = FieldReader(entry if isinstance(entry, dict) else {}, f"file in the {what}")
        file = StickFile(one.read_text("name"), one.read_int("bytes"), one.read_sha256("sha256"))
        if "/" in file.name or "\0" in file.name or file.name.startswith(".") or not file.name:
            raise DocumentError(f"the {what} names {file.name!r}, which is no file of its folder")
        files.append(file)
    return StickContents(StationId(reader.read_text("station")), reader.read_moment("at"), tuple(files))

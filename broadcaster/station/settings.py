"""A box's own settings: one TOML file, every wrong field named."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from broadcaster.core.errors import StationConfigError
from broadcaster.core.ids import ID_RULE, StationId, choose_nearest, is_id
from broadcaster.core.model import QuietHours
from broadcaster.wire.signature import read_public_key

DEFAULT_PATH = Path("/etc/broadcaster/station.toml")
NULL = "null"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
AUTO = "auto"
_FIELDS = (
    "station", "centre_key", "inbox", "outbox", "library", "player", "output", "volume", "quiet_hours", "reserve_mb",
    "fallback", "host_key", "journal_mb",
)  # fmt: skip
T = TypeVar("T")


class PlayerKind(StrEnum):
    """What plays: mpv, the built-in player on ffmpeg (no sound device), or mpv where it is installed."""

    MPV = "mpv"
    PCM = "pcm"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class StationSettings:
    """What the box was told at its setting up.

    `output` is "auto", "null", a sound device as mpv names it, or for the built-in player a `.wav` file. `volume` is
    percent of the plan's volume. `reserve_bytes` of the disk are never filled with masters. `fallback` is the commune's
    folder of pieces that sound when a master has not come; None when there is none. `host_key` is the file of the box's
    own SSH key, which signs what goes home on a stick.
    `journal_bytes` is how large the diary may be before days of more than five years ago are removed.
    """

    path: Path
    station: StationId
    centre_key: str
    inbox: Path
    outbox: Path
    library: Path
    player: PlayerKind = PlayerKind.AUTO
    output: str = AUTO
    volume: int = 100
    quiet_hours: tuple[QuietHours, ...] = ()
    reserve_bytes: int = 200_000_000
    fallback: Path | None = None
    host_key: Path = Path(HOST_KEY)
    journal_bytes: int = 500_000_000


def read_settings(path: Path) -> StationSettings:
    """Read a settings file.

    Raises:
        StationConfigError: Missing, not TOML, or a field is missing, unknown or wrong; it names file, field and what
            was expected.
    """
    try:
        fields = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise StationConfigError(
            f"{path} cannot be read: {error.strerror}", hint="name the settings file with --settings FILE"
        ) from error
    except ValueError as error:  # not UTF-8, or not TOML: the message says where
        raise StationConfigError(f"{path} is not TOML: {error}") from error
    for name in fields:
        if name not in _FIELDS:
            near = choose_nearest(name, _FIELDS)
            tail = f"; did you mean {near!r}?" if near else ""
            raise StationConfigError(f"{path}: field {name!r} is unknown{tail}")
    reader = _Reader(path, fields)
    station = reader.read_text("station")
    if not is_id(station):
        raise reader.make_error("station", f"a station's id ({ID_RULE})")
    settings = StationSettings(
        path=path,
        station=StationId(station),
        centre_key=reader.read_as("centre_key", read_public_key, "the line that `broadcaster key` prints"),
        inbox=reader.read_path("inbox"),
        outbox=reader.read_path("outbox"),
        library=reader.read_path("library"),
        player=PlayerKind(reader.read_as("player", PlayerKind, "mpv, pcm or auto", AUTO)),
        output=reader.read_text("output", AUTO),
        volume=reader.read_int("volume", 100, 0, 130),
        quiet_hours=reader.read_quiet_hours(),
        reserve_bytes=reader.read_int("reserve_mb", 200, 0, 10**9) * 1_000_000,
        fallback=reader.read_path("fallback") if "fallback" in fields else None,
        host_key=reader.read_path("host_key", HOST_KEY),
        journal_bytes=reader.read_int("journal_mb", 500, 1, 10**6) * 1_000_000,
    )
    folders = {settings.inbox, settings.outbox, settings.library}
    if len(folders) < 3 or any(one in two.parents for one in folders for two in folders):
        raise StationConfigError(f"{path}: inbox, outbox and library must be three folders, none inside another")
    return settings


class _Reader:
    def __init__(self, path: Path, fields: Mapping[str, object]) -> None:
        self.path = path
        self.fields = fields

    def make_error(self, name: str, expected: str) -> StationConfigError:
        if name not in self.fields:
            return StationConfigError(f"{self.path}: field {name!r} is missing, expected {expected}")
        return StationConfigError(f"{self.path}: field {name!r} is {self.fields[name]!r}, expected {expected}")

    def read_text(self, name: str, default: str | None = None) -> str:
        value = self.fields.get(name, default)
        if not isinstance(value, str) or not value.strip():
            raise self.make_error(name, "a text")
        return value

    def read_as(self, name: str, reader: Callable[[str], T], expected: str, default: str | None = None) -> str:
        """Read a text that a reader accepts; the reader refuses with ValueError."""
        text = self.read_text(name, default)
        try:
            reader(text)
        except ValueError as error:
            raise self.make_error(name, expected) from error
        return text

    def read_path(self, name: str, default: str | None = None) -> Path:
        path = Path(self.read_text(name, default))
        if not path.is_absolute():
            raise self.make_error(name, "a whole path that starts with /")
        return path

    def read_int(self, name: str, default: int, low: int, high: int) -> int:
        value = self.fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.make_error(name, f"a whole number from {low} to {high}")
        return value

    def read_quiet_hours(self) -> tuple[QuietHours, ...]:
        expected = 'a list such as [{from = "22:00", to = "04:30"}]'
        entries = self.fields.get("quiet_hours", [])
        if not isinstance(entries, list):
            raise self.make_error("quiet_hours", expected)
        found: list[QuietHours] = []
        for entry in entries:
            if not isinstance(entry, dict) or set(entry) != {"from", "to"}:
                raise self.make_error("quiet_hours", expected)
            try:
                found.append(QuietHours(time.fromisoformat(entry["from"]), time.fromisoformat(entry["to"])))
            except (ValueError, TypeError) as error:
                raise self.make_error("quiet_hours", expected) from error
        return tuple(found)

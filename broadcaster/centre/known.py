"""What a report knew when it was made and no row keeps by itself: packed, so that it can be made again."""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from broadcaster.airtime.figures import Change, Report, Scope
from broadcaster.core.errors import RecordError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import CampaignId, LogId, ProgrammeId, Sha256, StationId
from broadcaster.core.model import Programme, StationContact
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import read_instant
from broadcaster.store.deliveries import read_last_attempt
from broadcaster.store.editions import Edition
from broadcaster.store.programmes import read_programmes, read_programmes_named
from broadcaster.store.stations import read_contacts
from broadcaster.timetable.read import FILES, read_schedules

FORMAT = 1
STATION_FIGURES = (
    "planned", "full", "short", "not_played", "no_journal", "planned_dmin", "played_dmin", "emergencies",
    "declared_dmin",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What changes in the record: each station's line, the programmes on the shelf, the tries to deliver so far."""

    contacts: Mapping[StationId, StationContact]
    programmes: Sequence[Programme]
    last_attempt: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an edition was made from. `figures` are each station's, as of STATION_FIGURES; the total's station is ""."""

    schedules: Schedules
    templates: Mapping[str, bytes]
    scope: Scope
    contacts: Mapping[StationId, StationContact]
    programmes: Sequence[ProgrammeId]
    last_attempt: int
    figures: Mapping[str, Sequence[int]]


def read_known(connection: Connection) -> Known:
    """Read what is known now."""
    return Known(read_contacts(connection), read_programmes(connection), read_last_attempt(connection))


def read_known_then(connection: Connection, inputs: Inputs) -> Known:
    """Read what was known when an edition was made."""
    return Known(inputs.contacts, read_programmes_named(connection, inputs.programmes), inputs.last_attempt)


def list_figures(report: Report) -> dict[str, list[int]]:
    """List the figures by which two editions are compared: of each station, and of all."""
    return {row.station: [getattr(row, name) for name in STATION_FIGURES] for row in (*report.stations, report.total)}


def list_changes(before: Mapping[str, Sequence[int]], report: Report) -> tuple[Change, ...]:
    """List every figure that an earlier edition gave otherwise: of all stations first, then station by station."""
    names = {row.station: row.name for row in report.stations}
    changes = []
    after = list_figures(report)
    for station in sorted({*before, *after}):
        old = before.get(station) or [0] * len(STATION_FIGURES)
        new = after.get(station) or [0] * len(STATION_FIGURES)
        for figure, was, now in zip(STATION_FIGURES, old, new, strict=True):
            if was != now:
                changes.append(Change(station, names.get(StationId(station), station), figure, was, now))
    return tuple(changes)


def hash_figures(report: Report) -> Sha256:
    """Hash what a report says in numbers; words about causes and lines are left out."""
    told = (
        sorted(list_figures(report).items()),
        [(row.late, row.declared) for row in report.stations],
        report.columns,
        report.campaigns,
        report.programmes,
        report.days,
        report.hours,
        report.emergencies,
        [(one.airing.station, one.airing.id, one.played_ms) for one in report.unplanned],
        sorted((station, list(found)) for station, found in report.breaks.items()),
    )
    return hash_bytes(repr(told).encode())


def pack_inputs(folder: Path, report: Report, known: Known) -> bytes:
    """Pack what an edition is made from.

    Args:
        folder: The workspace's schedules.
        report: The edition's figures.
        known: What it knew.

    Raises:
        OSError: A file of schedules/ cannot be read.
    """
    shown = {row.station for row in report.stations}
    aired = {row.programme for row in report.programmes}
    scope = report.scope
    fields = {
        "format": FORMAT,
        "schedules": {name: (folder / name).read_text(encoding="utf-8") for name in FILES},
        "templates": {
            path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(folder.glob("report*.docx"))
        },
        "scope": {
            "stations": None if scope.stations is None else sorted(scope.stations),
            "campaign": scope.campaign,
            "title": scope.title,
        },
        "contacts": [_write_contact(one) for name, one in sorted(known.contacts.items()) if name in shown],
        "programmes": [
            one.id for one in known.programmes if one.id in aired or report.first_on <= one.on <= report.last_on
        ],
        "last_attempt": known.last_attempt,
        "figures": list_figures(report),
    }
    return zlib.compress(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpack_inputs(edition: Edition) -> Inputs:
    """Unpack what an edition was made from.

    Raises:
        RecordError: It was packed by a newer release, or is damaged.
    """
    try:
        fields = json.loads(zlib.decompress(edition.inputs))
        if fields["format"] > FORMAT:
            raise RecordError(f"{edition.name} was made by a newer release", hint="update broadcaster")
        scope = fields["scope"]
        stations = scope["stations"]
        return Inputs(
            schedules=_read_schedules(fields["schedules"]),
            templates={name: base64.b64decode(text) for name, text in fields["templates"].items()},
            scope=Scope(
                None if stations is None else frozenset(StationId(name) for name in stations),
                None if scope["campaign"] is None else CampaignId(scope["campaign"]),
                scope["title"],
            ),
            contacts={one.station: one for one in map(_read_contact, fields["contacts"])},
            programmes=[ProgrammeId(name) for name in fields["programmes"]],
            last_attempt=fields["last_attempt"],
            figures=fields["figures"],
        )
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"what {edition.name} was made from is damaged in the record: {error}") from error


def _read_schedules(files: Mapping[str, str]) -> Schedules:
    with tempfile.TemporaryDirectory(prefix="broadcaster-") as name:
        for file, text in files.items():
            (Path(name) / file).write_text(text, encoding="utf-8")
        return read_schedules(Path(name))


def _write_contact(contact: StationContact) -> list[object]:
    def write(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    return [
        contact.station, write(contact.reached_at), write(contact.failed_at), contact.error, contact.message,
        contact.clock_offset_s, write(contact.journal_until), contact.log,
    ]  # fmt: skip


def _read_contact(values: Sequence[str | None]) -> StationContact:
    station, reached_at, failed_at, error, message, offset_s, journal_until, log = values

    def read(text: str | None) -> datetime | None:
        return None if text is None else read_instant(text)

    return StationContact(
        StationId(str(station)), read(reached_at), read(failed_at), str(error), str(message),
        None if offset_s is None else float(offset_s), read(journal_until), None if log is None else LogId(log),
    )  # fmt: skip

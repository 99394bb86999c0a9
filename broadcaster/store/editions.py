"""Editions of reports as rows: what each was made from, and the hashes of its files. Rows are only ever added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broadcaster.core.ids import Sha256, StationId
from broadcaster.store.tables import journal_lines, report_editions

STATIONS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a report.

    `inputs_sha256` is of all that its figures rest on, `figures_sha256` of the figures, `files` gives the SHA-256 of
    each file by its name. `inputs` holds what the record does not keep by itself, packed. `mailed_at` is None while it
    was not sent.
    """

    name: str
    edition: int
    first_on: date
    last_on: date
    made_at: datetime
    version: str
    inputs_sha256: Sha256
    figures_sha256: Sha256
    inputs: bytes
    files: Mapping[str, str]
    mailed_at: datetime | None = None


def write_edition(connection: Connection, edition: Edition) -> None:
    """Keep a new edition."""
    connection.execute(
        insert(report_editions).values(
            name=edition.name,
            edition=edition.edition,
            first_on=edition.first_on,
            last_on=edition.last_on,
            made_at=edition.made_at,
            version=edition.version,
            inputs_sha256=edition.inputs_sha256,
            figures_sha256=edition.figures_sha256,
            inputs=edition.inputs,
            files=_write_files(edition.files),
            mailed_at=edition.mailed_at,
        )
    )


def write_edition_files(connection: Connection, edition: Edition, files: Mapping[str, str]) -> None:
    """Add the hashes of files that were written later, in another language or as a PDF; known ones stay."""
    connection.execute(
        update(report_editions)
        .where(report_editions.c.name == edition.name, report_editions.c.edition == edition.edition)
        .values(files=_write_files({**files, **edition.files}))
    )


def write_edition_mailed(connection: Connection, edition: Edition, at: datetime) -> None:
    """Note that an edition was sent."""
    connection.execute(
        update(report_editions)
        .where(report_editions.c.name == edition.name, report_editions.c.edition == edition.edition)
        .values(mailed_at=at)
    )


def read_editions(connection: Connection, name: str | None = None, since: date | None = None) -> list[Edition]:
    """Read editions, by period and number: of one report, or of all whose last date is not before `since`."""
    query = select(report_editions)
    if name is not None:
        query = query.where(report_editions.c.name == name)
    if since is not None:
        query = query.where(report_editions.c.last_on >= since)
    order = (report_editions.c.first_on, report_editions.c.name, report_editions.c.edition)
    return [_make_edition(row) for row in connection.execute(query.order_by(*order))]


def has_late_lines(
    connection: Connection, stations: Iterable[StationId], period: tuple[datetime, datetime], after_at: datetime
) -> bool:
    """Tell whether a journal line about a period was collected after an instant."""
    columns = journal_lines.c
    names = list(stations)
    for first in range(0, len(names), STATIONS_AT_ONCE):
        query = select(columns.seq).where(
            columns.station_id.in_(names[first : first + STATIONS_AT_ONCE]),
            columns.planned_at >= period[0],
            columns.planned_at < period[1],
            columns.collected_at > after_at,
        )
        if connection.execute(query.limit(1)).first() is not None:
            return True
    return False


def _write_files(files: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(files.items())), ensure_ascii=False)


def _make_edition(row: Row[Any]) -> Edition:
    return Edition(
        row.name, row.edition, row.first_on, row.last_on, row.made_at, row.version, Sha256(row.inputs_sha256),
        Sha256(row.figures_sha256), row.inputs, json.loads(row.files), row.mailed_at,
    )  # fmt: skip

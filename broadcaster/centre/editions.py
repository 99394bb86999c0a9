"""Editions: a report is written, kept with the hashes of its inputs and files, corrected, and made again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broadcaster import __version__
from broadcaster.airtime.documents import ReportFiles
from broadcaster.airtime.figures import Correction, Report
from broadcaster.airtime.wording import Wording
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.centre.edition_files import (
    hash_files,
    make_folder,
    move_files,
    name_edition,
    render_files,
    write_files,
)
from broadcaster.centre.known import (
    Inputs,
    hash_figures,
    list_changes,
    pack_inputs,
    read_known_then,
    unpack_inputs,
)
from broadcaster.centre.reports import Made, ReportOrder, gather_figures, make_figures
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import RecordError, UnknownNameError, WorkspaceError
from broadcaster.core.files import hash_bytes, hold_lock
from broadcaster.core.ids import Sha256
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import period_to_utc
from broadcaster.store.editions import (
    Edition,
    has_late_lines,
    read_editions,
    write_edition,
    write_edition_files,
)
from broadcaster.store.engine import Record

LOCK = "report.lock"
CORRECTED_FOR = timedelta(weeks=8)


@dataclass(frozen=True, slots=True)
class Written:
    """A written report. `edition` is None while the period is not over; `is_new` when this call made the edition."""

    report: Report
    files: ReportFiles
    edition: Edition | None
    is_new: bool


def write_report(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    order: ReportOrder,
    now_at: datetime,
    words: Wording = VIETNAMESE,
    *,
    with_pdf: bool = False,
) -> Written:
    """Make and write a report.

    Of a period that is over an edition is kept. Written again, it is the same edition with the same bytes as long as
    its figures are the same; where late journals changed them it is the next edition, which says what it corrects.

    Args:
        workspace: Where schedules/ and reports/ lie.
        record: Plans, receipts, journals.
        schedules: Names and tolerances, as schedules/ says.
        order: Which report.
        now_at: When it is made.
        words: The language.
        with_pdf: Write a PDF too.

    Raises:
        AlreadyRunningError: Another report is being written here.
        WorkspaceError: reports/ cannot be written; an earlier report is as it was.
    """
    now_at = now_at.astimezone(UTC)
    workspace.prepare_state()
    with hold_lock(workspace.state / LOCK, "a report"):
        made = make_figures(record, schedules, order, now_at)
        if not order.is_over(now_at, schedules) or made.report.pending:
            files = write_files(workspace, made.report, schedules, order.name, words, with_pdf=with_pdf)
            return Written(made.report, files, None, is_new=False)
        with record.read() as connection:
            earlier = read_editions(connection, order.name)
        if earlier and earlier[-1].figures_sha256 == hash_figures(made.report):
            return _write_same(workspace, record, earlier[-1], words, with_pdf=with_pdf)
        return _write_new(workspace, record, schedules, order, made, earlier[-1] if earlier else None, words,
                          with_pdf=with_pdf)  # fmt: skip


def write_corrections(
    workspace: Workspace, record: Record, schedules: Schedules, now_at: datetime, words: Wording = VIETNAMESE
) -> list[Written]:
    """Write a new edition of every report of the last eight weeks whose figures late journals have changed."""
    since = (now_at.astimezone(schedules.centre.zone) - CORRECTED_FOR).date()
    with record.read() as connection:
        newest = {edition.name: edition for edition in read_editions(connection, since=since)}
    corrected = []
    for edition in newest.values():
        inputs = unpack_inputs(edition)
        period = period_to_utc(edition.first_on, edition.last_on, schedules.centre.zone)
        stations = [one.id for one in schedules.stations]
        if inputs.scope.stations is not None:
            stations = sorted(inputs.scope.stations)
        with record.read() as connection:
            is_late = has_late_lines(connection, stations, period, edition.made_at)
        if is_late:
            order = ReportOrder(edition.name, edition.first_on, edition.last_on, inputs.scope)
            written = write_report(workspace, record, schedules, order, now_at, words)
            corrected += [written] if written.is_new else []
    return corrected


def write_again(
    record: Record, name: str, number: int | None, folder: Path, words: Wording = VIETNAMESE, *, with_pdf: bool = False
) -> tuple[Written, dict[str, bool]]:
    """Make an edition again from what it was made from, and compare.

    Args:
        record: The record.
        name: The report's name, such as 2023-W41.
        number: Which edition; the newest when None.
        folder: Where the files are written; made when it is not there.
        words: The language.
        with_pdf: Write a PDF too.

    Returns:
        The report, and for each file whose hash was kept whether it has the same bytes. Another release may lay out
        the same figures otherwise.

    Raises:
        UnknownNameError: There is no such edition.
        RecordError: The record no longer holds what the edition was made from. Nothing has been written.
        WorkspaceError: The folder cannot be written.
    """
    edition = read_edition(record, name, number)
    report, inputs = _make_again(record, edition)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = render_files(
            folder, report, inputs, name_edition(edition.name, edition.edition), words, with_pdf=with_pdf
        )
        hashes = hash_files(files)
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written: {error.strerror}") from error
    same = {file: sha256 == edition.files[file] for file, sha256 in hashes.items() if file in edition.files}
    return Written(report, files, edition, is_new=False), same


def read_edition(record: Record, name: str, number: int | None = None) -> Edition:
    """Read one edition of a report; the newest when no number is given.

    Raises:
        UnknownNameError: There is none.
    """
    with record.read() as connection:
        found = [one for one in read_editions(connection, name) if number in (None, one.edition)]
    if not found:
        which = "" if number is None else f", edition {number}"
        raise UnknownNameError(f"no report {name!r}{which} was kept", hint="`broadcaster report list` names them")
    return found[-1]


def _write_new(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    order: ReportOrder,
    made: Made,
    earlier: Edition | None,
    words: Wording,
    *,
    with_pdf: bool,
) -> Written:
    try:
        packed = pack_inputs(workspace.schedules, made.report, made.known)
    except OSError as error:
        raise WorkspaceError(f"{workspace.schedules} cannot be read: {error.strerror}") from error
    number = earlier.edition + 1 if earlier else 1
    report = replace(made.report, edition=number, correction=_make_correction(earlier, made.report))
    edition = Edition(
        name=order.name,
        edition=number,
        first_on=order.first_on,
        last_on=order.last_on,
        made_at=report.made_at,
        version=__version__,
        inputs_sha256=_hash_inputs(made.rows_sha256, packed),
        figures_sha256=hash_figures(made.report),
        inputs=packed,
        files={},
    )
    if unpack_inputs(edition).schedules != schedules:
        # Somebody saved a file of schedules/ in this moment: what is written rests on the one before.
        files = write_files(workspace, made.report, schedules, order.name, words, with_pdf=with_pdf)
        return Written(made.report, files, None, is_new=False)
    files = write_files(workspace, report, schedules, name_edition(order.name, number), words, with_pdf=with_pdf)
    edition = replace(edition, files=hash_files(files))
    with record.write() as connection:
        write_edition(connection, edition)
    return Written(report, files, edition, is_new=True)


def _write_same(workspace: Workspace, record: Record, edition: Edition, words: Wording, *, with_pdf: bool) -> Written:
    """Write an edition that is kept already; files that lie there as they were kept are not touched."""
    report, inputs = _make_again(record, edition)
    stem = name_edition(edition.name, edition.edition)
    try:
        with tempfile.TemporaryDirectory(dir=make_folder(workspace), prefix=".") as name:
            rendered = render_files(Path(name), report, inputs, stem, words, with_pdf=with_pdf)
            files = move_files(rendered, workspace.reports, edition.files)
        hashes = hash_files(files)
    except OSError as error:
        raise WorkspaceError(f"{workspace.reports} cannot be written: {error.strerror}") from error
    if not hashes.keys() <= edition.files.keys():
        with record.write() as connection:
            write_edition_files(connection, edition, hashes)
    return Written(report, files, edition, is_new=False)


def _make_again(record: Record, edition: Edition) -> tuple[Report, Inputs]:
    inputs = unpack_inputs(edition)
    order = ReportOrder(edition.name, edition.first_on, edition.last_on, inputs.scope)
    with record.read() as connection:
        known = read_known_then(connection, inputs)
        made = gather_figures(connection, inputs.schedules, order, edition.made_at, known)
        editions = {one.edition: one for one in read_editions(connection, edition.name)}
    if _hash_inputs(made.rows_sha256, edition.inputs) != edition.inputs_sha256:
        raise RecordError(
            f"the record no longer holds what {edition.name}, edition {edition.edition}, was made from",
            hint="restore the record from a backup; the files that were written then are in reports/",
        )
    correction = _make_correction(editions.get(edition.edition - 1), made.report)
    return replace(made.report, edition=edition.edition, correction=correction), inputs


def _make_correction(earlier: Edition | None, report: Report) -> Correction | None:
    """Say what changed since an earlier edition; None for the first."""
    if earlier is None:
        return None
    return Correction(earlier.edition, earlier.made_at, list_changes(unpack_inputs(earlier).figures, report))


def _hash_inputs(rows_sha256: Sha256, packed: bytes) -> Sha256:
    return hash_bytes(rows_sha256.encode() + packed)

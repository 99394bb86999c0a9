"""The files of an edition: written, hashed, compared, made again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from broadcaster.airtime.documents import ReportFiles, write_documents
from broadcaster.airtime.figures import Report
from broadcaster.airtime.letter import name_template
from broadcaster.airtime.wording import Wording
from broadcaster.centre.known import Inputs
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import WorkspaceError
from broadcaster.core.files import hash_file
from broadcaster.core.schedules import Schedules


def name_edition(name: str, number: int) -> str:
    """Name an edition in files: the first bears the report's name alone.

    >>> name_edition("2023-W41", 1), name_edition("2023-W41", 2)
    ('2023-W41', '2023-W41-v2')
    """
    return name if number <= 1 else f"{name}-v{number}"


def write_files(
    workspace: Workspace, report: Report, schedules: Schedules, name: str, words: Wording, *, with_pdf: bool
) -> ReportFiles:
    """Write the documents of a report into reports/, with the office's own template where there is one.

    Raises:
        WorkspaceError: reports/ cannot be written.
    """
    try:
        folder = make_folder(workspace)
        template = workspace.schedules / name_template(words.code)
        own = template if template.exists() else None
        return write_documents(report, schedules, folder, f"{words.stem}-{name}", own, words, with_pdf=with_pdf)
    except OSError as error:
        raise WorkspaceError(f"{workspace.reports} cannot be written: {error.strerror}") from error


def render_files(
    folder: Path, report: Report, inputs: Inputs, name: str, words: Wording, *, with_pdf: bool
) -> ReportFiles:
    """Render an edition's documents with the names and the template of then."""
    with tempfile.TemporaryDirectory(prefix="broadcaster-") as place:
        own = None
        if name_template(words.code) in inputs.templates:
            own = Path(place) / name_template(words.code)
            own.write_bytes(inputs.templates[name_template(words.code)])
        stem = f"{words.stem}-{name}"
        return write_documents(report, inputs.schedules, folder, stem, own, words, with_pdf=with_pdf)


def make_folder(workspace: Workspace) -> Path:
    """Make reports/ where it is not there yet."""
    workspace.reports.mkdir(exist_ok=True)
    return workspace.reports


def _list_paths(files: ReportFiles) -> list[Path]:
    found = [files.html, *files.csv, files.docx, files.xlsx, files.json]
    return [*found, files.pdf] if files.pdf else found


def hash_files(files: ReportFiles) -> dict[str, str]:
    """Hash every document by its name."""
    return {path.name: hash_file(path) for path in _list_paths(files)}


def move_files(files: ReportFiles, folder: Path, kept: Mapping[str, str]) -> ReportFiles:
    """Move files into a folder, except where one lies that has the kept hash."""

    def place(path: Path) -> Path:
        target = folder / path.name
        if not (target.exists() and kept.get(path.name) == hash_file(target)):
            path.replace(target)
        return target

    return ReportFiles(
        html=place(files.html),
        csv=tuple(map(place, files.csv)),
        docx=place(files.docx),
        xlsx=place(files.xlsx),
        json=place(files.json),
        pdf=place(files.pdf) if files.pdf else None,
    )

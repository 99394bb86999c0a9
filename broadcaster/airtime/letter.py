"""Write a report as a Word document: the office's own template, or ours, filled with the figures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from docx.opc.exceptions import PackageNotFoundError
from docxtpl import DocxTemplate
from jinja2 import Environment, StrictUndefined, TemplateError

from broadcaster.core.errors import WorkspaceError


def name_template(language: str) -> str:
    """Name the template of a language: `report.docx` for Vietnamese, `report.en.docx` for English."""
    return "report.docx" if language == "vi" else f"report.{language}.docx"


def render_docx(values: Mapping[str, object], language: str, template: Path | None = None) -> bytes:
    """Fill the template of the letter.

    Args:
        values: What the template may name: those of the HTML page.
        language: vi or en.
        template: The office's own file, edited in Word; ours when None.

    Raises:
        WorkspaceError: The template is no Word document or names what is not there. Nothing has been written.

    Sources:
        Decree 30/2020/NĐ-CP, appendix I, form 1.4.
    """
    try:
        source = template.read_bytes() if template else resources.files("broadcaster.airtime").joinpath(
            "templates", name_template(language)
        ).read_bytes()  # fmt: skip
        document = DocxTemplate(io.BytesIO(source))
        document.render(dict(values), Environment(undefined=StrictUndefined, autoescape=True), autoescape=True)
        out = io.BytesIO()
        document.save(out)
    except (TemplateError, PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise WorkspaceError(
            f"the template {template or name_template(language)} cannot be filled: {error}",
            hint="correct it in Word, or remove it: without it the built-in layout is used",
        ) from error
    return _set_still(out.getvalue())


def _set_still(document: bytes) -> bytes:
    """Write the parts of a document without the time of writing: the same report is the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            target.writestr(zipfile.ZipInfo(part.filename), source.read(part), zipfile.ZIP_DEFLATED)
    return out.getvalue()

"""Write a report as a Word document: the office's own template, or ours, filled with the figures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from docx.opc.exceptions import PackageNotFoundError
from docx.oxml import parse_xml
from docxtpl import DocxTemplate
from jinja2 import Environment, StrictUndefined, TemplateError
from lxml import etree

from broadcaster.core.errors import WorkspaceError

BODY = b"<w:body/>"


class LongTemplate(DocxTemplate):  # type: ignore[misc]
    """A template whose tables may get thousands of rows: the same document, put together in a third of the time."""

    def fix_tables(self, xml: str) -> etree._Element:
        """Widen tables whose rows have more cells than columns; most have none, which XPath tells at once."""
        tree = etree.fromstring(xml, parser=etree.XMLParser(recover=True))
        for table in tree.iterfind(".//w:tbl", tree.nsmap):
            columns = len(table.findall("w:tblGrid/w:gridCol", tree.nsmap))
            if table.xpath("boolean(w:tr[count(w:tc) > $columns])", namespaces=tree.nsmap, columns=columns):
                return super().fix_tables(xml)
        return tree

    def map_tree(self, tree: etree._Element) -> None:
        """Put the body into the document by reading it anew: lxml moves a large tree much more slowly."""
        root = self.docx._element
        root.body.clear()
        before, after = etree.tostring(root, encoding="UTF-8").split(BODY)
        body = etree.tostring(tree, encoding="UTF-8", xml_declaration=False)
        whole = parse_xml(b"".join((before, b"<w:body", body[body.index(b">") :], after)))
        self.docx._element = self.docx.part._element = whole


def name_template(language: str) -> str:
    """Name the template of a language: `report.docx` for Vietnamese, `report.en.docx` for English."""
    return "report.docx" if language == "vi" else f"report.{language}.docx"


def render_docx(values: Mapping[str, object], language: str, template: Path | None = None) -> bytes:
    """Fill the template of the letter.

    A corrected edition says so in any case: where the template does not name `correction_note`, the note stands before
    section I, or on top where there is no such section.

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
        document = LongTemplate(io.BytesIO(source))
        note = str(values["correction_note"])
        is_told = not note or "correction_note" in document.get_undeclared_template_variables()
        document.render(dict(values), Environment(undefined=StrictUndefined, autoescape=True), autoescape=True)
        if not is_told:
            _tell_correction(document, note)
        out = io.BytesIO()
        document.save(out)
    except (TemplateError, PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise WorkspaceError(
            f"the template {template or name_template(language)} cannot be filled: {error}",
            hint="correct it in Word, or remove it: without it the built-in layout is used",
        ) from error
    return set_still(out.getvalue())


def _tell_correction(document: DocxTemplate, note: str) -> None:
    paragraphs = document.docx.paragraphs
    place = next((one for one in paragraphs if one.text.strip().startswith("I.")), paragraphs[0])
    place.insert_paragraph_before().add_run(note).italic = True


def set_still(document: bytes) -> bytes:
    """Write the parts of a document without the time of writing: the same report is the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            target.writestr(zipfile.ZipInfo(part.filename), source.read(part), zipfile.ZIP_DEFLATED)
    return out.getvalue()

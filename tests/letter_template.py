"""Makes the built-in Word templates of the letter, from the sentences that the page has too.

    python -m tests.letter_template

writes `report.docx` and `report.en.docx`. An office edits a copy of them in Word; what is changed for everybody is
changed in `body.vi.html` and `body.en.html` or here.

Sources:
    Decree 30/2020/NĐ-CP, appendix I: forms of paper and letters, and part III for annexes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.section import Section
from docx.shared import Mm, Pt, Twips
from docx.table import Table, _Cell, _Row
from docx.text.paragraph import Paragraph

from broadcaster.airtime.letter import name_template, set_still
from broadcaster.airtime.wording import Wording
from broadcaster.airtime.words import WORDINGS

TEMPLATES = Path(__file__).parents[1] / "broadcaster" / "airtime" / "templates"
LYING_WIDTHS = (
    (660, 1850, 1000, 950, 800, 800, 950, 950, 1000, 1000, 850, 1200, 2276),
    (660, 2860, 1350, 1150, 1300, 1200, 1250, 1300, 1250, 1966),
    (660, 2260, 1350, 900, 1050, 1000, 1000, 1150, 950, 1200, 950, 950, 866),
    (1204, 950, 950, 2204, 2935, 2064, 914, 3065),
)
# How each column stands: left, right, in the middle.
SIDES = ("clrrrrrrrrrrl", "clrrrrrrrc", "clrrrrrrrcrrr", "ccclllrl")
TABLES = (  # names of the heads, the rows and the last row among the values of a page
    ("station_heads", "station_rows", "total_row"),
    ("theme_heads", "column_rows", "column_total"),
    ("campaign_heads", "campaign_rows", "campaign_total"),
    ("difference_heads", "difference_rows", ""),
)
LAST_LINES = 2
STYLES = {"l": "Cell", "r": "Cell right", "c": "Cell middle"}


def make_template(words: Wording) -> bytes:
    """Make the template of a language."""
    document = docx.Document()
    _set_styles(document, words)
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    _set_margins(section)
    _number_pages(section)
    _write_head(document, words)
    for line in (TEMPLATES / f"body.{words.code}.html").read_text(encoding="utf-8").splitlines():
        _write_line(document, line)
    for paragraph in document.paragraphs[-LAST_LINES:]:
        paragraph.paragraph_format.keep_with_next = True  # no signature on a page without a line of the letter
    _write_end(document, words)
    for place in range(len(TABLES)):
        _write_annex(document, words, place)
    out = io.BytesIO()
    document.save(out)
    return set_still(out.getvalue())


def _set_styles(document: Document, words: Wording) -> None:
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(13.5)
    fonts = normal.element.rPr.rFonts
    for name in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(name), "Times New Roman")
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "vi-VN" if words.code == "vi" else "en-GB")
    normal.element.rPr.append(language)
    normal.paragraph_format.space_after, normal.paragraph_format.line_spacing = Pt(0), 1.1
    for side, align in (("l", ALIGN.LEFT), ("r", ALIGN.RIGHT), ("c", ALIGN.CENTER)):
        style = document.styles.add_style(STYLES[side], WD_STYLE_TYPE.PARAGRAPH)
        style.base_style, style.font.size = normal, Pt(11)
        style.paragraph_format.line_spacing, style.paragraph_format.alignment = 1.0, align
    document.core_properties.title, document.core_properties.author = words.title, ""
    document.core_properties.comments = ""


def _set_margins(section: Section) -> None:
    section.top_margin = section.bottom_margin = Mm(20)
    section.left_margin, section.right_margin = Mm(30), Twips(851)
    section.header_distance = Mm(10)


def _number_pages(section: Section) -> None:
    """Put the page's number on top, in the middle, from the second page on."""
    section.different_first_page_header_footer = True
    paragraph = section.header.paragraphs[0]
    paragraph.alignment = ALIGN.CENTER
    for kind in ("begin", "", "end"):
        run = paragraph.add_run()
        run.font.size = Pt(14)
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = "PAGE"
        run._r.append(part)


def _write_head(document: Document, words: Wording) -> None:
    table = _add_table(document, (3742, 5613), rows=2)
    left, right = table.rows[0].cells
    _write(left.paragraphs[0], "{{ head.parent_body }}", size=12, caps=True)
    _write(left.add_paragraph(), "{{ head.issuing_body }}", size=12, caps=True, bold=True)
    _rule(left.add_paragraph(), 1134)
    if words.motto:
        _write(right.paragraphs[0], words.motto[0], size=12, bold=True)
        _write(right.add_paragraph(), words.motto[1], size=13, bold=True)
        _rule(right.add_paragraph(), 1020)
    left, right = table.rows[1].cells
    _write(left.paragraphs[0], f"{words.number}          /{{{{ head.number_suffix or 'BC' }}}}", size=13)
    _write(right.paragraphs[0], "{% if head.place %}{{ head.place }}, {% endif %}{{ made_on }}", size=13, italic=True)
    _write(document.add_paragraph(), words.letter, size=14, bold=True, before=18)
    _write(document.add_paragraph(), words.subject, size=14, bold=True)
    _write(document.add_paragraph(), "{%p if scope %}")
    _write(document.add_paragraph(), "{{ scope }}", size=14, bold=True)
    _write(document.add_paragraph(), "{%p endif %}")
    _write(document.add_paragraph(), f"({words.since} {{{{ period }}}})", size=14, bold=True)
    _rule(document.add_paragraph(), 3118)


def _write_line(document: Document, line: str) -> None:
    """Write a line of the page's body: a heading, a sentence, or a condition that stands alone."""
    if line.startswith("{%"):
        _write(document.add_paragraph(), line.replace("{% ", "{%p ", 1))
        return
    match = re.fullmatch(r'<(h2|p)(?: class="(note)")?>(.*)</\1>', line)
    if match is None:
        raise ValueError(f"neither heading nor sentence nor condition: {line}")
    paragraph = document.add_paragraph()
    _write(paragraph, unescape(match[3]), bold=match[1] == "h2", italic=bool(match[2]), before=6, align=ALIGN.JUSTIFY)
    paragraph.paragraph_format.first_line_indent = Mm(12)
    paragraph.paragraph_format.keep_with_next = match[1] == "h2"


def _write_end(document: Document, words: Wording) -> None:
    _write(document.add_paragraph(), "", size=8)
    (row,) = _add_table(document, (4252, 5103)).rows
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    left, right = row.cells
    _write(left.paragraphs[0], words.recipients, size=12, bold=True, italic=True, align=ALIGN.LEFT)
    for text in (
        "{%p for name in recipients %}", "- {{ name }}{{ '.' if loop.last else ';' }}", "{%p endfor %}",
    ):  # fmt: skip
        _write(left.add_paragraph(), text, size=11, align=ALIGN.LEFT)
    _write(right.paragraphs[0], "{%p if head.signer_authority %}")
    _write(right.add_paragraph(), "{{ head.signer_authority }}", bold=True, caps=True)
    _write(right.add_paragraph(), "{%p endif %}")
    _write(right.add_paragraph(), "{{ head.signer_title }}", bold=True, caps=True)
    for _ in range(3):
        _write(right.add_paragraph(), "")
    _write(right.add_paragraph(), "{{ head.signer_name }}", bold=True)


def _write_annex(document: Document, words: Wording, place: int) -> None:
    """Write an annex on pages of its own, numbered from 1: its name, its title, the letter it belongs to, the table."""
    section = document.add_section(WD_SECTION.NEW_PAGE)
    _shrink(document.paragraphs[-1])  # the section before ends in it: at the end of a full page it made an empty one
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    numbers = OxmlElement("w:pgNumType")
    numbers.set(qn("w:start"), "1")
    section._sectPr.append(numbers)
    _write(document.add_paragraph(), f"{{{{ annexes[{place}].name }}}}", size=14, bold=True)
    _write(document.add_paragraph(), f"{{{{ annexes[{place}].title }}}}", bold=True, caps=True, size=13)
    _write(document.add_paragraph(), "{{ attached }}", italic=True, size=13)
    heads, rows, total = TABLES[place]
    sides = SIDES[place]
    table = _add_table(document, LYING_WIDTHS[place], rows=0)
    table.style = "Table Grid"
    _narrow(table)
    _add_row(table, [f"{{{{ {heads}[{number}] }}}}" for number in range(len(sides))], "c" * len(sides), is_head=True)
    _add_row(table, [f"{{%tr for row in {rows} %}}"], sides)
    _add_row(table, [f"{{{{ row[{number}] }}}}" for number in range(len(sides))], sides)
    _add_row(table, ["{%tr else %}"], sides)
    cells = _add_row(table, [words.nothing], "l" * len(sides))
    cells[0].merge(cells[-1])
    _add_row(table, ["{%tr endfor %}"], sides)
    if total:
        _add_row(table, [f"{{%tr if {rows} %}}"], sides)
        _add_row(table, [f"{{{{ {total}[{number}] }}}}" for number in range(len(sides))], sides, is_bold=True)
        _add_row(table, ["{%tr endif %}"], sides)
    _write(document.add_paragraph(), f"{{%p for note in annexes[{place}].notes %}}")
    _write(document.add_paragraph(), "{{ note }}", italic=True, size=12, before=3, align=ALIGN.LEFT)
    _write(document.add_paragraph(), "{%p endfor %}")


def _add_table(document: Document, widths: Sequence[int], rows: int = 1) -> Table:
    table: Table = document.add_table(rows=rows, cols=len(widths))
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Twips(width)
        for cell in column.cells:
            cell.width = Twips(width)
    return table


def _narrow(table: Table) -> None:
    """Leave a millimetre beside the text of a cell: the heads are long words in narrow columns."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), "57")
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    table._tbl.tblPr.append(margins)


def _add_row(
    table: Table, texts: Sequence[str], sides: str, *, is_head: bool = False, is_bold: bool = False
) -> tuple[_Cell, ...]:
    """Add a row whose cells take their font from a style: thousands of rows stay small."""
    add_row: Callable[[], _Row] = table.add_row
    row = add_row()
    marks = ["w:cantSplit", *(["w:tblHeader"] if is_head else [])]
    for mark in marks:
        row._tr.get_or_add_trPr().append(OxmlElement(mark))
    cells = row.cells
    for number, cell in enumerate(cells):
        cell.width = table.columns[number].width
        paragraph = cell.paragraphs[0]
        paragraph.style = STYLES[sides[number]]
        if number < len(texts):
            paragraph.add_run(texts[number]).bold = True if is_head or is_bold else None
    return cells


def _write(
    paragraph: Paragraph, text: str, *, size: float = 13.5, bold: bool = False, italic: bool = False,
    caps: bool = False, before: int = 0, align: ALIGN = ALIGN.CENTER,
) -> None:  # fmt: skip
    paragraph.alignment, paragraph.paragraph_format.space_before = align, Pt(before)
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    run.bold, run.italic, run.font.all_caps = bold or None, italic or None, caps or None


def _shrink(paragraph: Paragraph) -> None:
    shape = paragraph.paragraph_format
    shape.line_spacing, shape.space_before = Pt(1), Pt(0)


def _rule(paragraph: Paragraph, indent: int) -> None:
    """Draw a line across a paragraph, as long as its indents leave."""
    shape = paragraph.paragraph_format
    shape.left_indent = shape.right_indent = Twips(indent)
    shape.space_before, shape.space_after, shape.line_spacing = Pt(2), Pt(4), Pt(3)
    border, line = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    border.append(line)
    paragraph._p.get_or_add_pPr().insert_element_before(
        border, "w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc", "w:rPr"
    )


if __name__ == "__main__":
    for language, found in WORDINGS.items():
        (TEMPLATES / name_template(language)).write_bytes(make_template(found))

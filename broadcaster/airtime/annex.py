"""One annex of a report: a table whose numbers are numbers, written as text only where a reader needs text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from broadcaster.airtime.wording import Wording

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Annex:
    """One table of a report.

    `name` is the sheet's, `slug` what its CSV file is called. Whole numbers count things; fractions are minutes or
    other measures with one decimal. `summed` are the places of the columns that the last row adds up; `share` names
    the place of a percentage and the places of its part and its whole. `notes` stand below the table. What `is_long`
    stands in workbook, CSV and JSON alone.
    """

    name: str
    title: str
    slug: str
    heads: tuple[str, ...]
    widths: tuple[int, ...]
    rows: Sequence[Sequence[Cell]]
    summed: tuple[int, ...] = ()
    share: tuple[int, int, int] | None = None
    notes: tuple[str, ...] = ()
    is_long: bool = False

    def heading(self) -> str:
        """Give name and title in one line."""
        return self.title if self.is_long else f"{self.name}. {self.title}"

    def list_numbers(self) -> frozenset[int]:
        """Give the places of the columns that hold numbers."""
        numbers = {place for row in self.rows for place, cell in enumerate(row) if isinstance(cell, int | float)}
        return frozenset(numbers | ({self.share[0]} if self.share else set()))

    def list_texts(self, words: Wording) -> list[tuple[str, ...]]:
        """Give the rows as text, without the last one that adds up."""
        return [self._write_row(row, words) for row in self.rows]

    def list_total(self, words: Wording) -> tuple[str, ...] | None:
        """Give the last row as text; None where nothing is added up."""
        if not self.summed:
            return None
        row: list[Cell] = [""] * len(self.heads)
        row[1] = words.total
        numbers = self.list_numbers()
        for place in self.summed:
            row[place] = self.sum_column(place) if place in numbers or not self.rows else "-"
        return self._write_row(row, words)

    def sum_column(self, place: int) -> float:
        """Add up the numbers of a column; tenths stay exact, whole numbers whole."""
        cells = [cell for row in self.rows if isinstance(cell := row[place], int | float)]
        return round(sum(cells), 1) if any(isinstance(cell, float) for cell in cells) else sum(cells)

    def _write_row(self, row: Sequence[Cell], words: Wording) -> tuple[str, ...]:
        texts = [_write_cell(cell, words) for cell in row]
        if self.share:
            place, part, whole = self.share
            texts[place] = _write_share(row[part], row[whole], words)
        return tuple(texts)


@lru_cache(maxsize=4096)  # a region's week asks for a million cells, most of them the same dates, times and names
def is_code(text: str) -> bool:
    """Tell whether a text is no words but a date, a time, a hyphen: it stands in the middle of its cell.

    >>> is_code("09/10/2023"), is_code("-"), is_code("Tin 09/10")
    (True, True, False)
    """
    return not any(letter.isalpha() for letter in text)


def _write_cell(cell: Cell, words: Wording) -> str:
    if isinstance(cell, float):
        return words.format_number(cell, 1)
    if isinstance(cell, int):
        return words.format_number(cell)
    return cell or ""


def _write_share(part: Cell, whole: Cell, words: Wording) -> str:
    if isinstance(part, int | float) and isinstance(whole, int | float) and whole:
        return words.format_number(100 * part / whole, 1)
    return "-"

"""Tables of text in columns: as wide as their words need, folded where the screen is narrower. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

NAME_WIDTH = 14
GAP = "   "


def lay_out(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], width: int) -> list[str]:
    """Lay a table out in lines: the heads, a rule, the rows.

    Where the table is wider than the screen, heads are folded, then names and sentences, in the widest columns first;
    numbers never. It stays wider when even that does not help: nothing is cut off. A cell may have several lines.

    Args:
        heads: One for each column.
        rows: Cells.
        right: Which columns hold numbers.
        width: Of the screen, in letters.

    >>> print(*lay_out(["xã", "phút"], [["An Nông", "12,5"], ["Nưa", "7,0"]], [1], 80), sep="|\\n")
    xã        phút|
    ──────────────|
    An Nông   12,5|
    Nưa        7,0
    >>> print(*lay_out(["xã", "ghi chú"], [["Nưa", "Đài tắt hoặc mất điện"]], [], 20), sep="|\\n")
    xã    ghi chú|
    ────────────────────|
    Nưa   Đài tắt hoặc|
          mất điện
    >>> print(*lay_out(["xã", "ghi chú"], [["Nưa", "Đài tắt\\nMất điện"]], [], 80), sep="|\\n")
    xã    ghi chú|
    ──────────────|
    Nưa   Đài tắt|
          Mất điện
    """
    widths = _choose_widths(heads, rows, right, width)
    lines = _write_row(heads, widths, right)
    lines.append("─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for row in rows:
        lines += _write_row(row, widths, right)
    return lines


def _choose_widths(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], width: int) -> list[int]:
    widths, easy, least = [], [], []  # nothing folded; heads folded; names and sentences folded
    for place, head in enumerate(heads):
        longest = max((len(line) for row in rows for line in row[place].split("\n")), default=0)
        word = max(map(len, head.split()), default=0)
        widths.append(max(longest, len(head)))
        easy.append(max(longest, word))
        least.append(max(word, longest if place in right else min(longest, NAME_WIDTH)))
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while excess > 0:
        place = max(
            range(len(widths)), key=lambda one: (widths[one] > least[one], widths[one] > easy[one], widths[one])
        )
        if widths[place] <= least[place]:
            break
        widths[place] -= 1
        excess -= 1
    return widths


def _write_row(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> list[str]:
    if all(len(cell) <= width and "\n" not in cell for cell, width in zip(row, widths, strict=True)):
        return [_write_line(row, widths, right)]
    folded = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
    return [
        _write_line([one[line] if line < len(one) else "" for one in folded], widths, right)
        for line in range(max(map(len, folded)))
    ]


def _fold(cell: str, width: int) -> list[str]:
    parts = (([line] if len(line) <= width else textwrap.wrap(line, width)) for line in cell.split("\n"))
    return [one for part in parts for one in part]


def _write_line(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    places = range(len(widths))
    return GAP.join(
        cells[place].rjust(widths[place]) if place in right else cells[place].ljust(widths[place]) for place in places
    ).rstrip()

"""What a person sees: tables, bars, one line for each result; and JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TextIO
from zoneinfo import ZoneInfo

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 160
NAME_WIDTH = 14


def make_console(file: TextIO | None = None) -> Console:
    """Make a console; into a pipe or a file it writes plain lines that are not cut at 80 columns."""
    target = file or sys.stdout
    return Console(file=target, highlight=False, width=None if target.isatty() else PLAIN_WIDTH)


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print a table.

    Args:
        title: Above it; "" for none.
        heads: One for each column.
        rows: Cells; None becomes "".
        right: Which columns hold numbers.
    """
    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, head in enumerate(heads):
        is_number = index in right
        longest = max((len(str(row[index] or "")) for row in rows), default=1)
        width = longest if is_number else min(longest, NAME_WIDTH)
        table.add_column(head, justify="right" if is_number else "left", overflow="fold", min_width=width)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    make_console().print(table)


def print_json(value: object) -> None:
    """Print a value as JSON, Vietnamese letters as they are."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def format_local(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant in the centre's zone, to the second; "" for None."""
    return "" if moment is None else f"{moment.astimezone(zone):%d/%m/%Y %H:%M:%S}"


def format_stations(number: int) -> str:
    """Write how many stations there are.

    >>> format_stations(1), format_stations(34)
    ('1 station', '34 stations')
    """
    return f"{number} station" if number == 1 else f"{number} stations"


def format_length(duration_ms: int) -> str:
    """Write a length as minutes and seconds.

    >>> format_length(754_600)
    '12:35'
    """
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes}:{seconds:02d}"


def format_size(size_bytes: int) -> str:
    """Write a size for people.

    >>> format_size(1_530_000)
    '1.5 MB'
    """
    for unit, bytes_per_unit in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= bytes_per_unit:
            return f"{size_bytes / bytes_per_unit:.1f} {unit}"
    return f"{size_bytes} B"


@contextmanager
def show_bar(label: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error while the block runs; tell it the share done, 0 to 1."""
    console = make_console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(Text(label).plain, total=1.0)
        yield lambda share: progress.update(task, completed=share)

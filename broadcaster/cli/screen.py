"""What a person sees: tables, one line for each result; and JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from broadcaster.cli.table import lay_out
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId

PLAIN_WIDTH = 160  # of lines in a pipe or a file


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Print a table.

    Args:
        title: Above it; "" for none.
        heads: One for each column.
        rows: Cells; None becomes "".
        right: Which columns hold numbers.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if title:
        click.secho(title, bold=True)
    for line in lay_out(heads, cells, right, width):
        click.echo(line)


def format_error(error: BroadcasterError, station: StationId | None = None) -> str:
    """Write what is wrong and what to do; STATION in the advice becomes the one that is meant.

    >>> format_error(BroadcasterError("no plan", hint="`broadcaster trust STATION`"), StationId("an-nong"))
    'no plan → `broadcaster trust an-nong`'
    """
    return f"{error.message} → {name_station(error.hint, station)}" if error.hint else error.message


def name_station(hint: str, station: StationId | None) -> str:
    """Put a station into an advice that names STATION, so that its command can be typed as it stands."""
    return hint.replace("STATION", station) if station else hint


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

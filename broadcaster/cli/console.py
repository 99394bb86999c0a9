"""What moves while a command works: progress bars, and the console of boards that redraw themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from broadcaster.cli.screen import PLAIN_WIDTH


def make_console(file: TextIO | None = None) -> Console:
    """Make a console; into a pipe or a file it writes plain lines that are not cut at 80 columns."""
    target = file or sys.stdout
    return Console(file=target, highlight=False, width=None if target.isatty() else PLAIN_WIDTH)


@contextmanager
def show_bar(label: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error while the block runs; tell it the share done, 0 to 1."""
    console = make_console(sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(Text(label).plain, total=1.0)
        yield lambda share: progress.update(task, completed=share)

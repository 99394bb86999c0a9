"""What every command of the centre begins with: workspace, schedules, record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from broadcaster.centre.workspace import Workspace, find_workspace
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import SystemClock
from broadcaster.store.engine import Record
from broadcaster.timetable.read import read_schedules

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@dataclass(frozen=True, slots=True)
class Desk:
    """An open workspace."""

    workspace: Workspace
    schedules: Schedules
    record: Record
    clock: SystemClock

    def now_at(self) -> datetime:
        """Give the present instant."""
        return self.clock.now_at()


@contextmanager
def open_desk(context: click.Context) -> Iterator[Desk]:
    """Open the workspace that the command line names.

    Raises:
        InputError: No workspace, or faults in schedules/.
        RecordError: The record cannot be opened.
    """
    named = context.find_object(Path)
    workspace = find_workspace(named)
    schedules = read_schedules(workspace.schedules)
    with workspace.open_record() as record:
        yield Desk(workspace, schedules, record, SystemClock())

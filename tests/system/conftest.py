"""What the system tests share: a fresh workspace, and its record holding one programme ready for the air."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from tests.unit.makers import make_programme


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "w")[0]


@pytest.fixture
def record(workspace: Workspace) -> Iterator[Record]:
    with workspace.open_record() as record:
        with record.write() as connection:
            write_programme(connection, make_programme("tin"))
        yield record

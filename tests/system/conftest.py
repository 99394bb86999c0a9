"""What the system tests share: a fresh workspace, a record with one programme for the air, a district, a stick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from tests.district import District, open_district
from tests.unit.makers import make_programme
from tests.usb_stick import Stick, open_stick_image


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "w")[0]


@pytest.fixture
def record(workspace: Workspace) -> Iterator[Record]:
    with workspace.open_record() as record:
        with record.write() as connection:
            write_programme(connection, make_programme("tin"))
        yield record


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    with open_district(tmp_path) as district:
        yield district


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    with open_stick_image(tmp_path) as stick:
        yield stick

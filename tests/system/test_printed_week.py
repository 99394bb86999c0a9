"""The sample workspace's campaign week, 2 to 8 October 2023, as `timetable show` prints it, and that it is right."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.store.programmes import write_programme
from tests.sample_week import MONDAY, init_sample, list_programmes

GOLDEN = Path(__file__).parent / "golden" / "week-2023-W40.txt"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace, _ = init_sample(tmp_path_factory.mktemp("printed"))
    with workspace.open_record() as record, record.write() as connection:
        for programme in list_programmes():
            write_programme(connection, programme)
    return workspace


def show(workspace: Workspace, *words: str) -> str:
    result = CliRunner().invoke(cli, ["-w", str(workspace.root), "timetable", "show", "--week", "2023-W40", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_week_is_printed_as_it_was(sample: Workspace) -> None:
    printed = "\n".join(line.rstrip() for line in show(sample).splitlines() if line.strip()) + "\n"
    assert printed == GOLDEN.read_text(encoding="utf-8")


def test_what_is_printed_is_what_the_office_decided(sample: Workspace) -> None:
    """By hand: news and the campaign every day, farming on Tue Thu Sat, notices on Mon Fri, each repeated next day."""
    columns = {0: ("Thông báo",), 1: ("Nông nghiệp",), 2: (), 3: ("Nông nghiệp",), 4: ("Thông báo",),
               5: ("Nông nghiệp",), 6: ()}  # fmt: skip

    def name_day(on: date) -> list[str]:
        heads = ("Thời sự", "Chuyển đổi số", *columns[on.weekday()])
        return ["Đài hiệu", *(f"{head} {on:%d/%m}" for head in heads)]

    found = json.loads(show(sample, "--station", "dan-ly", "--json"))
    assert len(found) == 14
    for n in range(7):
        on = MONDAY + timedelta(days=n)
        morning, evening = found[2 * n : 2 * n + 2]
        assert (morning["date"], morning["start_at"][11:16], morning["repeat"]) == (str(on), "22:15", True)
        assert (evening["date"], evening["start_at"][11:16], evening["repeat"]) == (str(on), "10:00", False)
        for slot, day in ((morning, on - timedelta(days=1)), (evening, on)):
            titles = [item["title"].replace(" trong huyện", "").replace(" Triệu Sơn", "") for item in slot["items"]]
            assert titles == name_day(day)
            assert slot["stations"] == 34
            assert not slot["too_long"]

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from broadcaster.core.errors import ConfigError, WorkspaceError
from broadcaster.core.ids import StationId
from broadcaster.timetable.station_edit import set_station_field, write_station_field

AN_NONG = StationId("an-nong")
BLOCK = """# Đài xã, sửa bằng tay
stations:
  - id: minh-son   # trước
    host_key: ssh-ed25519 AAAA1 # giữ nguyên
  -   id: an-nong
      # ghi chú
      name: 'Xã An Nông'
      host_key:   "ssh-ed25519 AAAA2"   # cũ
      clusters: 3
"""


def find(text: str) -> dict[str, object]:
    return next(one for one in YAML(typ="safe").load(text)["stations"] if one["id"] == AN_NONG)


def test_only_the_value_changes() -> None:
    new = set_station_field(BLOCK, AN_NONG, "host_key", "ssh-ed25519 BBBB")
    assert new == BLOCK.replace('"ssh-ed25519 AAAA2"', '"ssh-ed25519 BBBB"')


def test_a_field_that_is_not_there_is_put_after_the_id() -> None:
    new = set_station_field(BLOCK, AN_NONG, "host", "10.0.0.2")
    assert new == BLOCK.replace("id: an-nong\n", 'id: an-nong\n      host: "10.0.0.2"\n')


def test_a_number_stands_without_quotes() -> None:
    new = set_station_field(BLOCK, AN_NONG, "port", 22001)
    assert new == BLOCK.replace("id: an-nong\n", "id: an-nong\n      port: 22001\n")


@pytest.mark.parametrize("field", ["host", "host_key"])
@pytest.mark.parametrize(
    "text",
    [
        "stations: [{id: an-nong, host_key: a}]",
        json.dumps({"format": 1, "stations": [{"id": "an-nong", "host_key": "a"}]}),
        "stations:\n- id: an-nong",
        "stations:\n- host_key: a\n  id: an-nong\n- id: b\n",
    ],
)
def test_every_way_of_writing_yaml_can_be_changed(text: str, field: str) -> None:
    new = set_station_field(text, AN_NONG, field, 'x: "y" # z')
    assert new is not None
    assert find(new)[field] == 'x: "y" # z'
    assert find(new) | {field: None} == find(text) | {field: None}


def test_what_cannot_be_changed_stays(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        write_station_field(tmp_path, AN_NONG, "host", "x")
    path = tmp_path / "stations.yaml"
    for text in ("stations: [", "stations: {}", "a: b", ""):
        path.write_text(text)
        with pytest.raises(ConfigError):
            write_station_field(tmp_path, AN_NONG, "host", "x")
        assert path.read_text() == text

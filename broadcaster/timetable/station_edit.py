"""Changing one value of one station in stations.yaml: everything else, comments and layout too, stays byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from broadcaster.core.errors import ConfigError, Fault, WorkspaceError
from broadcaster.core.files import write_atomic
from broadcaster.core.ids import StationId

STATIONS_FILE = "stations.yaml"


def write_station_field(schedules: Path, station: StationId, field: str, value: str | int) -> None:
    """Set one field of one station in stations.yaml; a field that is not there yet is put after the id.

    Args:
        schedules: The folder.
        station: The id, which the file must have.
        field: Its name.
        value: Any text or whole number.

    Raises:
        ConfigError: The file has no such station, or cannot be read as YAML. It stays as it was.
        WorkspaceError: It cannot be read or written. It stays as it was.
    """
    path = schedules / STATIONS_FILE
    try:
        text = path.read_text(encoding="utf-8")
        new = set_station_field(text, station, field, value)
        if new is None:
            raise ConfigError([Fault(path, 1, 1, f"there is no station {station} written as a list of fields")])
        write_atomic(path, new.encode(), mode=path.stat().st_mode & 0o777)
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} cannot be changed: {error}", hint="correct it by hand") from error
    except YAMLError as error:
        raise ConfigError([Fault(path, 1, 1, f"not YAML: {error}")]) from error


def set_station_field(text: str, station: StationId, field: str, value: str | int) -> str | None:
    """Set one field of one station in the text of stations.yaml; None when the text has no such station.

    >>> before = "stations:\\n  - id: an-nong # xã\\n    name: Xã An Nông\\n"
    >>> print(set_station_field(before, StationId("an-nong"), "host", "10.0.0.2"), end="")
    stations:
      - id: an-nong # xã
        host: "10.0.0.2"
        name: Xã An Nông
    """
    form = _find_station(YAML(typ="rt").compose(text), station)
    if form is None:
        return None
    quoted = json.dumps(value, ensure_ascii=False)
    node = _find_value(form, field)
    if node is not None:
        return text[: node.start_mark.index] + quoted + text[node.end_mark.index :]
    identity = next(key for key, _ in form.value if key.value == "id")
    after = _find_value(form, "id")
    end = after.end_mark.index if after is not None else identity.end_mark.index
    if form.flow_style:
        return f"{text[:end]}, {_quote_key(identity, field)}: {quoted}{text[end:]}"
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{' ' * identity.start_mark.column}{field}: {quoted}{text[line_end:]}"


def _find_station(root: Node | None, station: StationId) -> MappingNode | None:
    stations = _find_value(root, "stations")
    if not isinstance(stations, SequenceNode):
        return None
    for form in stations.value:
        found = _find_value(form, "id")
        if isinstance(form, MappingNode) and isinstance(found, ScalarNode) and found.value == station:
            return form
    return None


def _find_value(node: Node | None, name: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _quote_key(like: Node, name: str) -> str:
    """Write a key as its neighbour is written: JSON is YAML too."""
    return json.dumps(name) if getattr(like, "style", None) == '"' else name

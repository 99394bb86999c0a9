"""Change timetable.yaml as a person would: what stays the same keeps its place, its comments and its quotes."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, PlainScalarString

from broadcaster.core.errors import ConfigError, Fault, InputError, TimetableError, WorkspaceError
from broadcaster.core.files import write_atomic
from broadcaster.timetable.read import FILES, read_schedules
from broadcaster.timetable.table import list_fields, write_row

TIMETABLE = FILES[4]
BACKUP = f"{TIMETABLE}.before"
DATE_TAG = "tag:yaml.org,2002:timestamp"
Fields = Mapping[str, object]


class ChangeKind(StrEnum):
    """What happens to a slot."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SlotChange:
    """One slot that would not be as it is now; `details` are (field, text before, text after)."""

    kind: ChangeKind
    slot: str
    details: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class TimetableEdit:
    """A new text of timetable.yaml that was found right, and how it differs."""

    text: str
    changes: tuple[SlotChange, ...]


def read_slots(folder: Path) -> list[Fields]:
    """Read the slots as they stand in timetable.yaml.

    Raises:
        ConfigError: The schedules are not right as they are.
        TimetableError: As above.
        WorkspaceError: There is no such folder.
    """
    read_schedules(folder)
    return [dict(slot) for slot in _load(folder / TIMETABLE)["slots"]]


def plan_edit(folder: Path, slots: Sequence[Fields], *, is_whole: bool) -> TimetableEdit:
    """Plan how the slots of a timetable become others. Nothing is written.

    Args:
        folder: The workspace's schedules/.
        slots: What the slots are to be; the order of those that are there stays.
        is_whole: Slots that are not among them go.

    Raises:
        InputError: Two of them have one id, or the timetable would not be right; names every slot and its faults.
        ConfigError: The schedules are not right as they are.
        TimetableError: As above.
        WorkspaceError: There is no such folder.
    """
    read_schedules(folder)
    root = _load(folder / TIMETABLE)
    present: CommentedSeq = root["slots"]
    wanted: dict[str, Fields] = {}
    for new in slots:
        if str(new["id"]) in wanted:
            raise InputError(f"the slot {new['id']!r} stands in the file twice", hint="give one of them another id")
        wanted[str(new["id"])] = new
    changes = []
    for place in reversed(range(len(present))):
        slot = present[place]
        if slot["id"] not in wanted and is_whole:
            changes.append(SlotChange(ChangeKind.REMOVED, slot["id"], ()))
            del present[place]
        elif slot["id"] in wanted:
            details = _change_slot(slot, wanted[slot["id"]])
            if details:
                changes.append(SlotChange(ChangeKind.CHANGED, slot["id"], details))
    changes.reverse()
    known = {slot["id"] for slot in present}
    for name, new in wanted.items():
        if name not in known:
            slot = CommentedMap()
            changes.append(SlotChange(ChangeKind.ADDED, name, _change_slot(slot, new)))
            present.append(slot)
    out = io.StringIO()
    _make_yaml().dump(root, out)
    _require_right(folder, out.getvalue())
    return TimetableEdit(out.getvalue(), tuple(changes))


def write_edit(folder: Path, edit: TimetableEdit) -> Path:
    """Write a planned edit; the file as it was lies beside it, to go back to.

    Returns:
        The path of the file as it was.

    Raises:
        WorkspaceError: The folder cannot be written; the timetable is as it was.
    """
    try:
        write_atomic(folder / BACKUP, (folder / TIMETABLE).read_bytes())
        write_atomic(folder / TIMETABLE, edit.text.encode())
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be written: {error.strerror}") from error
    return folder / BACKUP


def _change_slot(slot: CommentedMap, new: Fields) -> tuple[tuple[str, str, str], ...]:
    names = list(list_fields())
    before, after = write_row(slot), write_row(new)
    details = []
    for name, old_text, new_text in zip(names, before, after, strict=True):
        if old_text == new_text:
            continue
        details.append((name, old_text, new_text))
        if name in new:
            slot[name] = _make_node(name, new[name])
        else:
            del slot[name]
    return tuple(details)


def _make_node(name: str, value: object) -> object:
    if name == "at" and isinstance(value, str):
        return DoubleQuotedScalarString(value)
    if isinstance(value, list):
        nodes = CommentedSeq([_make_node("", one) for one in value])
        if name != "rundown":
            nodes.fa.set_flow_style()
        return nodes
    if isinstance(value, dict):
        node = CommentedMap(value)
        node.fa.set_flow_style()
        return node
    return value


def _require_right(folder: Path, text: str) -> None:
    """Read the folder as it would be, in a copy; a fault is told by its slot: nobody has seen those lines."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / folder.name
        copy.mkdir()
        for name in FILES:
            shutil.copyfile(folder / name, copy / name)
        (copy / TIMETABLE).write_text(text, encoding="utf-8")
        try:
            read_schedules(copy)
        except (ConfigError, TimetableError) as error:
            starts = list(_list_starts(_make_yaml().load(text)["slots"]))
            told = dict.fromkeys(_tell_fault(fault, starts) for fault in error.faults)  # each once, in order
            raise InputError(
                "the timetable would not be right:\n" + "\n".join(told),
                hint="correct what you import; timetable.yaml is as it was",
            ) from error


def _list_starts(slots: CommentedSeq) -> Iterator[tuple[int, str]]:
    for place, slot in enumerate(slots):
        yield int(slots.lc.item(place)[0]) + 1, str(slot["id"])


def _tell_fault(fault: Fault, starts: Sequence[tuple[int, str]]) -> str:
    names = [name for line, name in starts if line <= fault.line]
    return f"slot {names[-1]!r}: {fault.say()}" if fault.path.name == TIMETABLE and names else str(fault)


def _load(path: Path) -> CommentedMap:
    root: CommentedMap = _make_yaml().load(path.read_text(encoding="utf-8"))
    return root


class _WrittenDate(PlainScalarString):
    """A date as it stands in the file, with the anchor that a person may have given it."""


class _Constructor(RoundTripConstructor):
    def construct_date(self, node: ScalarNode) -> _WrittenDate:
        written: _WrittenDate = _WrittenDate(node.value, anchor=node.anchor)
        return written


class _Representer(RoundTripRepresenter):
    def ignore_aliases(self, data: object) -> bool:
        """Tell what never gets an anchor: a date of ours that stands in two places is written twice."""
        return isinstance(data, date) or bool(super().ignore_aliases(data))

    def represent_date(self, data: _WrittenDate) -> ScalarNode:
        return self.represent_scalar(DATE_TAG, str(data), anchor=data.yaml_anchor())


_Constructor.add_constructor(DATE_TAG, _Constructor.construct_date)
_Representer.add_representer(_WrittenDate, _Representer.represent_date)


def _make_yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = 1000
    yaml.brace_single_entry_mapping_in_flow_sequence = True  # [{column: thoi-su}] stays as it is written
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml

"""YAML with places: every value knows its line and column, so that a fault can name them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from broadcaster.core.errors import Fault
from broadcaster.core.ids import choose_nearest, suggest_nearest
from broadcaster.timetable.fault_words import say_expected
from broadcaster.timetable.stand_in import replace_unreadable

F = TypeVar("F", bound=BaseModel)
Place = tuple[str | int, ...]
MAX_FILE_BYTES = 8 << 20
NO_COLON = "could not find expected ':'"
TAB = r"'\t'"


class _TextConstructor(RoundTripConstructor):
    """Leaves dates as texts: the forms read them, and a day that does not exist becomes a fault with a place."""


_TextConstructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


class PlacedFile:
    """One file of schedules/ with the places of its values.

    Args:
        path: As it is shown in faults.
        root: The parsed file.
    """

    def __init__(self, path: Path, root: object) -> None:
        self.path = path
        self.root = root
        self.stand_ins: set[Place] = set()
        self.untrue: set[Fault] = set()

    def make_fault(self, place: Sequence[str | int], message: str, expected: str = "", hint: str = "") -> Fault:
        """Make a fault at a value; where the value is missing, at the nearest thing around it.

        What is said of a stand-in is noted in `untrue`: people did not write it.
        """
        line, column = self._find(place)
        fault = Fault(self.path, line + 1, column + 1, message, expected, hint)
        if tuple(place[:2]) in self.stand_ins:
            self.untrue.add(fault)
        return fault

    def _find(self, place: Sequence[str | int]) -> tuple[int, int]:
        node = self.root
        found = (0, 0)
        for key in place:
            if isinstance(node, CommentedMap) and key in node:
                found = node.lc.value(key)
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                found = node.lc.item(key)
            else:
                break
            node = node[key]
        return found

    def find_key(self, place: Sequence[str | int]) -> tuple[int, int]:
        """Find the line and column, both from 0, of a key itself rather than of its value."""
        node = self.root
        for key in place[:-1]:
            if not isinstance(node, CommentedMap | CommentedSeq):
                return self._find(place)
            node = node[key]
        if isinstance(node, CommentedMap) and place[-1] in node:
            line, column = node.lc.key(place[-1])
            return int(line), int(column)
        return self._find(place)


def read_placed(path: Path, form: type[F], shown: Path) -> tuple[PlacedFile, F | None, list[Fault]]:
    """Read one YAML file into a form.

    Args:
        path: The file.
        form: What it must look like.
        shown: The path as faults name it.

    Returns:
        The placed file, the form, and every fault. Where there are faults the form holds stand-ins for what cannot be
        read, so that the rest can be judged; it is None when nothing can.
    """
    try:
        root = _load(path)
    except _UnreadableFileError as error:
        fault = Fault(shown, error.line + 1, error.column + 1, error.message, error.expected)
        return PlacedFile(shown, None), None, [fault]
    placed = PlacedFile(shown, root)
    try:
        return placed, form.model_validate(root), []
    except ValidationError as error:
        faults = [_explain(placed, form, details) for details in _list_told(form, error.errors())]
        copy, stand_ins = replace_unreadable(root, [details["loc"] for details in error.errors()])
        placed.stand_ins = stand_ins
    try:
        return placed, form.model_validate(copy), faults
    except ValidationError:
        return placed, None, faults


class _UnreadableFileError(Exception):
    def __init__(self, message: str, expected: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.line = line
        self.column = column


@lru_cache(maxsize=5)  # a report reads the five files, and once more as it packs them; nobody changes what was read
def _parse(text: str) -> object:
    reader = YAML(typ="rt")
    reader.Constructor = _TextConstructor
    return reader.load(text)


def _load(path: Path) -> CommentedMap:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _UnreadableFileError("the file is too large", f"at most {MAX_FILE_BYTES} bytes")
        root = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _UnreadableFileError("the file is missing", "a file as `broadcaster init` makes it") from error
    except UnicodeDecodeError as error:
        raise _UnreadableFileError(f"the file is not UTF-8 ({error.reason})", "save it as UTF-8") from error
    except OSError as error:
        raise _UnreadableFileError(f"the file cannot be read: {error.strerror}") from error
    except MarkedYAMLError as error:
        problem = str(error.problem or error.context)
        is_colon = problem == NO_COLON
        mark = (is_colon and error.context_mark) or error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        expected = "`field: value` with a space behind the colon" if is_colon else "spaces" if TAB in problem else ""
        raise _UnreadableFileError(f"not YAML: {problem}", expected, line, column) from error
    except YAMLError as error:
        raise _UnreadableFileError(f"not YAML: {error}") from error
    if not isinstance(root, CommentedMap):
        raise _UnreadableFileError("the file is not a list of fields", "fields such as `format: 1`")
    return root


def _list_told(form: type[BaseModel], errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """List what is to be told: a field that is missing because it is misspelt is told once."""
    misspelt = {
        (*place[:-1], choose_nearest(str(place[-1]), _list_fields(form, place[:-1])))
        for place in (details["loc"] for details in errors if details["type"] == "extra_forbidden")
    }
    return [details for details in errors if details["type"] != "missing" or details["loc"] not in misspelt]


def _explain(placed: PlacedFile, form: type[BaseModel], details: ErrorDetails) -> Fault:
    place = details["loc"]
    name = place[-1] if place else ""
    kind = details["type"]
    if kind == "missing":
        return placed.make_fault(place[:-1], f"field {name!r} is missing")
    if kind == "extra_forbidden":
        line, column = placed.find_key(place)
        near = suggest_nearest(str(name), _list_fields(form, place[:-1]))
        return Fault(placed.path, line + 1, column + 1, f"unknown field {name!r}", hint=near)
    shown = repr(details["input"])[:60]
    return placed.make_fault(place, f"{_name(place)} is {shown}", *say_expected(details))


def _name(place: Place) -> str:
    names = [part for part in place if isinstance(part, str)]
    return f"field {names[-1]!r}" if names else "value"


def _list_fields(form: type[BaseModel], place: Place) -> list[str]:
    """List the field names that the form has at a place, to suggest the nearest."""
    current: type[BaseModel] | None = form
    for key in place:
        if isinstance(key, int) or current is None:
            continue
        field = next((f for n, f in current.model_fields.items() if key in (n, f.alias)), None)
        current = _find_form(field.annotation) if field else None
    return [f.alias or n for n, f in current.model_fields.items()] if current else []


def _find_form(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _find_form(part)
        if found:
            return found
    return None

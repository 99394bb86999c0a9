"""Reading JSON documents field by field, so that a wrong one is refused with the name of the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import Sha256, is_sha256
from broadcaster.core.time import read_instant

MAX_DOCUMENT_BYTES = 4 << 20
T = TypeVar("T")


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Read one JSON object.

    Raises:
        DocumentError: Larger than 4 MiB, not JSON, or not an object.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"the {what} is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        parsed = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the {what} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise DocumentError(f"the {what} is not a JSON object")
    return parsed


def write_object(fields: Mapping[str, object]) -> bytes:
    """Write one JSON object on one line, keys in the order given, Vietnamese letters as they are."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


class FieldReader:
    """Reads the fields of one object; every refusal names the document and the field.

    Fields it does not know are passed over: a newer release may have added them.
    """

    def __init__(self, fields: Mapping[str, Any], what: str) -> None:
        self.fields = fields
        self.what = what

    def read_text(self, name: str) -> str:
        """Read a text.

        Raises:
            DocumentError: Missing or not a text; likewise for every method here.
        """
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def read_int(self, name: str, low: int = 0, high: int = 2**53) -> int:
        """Read a whole number between two bounds, both allowed."""
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(name, f"a whole number from {low} to {high}")
        return value

    def read_bool(self, name: str) -> bool:
        """Read true or false."""
        value = self.fields.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def read_sha256(self, name: str) -> Sha256:
        """Read a SHA-256 in small hexadecimal digits."""
        value = self.read_text(name)
        if not is_sha256(value):
            raise self._wrong(name, "a SHA-256")
        return Sha256(value)

    def read_moment(self, name: str) -> datetime:
        """Read an instant with its zone."""
        try:
            return read_instant(self.fields[name])
        except (KeyError, TypeError, ValueError) as error:
            raise self._wrong(name, "an instant such as 2023-10-09T10:00:00.000Z") from error

    def read_as(self, name: str, reader: Callable[[str], T], expected: str) -> T:
        """Read a text through a reader that raises ValueError for what it refuses."""
        try:
            return reader(self.read_text(name))
        except ValueError as error:
            raise self._wrong(name, expected) from error

    def read_optional(self, name: str, reader: Callable[[str], T]) -> T | None:
        """Read a field by one of the methods above, or None where it is null or absent."""
        return None if self.fields.get(name) is None else reader(name)

    def read_optional_as(self, name: str, reader: Callable[[str], T], expected: str) -> T | None:
        """Read a text through a reader, or None where it is null or absent."""
        return None if self.fields.get(name) is None else self.read_as(name, reader, expected)

    def read_list(self, name: str) -> list[Any]:
        """Read a list."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def require(self, kind: str, newest_format: int) -> None:
        """Check that the document is of a kind and of a format that this release understands."""
        if self.read_text("kind") != kind:
            raise self._wrong("kind", repr(kind))
        written = self.read_int("format", 1)
        if written > newest_format:
            raise DocumentError(
                f"the {self.what} has format {written}, this release reads up to {newest_format}",
                hint="update broadcaster on this machine",
            )

    def _wrong(self, name: str, expected: str) -> DocumentError:
        shown = json.dumps(self.fields.get(name), ensure_ascii=False, default=str)[:80]
        return DocumentError(f"the {self.what}'s field {name!r} is {shown}, expected {expected}")

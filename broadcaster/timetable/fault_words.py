"""What a field of a file was expected to be, in the words of somebody who writes such files."""

from __future__ import annotations

import re

from pydantic_core import ErrorDetails

from broadcaster.core.ids import suggest_nearest

_PHRASES = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} in the list",
    "string_too_short": "at least {min_length} letter",
    "string_too_long": "at most {max_length} letters",
    "string_type": "text",
    "string_pattern_mismatch": "another form",
    "list_type": "a list, such as [a, b]",
    "model_type": "fields and their values",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_CHOICES = ("literal_error", "enum")


def say_expected(details: ErrorDetails) -> tuple[str, str]:
    """Say what was expected in place of a wrong value.

    Returns:
        What was expected, and the nearest right spelling as a hint ("" when nothing is near).
    """
    kind, context = details["type"], details.get("ctx", {})
    if kind in _CHOICES:
        expected = str(context["expected"])
        return expected, suggest_nearest(str(details["input"]), re.findall(r"'([^']*)'", expected))
    if kind == "string_type" and isinstance(details["input"], int | float):
        return "text in quotes", ""
    if kind in _PHRASES:
        return _PHRASES[kind].format_map(context), ""
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return message.removeprefix("expected "), ""

"""What the fields of the files in schedules/ are made of: ids, names, times of day, weeks, spans."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from broadcaster.core.errors import InputError
from broadcaster.core.ids import ID_RULE, compose, is_id
from broadcaster.core.time import read_week

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def _check_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"expected {ID_RULE}")
    return text


def _read_time(value: object) -> object:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('expected a time of day in quotes such as "17:00" or "05:15:30"')
    try:
        return time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError as error:
        raise ValueError(f'expected a time of day such as "17:00" ({error})') from error


def _read_monday(text: str) -> str:
    try:
        read_week(text)
    except InputError as error:
        raise ValueError(f"expected an ISO week such as 2023-W41 ({error.message})") from error
    return text


Week = Annotated[str, AfterValidator(_read_monday)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(compose)]
Id = Annotated[str, AfterValidator(_check_id)]
TimeOfDay = Annotated[time, BeforeValidator(_read_time)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Address = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+$")]

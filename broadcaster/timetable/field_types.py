"""What the fields of the files in schedules/ are made of: ids, names, times of day, weeks, spans."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from broadcaster.core.errors import InputError
from broadcaster.core.ids import ID_RULE, compose, is_id, plan_id
from broadcaster.core.time import read_date, read_week

_SERVER = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::(\d{1,5}))?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f]*(:[0-9A-Fa-f]*){2,7}")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def _check_id(text: str) -> str:
    if not is_id(text):
        near = plan_id(text)
        raise ValueError(f"expected {ID_RULE}" + (f", such as {near!r}" if near else ""))
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
        raise ValueError(f"expected an ISO week of that year, such as 2023-W41 ({text} is none)") from error
    return text


def read_day(value: object) -> object:
    """Read a day as people write it; pydantic makes a fault of the ValueError when it is none."""
    try:
        return value if isinstance(value, date) else read_date(str(value))
    except InputError as error:
        raise ValueError("expected a day that there is, such as 2023-10-09 or 09/10/2023") from error


def _read_day_or_week(value: object) -> object:
    """Take a week for a text, and anything else for a date."""
    text = str(value)
    if "w" in text.casefold():
        return _read_monday(text)
    try:
        return read_day(value)
    except ValueError as error:
        raise ValueError("expected a day such as 2023-10-09 or 09/10/2023, or a week such as 2023-W41") from error


def _check_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError('expected a time zone such as "Asia/Ho_Chi_Minh"') from error
    return text


def _check_host_key(text: str) -> str:
    words = text.split()
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-")):
        raise ValueError("expected a host key line such as 'ssh-ed25519 AAAA…'")
    return " ".join(words[:2])


def _check_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("expected a host's name or address alone, such as an-nong.example.vn; its port is `port`")
    return text


def _read_server(value: object) -> object:
    match = _SERVER.fullmatch(value) if isinstance(value, str) else None
    port = int(match[2] or 22) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise ValueError(
            "expected a host's name or address, with its port where that is not 22: centre.example.vn:2222"
        )
    return match[1], port


OnDate = Annotated[date, BeforeValidator(read_day)]
DateOrWeek = Annotated[date | str, BeforeValidator(_read_day_or_week)]
Host = Annotated[str, AfterValidator(_check_host)]
HostKey = Annotated[str, AfterValidator(_check_host_key)]
Zone = Annotated[str, AfterValidator(_check_zone)]
Server = Annotated[tuple[str, int], BeforeValidator(_read_server)]
Week = Annotated[str, AfterValidator(_read_monday)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(compose)]
Id = Annotated[str, AfterValidator(_check_id)]
TimeOfDay = Annotated[time, BeforeValidator(_read_time)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Address = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+$")]

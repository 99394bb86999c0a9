"""The timetable as a table: one row for each slot, one column for each field, as offices keep it. Pure.

A cell holds what the field holds in timetable.yaml: lists with commas, a rundown as
`programme:dai-hieu, column:thoi-su`, a span of dates as `2024-02-08..2024-02-14`. An empty cell is a field left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from broadcaster.core.errors import InputError
from broadcaster.core.ids import compose, suggest_nearest
from broadcaster.core.time import plan_dates, read_date
from broadcaster.timetable.forms import ItemForm, SlotForm

Value = str | int | date | list["Value"] | dict[str, "Value"]
Row = dict[str, str]

LABELS = {
    "id": "Mã", "title": "Tên", "at": "Giờ", "max_min": "Phút tối đa", "days": "Thứ", "from": "Từ ngày",
    "to": "Đến ngày", "stations": "Đài", "rundown": "Nội dung", "repeat_of": "Phát lại của",
    "every_weeks": "Mỗi mấy tuần",
    "nth": "Tuần thứ mấy trong tháng", "dates": "Các ngày", "except": "Trừ các ngày", "volume": "Âm lượng",
}  # fmt: skip
ITEM_KINDS = tuple(ItemForm.model_fields)
_NAMED = re.compile(r"\(([a-z_]+)\)\s*$")
_SPAN = ".."
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*(AM|SA|PM|CH))?", re.IGNORECASE)


def list_fields() -> dict[str, str]:
    """List the fields of a slot as timetable.yaml names them, with the kind of each, such as text, time or list."""
    return {
        field.alias or name: _choose_kind(str(field.annotation), field.alias or name)
        for name, field in SlotForm.model_fields.items()
    }


def _choose_kind(annotation: str, name: str) -> str:
    if name in ("rundown", "except"):
        return name
    if name == "at":
        return "time"
    if "list[" in annotation:
        return "ints" if "-1" in annotation else "dates" if "date" in annotation else "list"
    if "datetime.date" in annotation:
        return "date"
    if "bool" in annotation:
        return "bool"
    return "int" if "int" in annotation and "Literal" not in annotation else "text"


def list_heads() -> list[str]:
    """List the heads of the table; what stands in brackets is the field.

    >>> list_heads()[:3]
    ['Mã (id)', 'Tên (title)', 'Giờ (at)']
    """
    return [f"{LABELS[name]} ({name})" if name in LABELS else name for name in list_fields()]


def write_row(slot: Mapping[str, object]) -> list[str]:
    """Write a slot, as it stands in timetable.yaml, as the cells of its row."""
    return [_write_cell(slot.get(name), kind) for name, kind in list_fields().items()]


def read_rows(table: Sequence[Sequence[object]], source: str) -> list[dict[str, Value]]:
    """Read a table into slots; whether they make a timetable is not looked at.

    Args:
        table: The heads and the rows, as a spreadsheet gives them.
        source: The file's name, for errors.

    Raises:
        InputError: A head that is no field, a cell that cannot be read, or a row without an id; with the row's number.
    """
    heads = [_read_head(str(cell or ""), source) for cell in table[0]] if table else []
    if "id" not in heads:
        raise InputError(f"{source}: the first row has no column 'id'", hint="`broadcaster timetable export` makes one")
    kinds = list_fields()
    slots = []
    for number, cells in enumerate(table[1:], 2):
        texts = {head: _write_plain(cell) for head, cell in zip(heads, cells, strict=False) if head}
        if not any(texts.values()):
            continue
        if not texts["id"]:
            raise InputError(f"{source}, row {number}: the id is missing", hint="such as phat-lai-sang")
        slots.append({
            name: _read_cell(texts[name], kind, f"{source}, row {number}, {name}")
            for name, kind in kinds.items() if texts.get(name)
        })  # fmt: skip
    return slots


def find_day(value: object) -> date:
    """Find the date that a value of timetable.yaml is, where it may stand as 09/10/2023 too."""
    return value if isinstance(value, date) else read_date(str(value))


def list_days(value: object) -> set[date]:
    """List the days of a field that holds dates and spans of them."""
    found: set[date] = set()
    for one in value if isinstance(value, list) else ():
        first, last = (one["from"], one["to"]) if isinstance(one, Mapping) else (one, one)
        found |= set(plan_dates(find_day(first), find_day(last)))
    return found


def join_days(days: Iterable[date]) -> list[Value]:
    """Write days as dates and, where they follow each other, as spans.

    >>> join_days([date(2024, 2, 9), date(2024, 2, 8), date(2024, 4, 18)])
    [{'from': datetime.date(2024, 2, 8), 'to': datetime.date(2024, 2, 9)}, datetime.date(2024, 4, 18)]
    """
    spans: list[tuple[date, date]] = []
    for on in sorted(days):
        if spans and on - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], on)
        else:
            spans.append((on, on))
    return [first if first == last else {"from": first, "to": last} for first, last in spans]


def _read_head(text: str, source: str) -> str:
    found = _NAMED.search(text)
    name = found[1] if found else text.strip()
    fields = list_fields()
    labels = {label.casefold(): field for field, label in LABELS.items()}
    name = labels.get(compose(name).casefold(), name)
    if name and name not in fields:
        hint = suggest_nearest(name, fields, "remove the column")
        raise InputError(f"{source}: there is no field {name!r}", hint=hint)
    return name


def _write_plain(cell: object) -> str:
    """Write what a spreadsheet holds, where times, dates and whole numbers may have types of their own."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else f"{cell:%H:%M:%S}".removesuffix(":00")
    if isinstance(cell, time):
        return f"{cell:%H:%M:%S}" if cell.second else f"{cell:%H:%M}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return compose(str(cell))


def _write_cell(value: object, kind: str) -> str:
    if value is None:
        return ""
    if kind == "time":
        return _write_time(str(value))
    if kind == "bool":
        return str(value).lower()
    if kind == "rundown" and isinstance(value, list):
        return ", ".join(f"{name}:{what}" for item in value for name, what in item.items())
    if kind == "except" and isinstance(value, list):
        return ", ".join(
            f"{_write_day(one['from'])}{_SPAN}{_write_day(one['to'])}" if isinstance(one, Mapping) else _write_day(one)
            for one in value
        )
    if kind in ("date", "dates"):
        return ", ".join(map(_write_day, value if isinstance(value, list) else [value]))
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value)


def _write_time(text: str) -> str:
    """Write a time of day as 17:00, however a spreadsheet wrote it; what is none stays for the one who judges it.

    >>> [_write_time(text) for text in ("5:15:00", "05:00:30 PM", "12:10 SA", "17h")]
    ['05:15', '17:00:30', '00:10', '17h']
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return text
    hour, half = int(found[1]), (found[4] or "").upper()
    if half:
        hour = hour % 12 + (12 if half in ("PM", "CH") else 0)
    return f"{hour:02}:{found[2]}" + (f":{found[3]}" if found[3] not in (None, "00") else "")


def _write_day(value: object) -> str:
    return find_day(value).isoformat()


def _read_cell(text: str, kind: str, where: str) -> Value:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if kind == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "rundown":
        return [_read_item(part, where) for part in parts]
    if kind == "except":
        return [_read_span(part) for part in parts]
    if kind == "dates":
        return [read_date(part) for part in parts]
    if kind == "date":
        return read_date(text)
    if kind == "list":
        return list(parts)
    if kind in ("int", "ints"):
        numbers: list[Value] = [_read_int(part, where) for part in parts]
        return numbers if kind == "ints" else numbers[0]
    return _write_time(text) if kind == "time" else text


def _read_int(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{where}: {text!r} is no whole number", hint="write it in digits") from error


def _read_item(part: str, where: str) -> Value:
    name, colon, what = part.partition(":")
    if not colon or name.strip() not in ITEM_KINDS:
        hint = "write column:thoi-su, programme:dai-hieu or fill:ca-nhac"
        raise InputError(f"{where}: {part!r} is no item", hint=hint)
    return {name.strip(): what.strip()}


def _read_span(part: str) -> Value:
    first, dots, last = part.partition(_SPAN)
    return {"from": read_date(first), "to": read_date(last)} if dots else read_date(first)

"""What an approval is given for. Pure: the same programme and timetable give the same fingerprint."""

from __future__ import annotations

import dataclasses
import json

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import Sha256, SlotId
from broadcaster.core.model import Programme
from broadcaster.core.schedules import Schedules, Slot


def plan_fingerprint(programme: Programme, schedules: Schedules) -> Sha256:
    """Hash all that an approver says yes to: the master's bytes, what the programme is, and where it would play.

    It changes with the master, with title, kind, column, campaign, language and date, with any field of a slot that
    would play the programme (its repeats too), and with days that are made like another onto the programme's date.
    """
    slots = _list_slots(programme, schedules)
    seen = {
        "programme": [programme.id, programme.title, programme.kind, programme.column, programme.campaign],
        "language": programme.language,
        "date": programme.on,
        "master": programme.master.sha256,
        "slots": [_list_fields(slot) for slot in sorted(slots, key=lambda slot: slot.id)],
        "copies": [copy.like for copy in schedules.copies if copy.on == programme.on],
    }
    return hash_bytes(json.dumps(seen, ensure_ascii=False, sort_keys=True, default=str).encode())


def _list_slots(programme: Programme, schedules: Schedules) -> list[Slot]:
    first: set[SlotId] = {
        slot.id
        for slot in schedules.slots
        for item in slot.rundown
        if item.programme == programme.id or programme.column in {item.column, item.fill} - {None}
    }
    return [slot for slot in schedules.slots if slot.id in first or slot.repeat_of in first]


def _list_fields(slot: Slot) -> dict[str, object]:
    fields = dataclasses.asdict(slot)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in fields.items()}

"""Stand-ins for what cannot be read, in a file or of it: the rest is judged too, and all faults come at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from broadcaster.core.ids import is_id, plan_id
from broadcaster.timetable.forms import (
    CampaignsFile,
    CentreFile,
    ColumnForm,
    ColumnsFile,
    StationForm,
    StationsFile,
    TimetableFile,
)

Element = tuple[str | int, ...]
# A day on which no centre broadcasts: what stands there meets nothing.
NEVER = "1900-01-01"
PERIOD = {"from": NEVER, "to": NEVER}
ELEMENTS: Mapping[str, Mapping[str, object]] = {
    "stations": {"name": "?"},
    "columns": {"name": "?"},
    "campaigns": {"name": "?", **PERIOD},
    "slots": {"title": "?", "at": "12:00", "max_min": 1, "rundown": [{"programme": "none"}], **PERIOD},
    "copies": {"date": NEVER, "like": NEVER},
}
NAMELESS = "unreadable-"
FIELDS: Mapping[str, object] = {"format": 1, "name": "?"}


@dataclass(frozen=True, slots=True)
class Files:
    """The five files of schedules/."""

    centre: CentreFile
    stations: StationsFile
    columns: ColumnsFile
    campaigns: CampaignsFile
    timetable: TimetableFile


def replace_files(
    centre: CentreFile | None,
    stations: StationsFile | None,
    columns: ColumnsFile | None,
    campaigns: CampaignsFile | None,
    timetable: TimetableFile | None,
) -> Files:
    """Put something harmless where a whole file cannot be read, None: it has every name that the others use of it."""
    centre = centre or CentreFile(format=1, name="?")
    campaigns = campaigns or CampaignsFile(format=1)
    timetable = timetable or TimetableFile(format=1, slots=[])
    if columns is None:
        items = [item for slot in timetable.slots for item in slot.rundown]
        alerts = (centre.alerts.priority_column, centre.alerts.normal_column)
        used = chain((name for item in items for name in (item.column, item.fill)), alerts,
                     *(campaign.columns for campaign in campaigns.campaigns))  # fmt: skip
        names = sorted({name for name in used if name})
        columns = ColumnsFile(format=1, columns=[ColumnForm(id=name, name="?") for name in names])
    if stations is None:
        targets = chain(*(slot.stations for slot in timetable.slots), *(area.stations for area in centre.alerts.areas))
        forms = [StationForm.model_construct(id=name, name="?") for name in sorted({"all", *targets})]
        stations = StationsFile.model_construct(format=1, stations=forms)
    return Files(centre, stations, columns, campaigns, timetable)


def replace_unreadable(
    root: Mapping[str, Any], places: Iterable[tuple[str | int, ...]]
) -> tuple[dict[str, object], set[Element]]:
    """Put something harmless where a file cannot be read.

    Args:
        root: The file.
        places: Where its values are wrong.

    Returns:
        A copy, and the elements of its lists that are stand-ins, such as ("slots", 3): they keep their ids, groups and
        places, and what a rule says of them is not to be told. Other wrong fields are left out of the copy.
    """
    copy: dict[str, object] = dict(root)
    elements: set[Element] = set()
    for place in places:
        key = str(place[0]) if place else ""
        if key in ELEMENTS and len(place) > 1:
            elements.add(place[:2])
        elif key in FIELDS:
            copy[key] = FIELDS[key]
        else:
            copy.pop(key, None)
    for key in {str(element[0]) for element in elements}:
        copy[key] = [
            _make_element(key, one, n) if (key, n) in elements else one for n, one in enumerate(root[key])
        ]  # fmt: skip
    return copy, elements


def _make_element(key: str, unreadable: object, number: int) -> dict[str, object]:
    if key == "copies":
        return dict(ELEMENTS[key])
    fields = unreadable if isinstance(unreadable, Mapping) else {}
    name = plan_id(str(fields.get("id", ""))) or f"{NAMELESS}{number + 1}"  # of a wrong id the one that was meant
    found = {"id": name, **ELEMENTS[key]}
    groups = fields.get("groups")
    if key == "stations" and isinstance(groups, list):
        found["groups"] = [group for group in groups if isinstance(group, str) and is_id(group)]
    return found

"""A station that shows another host key is stopped; only a person who has looked at the box lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broadcaster.centre.deliver import is_stopped
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, NotEnrolledError
from broadcaster.core.model import Station
from broadcaster.link.host_key import fetch_host_key, format_fingerprint
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_audit
from broadcaster.store.stations import write_contact
from broadcaster.timetable.station_edit import write_station_field


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The pinned host key of a station and the one that it shows now, as key lines and as fingerprints.

    Both of the pinned one are empty when none was pinned yet.
    """

    station: Station
    pinned: str
    pinned_fingerprint: str
    shown: str
    shown_fingerprint: str
    is_stopped: bool

    def is_same(self) -> bool:
        """Tell whether the station shows the pinned key."""
        return self.pinned_fingerprint == self.shown_fingerprint


def fetch_host_keys(record: Record, station: Station) -> HostKeys:
    """Fetch the host key that a station shows now, beside the pinned one. Nothing is changed.

    Raises:
        NotEnrolledError: It has no host yet.
        UnreachableError: Nothing, or no SSH server, answers.
    """
    if station.host is None:
        raise NotEnrolledError(f"{station.name} ({station.id}) has no host in schedules/stations.yaml")
    shown = fetch_host_key(station.id, station.host, station.port)
    return HostKeys(
        station=station,
        pinned=station.host_key or "",
        pinned_fingerprint=format_fingerprint(station.id, station.host_key) if station.host_key else "",
        shown=shown,
        shown_fingerprint=format_fingerprint(station.id, shown),
        is_stopped=is_stopped(record, station),
    )


def confirm_host_key(
    workspace: Workspace, record: Record, keys: HostKeys, fingerprint: str, actor: str, now_at: datetime
) -> None:
    """Pin the key that a station showed, and let the station go on.

    Args:
        workspace: Whose schedules/stations.yaml gets the key; comments and layout stay.
        record: Audit, and what stops the station.
        keys: As they were shown to the person.
        fingerprint: The one that was read at the box itself.
        actor: Who confirms, for the audit.
        now_at: The present, aware.

    Raises:
        InputError: The fingerprint is not that of the shown key. Nothing was changed.
        ConfigError, WorkspaceError: stations.yaml could not be changed; the station stays stopped.
    """
    if fingerprint != keys.shown_fingerprint:
        raise InputError(
            f"{keys.station.id} shows {keys.shown_fingerprint}, not {fingerprint}",
            hint="somebody may answer in the box's place: look at the line before anything else",
        )
    if not keys.is_same():
        write_station_field(workspace.schedules, keys.station.id, "host_key", keys.shown)
    with record.write() as connection:
        write_contact(connection, keys.station.id, {"stopped_key": ""})
        detail = f"{keys.pinned_fingerprint or 'none'} -> {keys.shown_fingerprint}"
        write_audit(connection, now_at, actor, "host key confirmed", keys.station.id, detail)

"""Enrolling a station: the file and checklist that go to the box, and what comes back of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from broadcaster.centre.checklist import CHECKLISTS
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, WorkspaceError
from broadcaster.core.files import write_atomic
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.link.host_key import format_fingerprint
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_audit
from broadcaster.store.stations import write_contact
from broadcaster.timetable.read import read_schedules
from broadcaster.timetable.station_edit import write_station_field
from broadcaster.wire.enrolment import Enrolment, Reply, TunnelEnd, read_reply, shorten_key, write_enrolment

LOOPBACK = "127.0.0.1"
FIRST_PORT = 22001
TUNNEL_ACCOUNT = "broadcaster-tunnel"
OWN_HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key.pub")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What was written for a box, and the checklist to print."""

    path: Path
    checklist_path: Path
    checklist: str


def enrol_station(
    workspace: Workspace, schedules: Schedules, station: Station, language: str, *, with_tunnel: bool
) -> Enrolled:
    """Write what a new box needs to become a station; nothing of it is secret. Done again it writes the same.

    Args:
        workspace: Gets enrolment/ID.json and ID.txt; with a tunnel host and port of the station in stations.yaml too.
        schedules: As they stand.
        station: One of them.
        language: Of the checklist.
        with_tunnel: The box cannot be reached from outside; it keeps a tunnel to the centre, behind a port of its own.

    Raises:
        InputError: A tunnel is asked for, and centre.yaml does not say where boxes reach the centre.
        WorkspaceError: Something cannot be read or written.
        ConfigError: stations.yaml cannot be changed.
    """
    tunnel = None
    if with_tunnel or station.tunnel_key is not None:
        tunnel = _plan_tunnel(schedules, station)
        if (station.host, station.port) != (LOOPBACK, tunnel.listen_port):
            # The port first: between the two writes the station may be out of reach, never somebody else.
            write_station_field(workspace.schedules, station.id, "port", tunnel.listen_port)
            write_station_field(workspace.schedules, station.id, "host", LOOPBACK)
    enrolment = Enrolment(
        station=station.id,
        name=station.name,
        centre=schedules.centre.name,
        zone=schedules.centre.zone.key,
        account=station.user,
        centre_key=shorten_key(workspace.read_public_key()),
        tunnel=tunnel,
    )
    text = CHECKLISTS[language](enrolment)
    path = workspace.enrolment / f"{station.id}.json"
    try:
        workspace.enrolment.mkdir(exist_ok=True)
        write_atomic(path, write_enrolment(enrolment))
        write_atomic(path.with_suffix(".txt"), text.encode())
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}") from error
    return Enrolled(path, path.with_suffix(".txt"), text)


def read_box_reply(path: Path, station: Station) -> Reply:
    """Read the reply that came back from a box.

    Raises:
        InputError: It cannot be read, is another station's, or was made without the tunnel that the station has.
        DocumentError: It is none.
    """
    try:
        reply = read_reply(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if reply.station != station.id:
        raise InputError(f"{path} is the reply of station {reply.station!r}, not of {station.id!r}")
    if reply.tunnel_key is None and station.host == LOOPBACK and station.port >= FIRST_PORT:
        raise InputError(
            f"the box of {station.name} was set up without a tunnel, but {station.host} port {station.port} is one",
            hint="set the box up again with the newest enrolment file, or write its own host into stations.yaml",
        )
    return reply


def take_reply(
    workspace: Workspace, record: Record, station: Station, reply: Reply, fingerprint: str, actor: str, now_at: datetime
) -> None:
    """Pin the host key of a box that was set up, and let its tunnel in.

    Args:
        workspace: Whose schedules/stations.yaml gets the keys; comments and layout stay.
        record: Audit, and what stops the station.
        station: Whose box it is.
        reply: What came back.
        fingerprint: The one that was read at the box itself.
        actor: Who confirms, for the audit.
        now_at: The present, aware.

    Raises:
        InputError: The fingerprint is not that of the reply. Nothing was changed.
        ConfigError, WorkspaceError: A file could not be changed; the command can be given again.
    """
    shown = format_fingerprint(station.id, reply.host_key)
    if fingerprint != shown:
        raise InputError(
            f"the reply has the fingerprint {shown}, not {fingerprint}",
            hint="somebody may have changed the file on its way: have it sent again, and read again at the box",
        )
    if reply.tunnel_key is not None:
        write_station_field(workspace.schedules, station.id, "tunnel_key", reply.tunnel_key)
    write_station_field(workspace.schedules, station.id, "host_key", reply.host_key)
    with record.write() as connection:
        write_contact(connection, station.id, {"stopped_key": ""})
        write_audit(connection, now_at, actor, "station enrolled", station.id, shown)
    write_tunnel_keys(workspace, read_schedules(workspace.schedules))


def write_tunnel_keys(workspace: Workspace, schedules: Schedules) -> None:
    """Write which keys may keep a tunnel to the centre, from stations.yaml; the same is not written again.

    Each may listen on the loopback port of its station and do nothing else. A station that is taken out is let in no
    more from its next try on.

    Raises:
        WorkspaceError: It cannot be written.
    """
    lines = [
        f'restrict,port-forwarding,permitlisten="{LOOPBACK}:{station.port}" {station.tunnel_key} {station.id}\n'
        for station in schedules.stations
        if station.tunnel_key is not None
    ]
    text = "".join(lines).encode()
    path = workspace.tunnel_keys
    try:
        if text != (path.read_bytes() if path.exists() else b""):
            write_atomic(path, text)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}") from error


def _plan_tunnel(schedules: Schedules, station: Station) -> TunnelEnd:
    if schedules.centre.tunnel is None:
        raise InputError(
            "centre.yaml does not say where boxes reach the centre for a tunnel",
            hint="write `tunnel: centre.example.vn:22` into it (docs/centre-service.md says what the centre needs)",
        )
    try:
        host_key = shorten_key(OWN_HOST_KEY.read_text())
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            f"the centre's own host key {OWN_HOST_KEY} cannot be read: {error}", hint="apt install openssh-server"
        ) from error
    host, port = schedules.centre.tunnel
    others = [one.port for one in schedules.stations if one.host == LOOPBACK and one.id != station.id]
    own = station.port if station.host == LOOPBACK and station.port >= FIRST_PORT else 0
    listen_port = own or max([FIRST_PORT - 1, *(one for one in others if one >= FIRST_PORT)]) + 1
    return TunnelEnd(host, port, TUNNEL_ACCOUNT, host_key, listen_port)

"""What is carried between a centre and a new box: the enrolment out, the box's reply back. Neither holds a secret."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import ID_RULE, StationId, is_id
from broadcaster.wire.fields import FieldReader, read_object
from broadcaster.wire.signature import read_public_key

KIND = "broadcaster-enrolment"
REPLY_KIND = "broadcaster-reply"
FORMAT = 1
ACCOUNT_RULE = r"[a-z_][a-z0-9_-]{0,31}"
_HOST_RULE = r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?"
_ZONE_RULE = r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}"


@dataclass(frozen=True, slots=True)
class TunnelEnd:
    """Where a box that cannot be reached from outside keeps its tunnel to, and how it knows that it is the centre.

    `listen_port` is the port of the centre's own loopback behind which the box then answers.
    """

    host: str
    port: int
    user: str
    host_key: str
    listen_port: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a box has to know to be a station of a centre.

    `account` is the one with which the centre logs in at the box, `centre_key` the public key that it does so with and
    signs day plans with. `tunnel` is None where the centre reaches the box by itself.
    """

    station: StationId
    name: str
    centre: str
    zone: str
    account: str
    centre_key: str
    tunnel: TunnelEnd | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the centre has to know of a box that was set up: its host key, and the public key of its tunnel or None."""

    station: StationId
    host_key: str
    tunnel_key: str | None = None


def write_enrolment(enrolment: Enrolment) -> bytes:
    """Write an enrolment."""
    tunnel = enrolment.tunnel
    return _write(
        {
            "kind": KIND,
            "format": FORMAT,
            "station": enrolment.station,
            "name": enrolment.name,
            "centre": enrolment.centre,
            "zone": enrolment.zone,
            "account": enrolment.account,
            "centre_key": enrolment.centre_key,
            "tunnel": None
            if tunnel is None
            else {
                "host": tunnel.host,
                "port": tunnel.port,
                "user": tunnel.user,
                "host_key": tunnel.host_key,
                "listen_port": tunnel.listen_port,
            },
        }
    )


def read_enrolment(data: bytes) -> Enrolment:
    """Read an enrolment. All of it goes into files of root, so nothing passes that could be more than one word there.

    Raises:
        DocumentError: Not an enrolment, of a newer format, or with a wrong field (named).
    """
    fields = read_object(data, "enrolment")
    reader = FieldReader(fields, "enrolment")
    reader.require(KIND, FORMAT)
    tunnel = fields.get("tunnel")
    if tunnel is not None and not isinstance(tunnel, dict):
        raise DocumentError("the enrolment's field 'tunnel' is not an object")
    return Enrolment(
        station=_read_station(reader),
        name=reader.read_as("name", _read_printable, "a name"),
        centre=reader.read_as("centre", _read_printable, "a name"),
        zone=reader.read_as("zone", lambda text: _match(_ZONE_RULE, text), "a time zone such as Asia/Ho_Chi_Minh"),
        account=_read_account(reader, "account"),
        centre_key=_read_key(reader, "centre_key"),
        tunnel=None if tunnel is None else _read_tunnel(FieldReader(tunnel, "enrolment's tunnel")),
    )


def write_reply(reply: Reply) -> bytes:
    """Write a box's reply."""
    return _write(
        {
            "kind": REPLY_KIND,
            "format": FORMAT,
            "station": reply.station,
            "host_key": reply.host_key,
            "tunnel_key": reply.tunnel_key,
        }
    )


def read_reply(data: bytes) -> Reply:
    """Read a box's reply.

    Raises:
        DocumentError: Not a reply, of a newer format, or with a wrong field (named).
    """
    reader = FieldReader(read_object(data, "reply"), "reply")
    reader.require(REPLY_KIND, FORMAT)
    return Reply(
        station=_read_station(reader),
        host_key=_read_key(reader, "host_key"),
        tunnel_key=reader.read_optional("tunnel_key", lambda name: _read_key(reader, name)),
    )


def shorten_key(line: str) -> str:
    """Shorten an Ed25519 public key line to type and key: what a comment says goes nowhere.

    Raises:
        ValueError: It is none.
    """
    read_public_key(line)
    return " ".join(line.split()[:2])


def _read_tunnel(reader: FieldReader) -> TunnelEnd:
    return TunnelEnd(
        host=reader.read_as("host", lambda text: _match(_HOST_RULE, text), "a host's name or address"),
        port=reader.read_int("port", 1, 65535),
        user=_read_account(reader, "user"),
        host_key=_read_key(reader, "host_key"),
        listen_port=reader.read_int("listen_port", 1024, 65535),
    )


def _read_station(reader: FieldReader) -> StationId:
    return StationId(reader.read_as("station", _read_id, f"a station's id ({ID_RULE})"))


def _read_account(reader: FieldReader, name: str) -> str:
    return reader.read_as(name, lambda text: _match(ACCOUNT_RULE, text), "an account's name")


def _read_key(reader: FieldReader, name: str) -> str:
    return reader.read_as(name, shorten_key, "an Ed25519 public key line")


def _read_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(text)
    return text


def _read_printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError(text)
    return text


def _match(rule: str, text: str) -> str:
    if re.fullmatch(rule, text) is None:
        raise ValueError(text)
    return text


def _write(fields: dict[str, object]) -> bytes:
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()

"""The emergency order: what the centre wants to sound at once, as a signed JSON document of its own.

The files are `order-<id>.json` and `order-<id>.json.sig`. The master it names is sent first, like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import Sha256, StationId, is_id
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.fields import FieldReader, read_object

KIND = "broadcaster-emergency-order"
FORMAT = 1
ORDER_NAMESPACE = "emergency-order@broadcaster"
MAX_LIFE = timedelta(hours=24)
MAX_REPEATS = 20
_PREFIX = "order-"
_SUFFIX = ".json"


class OrderStatus(StrEnum):
    """Whether an order is meant: only an actual one sounds. One that cancels silences another and never sounds."""

    ACTUAL = "actual"
    TEST = "test"
    EXERCISE = "exercise"
    CANCEL = "cancelled"


class InterruptedRule(StrEnum):
    """What becomes of the item that an order cut: it goes on where it was cut, or it is given up."""

    RESUME = "resume"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class EmergencyOrder:
    """One order to sound a master at once.

    `stations` is empty when every station of the centre is meant. `times` is how often the master sounds, one after
    the other. It lives for 24 hours at most: so long a box's own diary is sure to know whether it sounded. `cancels` is
    the id of the order that one with the status CANCEL silences; its master is that order's, so it is held already.
    """

    id: str
    centre: str
    author: str
    issued_at: datetime
    expires_at: datetime
    stations: tuple[StationId, ...]
    title: str
    sha256: Sha256
    size_bytes: int
    duration_ms: int
    status: OrderStatus = OrderStatus.ACTUAL
    times: int = 1
    volume: int = 100
    interrupted: InterruptedRule = InterruptedRule.RESUME
    cancels: str = ""

    def __post_init__(self) -> None:
        for name in ("issued_at", "expires_at"):
            object.__setattr__(self, name, require_aware(getattr(self, name)))

    def is_for(self, station: StationId) -> bool:
        """Tell whether a station is meant."""
        return not self.stations or station in self.stations

    def is_expired(self, now_at: datetime) -> bool:
        """Tell whether it may not begin any more; the instant of expiry belongs to the expired time."""
        return now_at >= self.expires_at


def order_file_name(order_id: str) -> str:
    """Name an order's file.

    >>> order_file_name("20231009-lu-quet")
    'order-20231009-lu-quet.json'
    """
    return f"{_PREFIX}{order_id}{_SUFFIX}"


def read_order_name(name: str) -> str | None:
    """Read the id from an order's file name; None when it is no such name."""
    if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
        return None
    order_id = name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return order_id if is_id(order_id) else None


def write_order(order: EmergencyOrder) -> bytes:
    """Write an order; equal orders give equal bytes."""
    fields = {
        "kind": KIND,
        "format": FORMAT,
        "id": order.id,
        "centre": order.centre,
        "author": order.author,
        "issued_at": format_instant(order.issued_at),
        "expires_at": format_instant(order.expires_at),
        "stations": list(order.stations),
        "title": order.title,
        "sha256": order.sha256,
        "size_bytes": order.size_bytes,
        "duration_ms": order.duration_ms,
        "status": order.status.value,
        "times": order.times,
        "volume": order.volume,
        "interrupted": order.interrupted.value,
    }
    if order.cancels:
        fields["cancels"] = order.cancels
    return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def read_order(data: bytes) -> EmergencyOrder:
    """Read an order.

    Raises:
        DocumentError: Not an order, of a newer format, with a wrong field (named), or living longer than 24 hours.
    """
    reader = FieldReader(read_object(data, "emergency order"), "emergency order")
    reader.require(KIND, FORMAT)
    stations = reader.read_list("stations")
    if not all(isinstance(station, str) and is_id(station) for station in stations):
        raise DocumentError("the emergency order's field 'stations' holds something that is no station's id")
    order = EmergencyOrder(
        id=reader.read_text("id"),
        centre=reader.read_text("centre"),
        author=reader.read_text("author"),
        issued_at=reader.read_moment("issued_at"),
        expires_at=reader.read_moment("expires_at"),
        stations=tuple(StationId(station) for station in stations),
        title=reader.read_text("title"),
        sha256=reader.read_sha256("sha256"),
        size_bytes=reader.read_int("size_bytes", 1),
        duration_ms=reader.read_int("duration_ms", 1, 86_400_000),
        status=reader.read_as("status", OrderStatus, "actual, test, exercise or cancelled"),
        times=reader.read_int("times", 1, MAX_REPEATS),
        volume=reader.read_int("volume", 0, 130),
        interrupted=reader.read_as("interrupted", InterruptedRule, "resume or drop"),
        cancels=reader.read_optional("cancels", reader.read_text) or "",
    )
    if not is_id(order.id):
        raise DocumentError(f"the emergency order's id {order.id!r} is not spelt as an id")
    if is_id(order.cancels) is not (order.status is OrderStatus.CANCEL):
        raise DocumentError("an emergency order that cancels names the one that it cancels, and no other does")
    if not timedelta() < order.expires_at - order.issued_at <= MAX_LIFE:
        raise DocumentError("the emergency order has to expire after its issue, within 24 hours")
    return order

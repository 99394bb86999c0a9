"""Emergency orders on the box: verified on every loading, kept until they are long over, turned into what to play."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from broadcaster.core.errors import DocumentError, SignatureError, VerificationError
from broadcaster.core.files import write_atomic
from broadcaster.core.ids import AiringId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing, LateRule, Priority, QuietHours, StartRule
from broadcaster.station.board import Planned
from broadcaster.wire.order import (
    ORDER_NAMESPACE,
    EmergencyOrder,
    OrderStatus,
    order_file_name,
    read_order,
    read_order_name,
    write_order,
)
from broadcaster.wire.signature import SIGNATURE_SUFFIX, verify_document

LOOK_BACK = timedelta(days=2)
KEEP = timedelta(days=8)
MAX_ORDER_BYTES = 64 << 10
_log = logging.getLogger(__name__)


def verify_order(name: str, document: bytes, signature: bytes, centre_key: str, station: StationId) -> EmergencyOrder:
    """Check that an order is our centre's, for us, and what its name says. Its expiry is not looked at.

    Raises:
        VerificationError: For another station, or another id than its name.
        SignatureError: Not signed by our centre for this purpose, or changed afterwards.
        DocumentError: Not an order.
    """
    try:
        armoured = signature.decode("ascii")
    except UnicodeDecodeError as error:
        raise SignatureError("not an SSH signature") from error
    verify_document(document, armoured, centre_key, ORDER_NAMESPACE)
    order = read_order(document)
    if not order.is_for(station):
        raise VerificationError("an order for other stations")
    if read_order_name(name) != order.id:
        raise VerificationError(f"the order inside is {order_file_name(order.id)}")
    try:
        write_order(order)
    except UnicodeEncodeError as error:
        raise VerificationError("a text in the order is no valid text") from error
    return order


class OrderBook:
    """The orders that the box holds. The mapping is replaced, never changed: the playing thread reads it."""

    def __init__(self, folder: Path, centre_key: str, station: StationId) -> None:
        self.folder = folder
        self.centre_key = centre_key
        self.station = station
        self.orders: dict[str, EmergencyOrder] = {}

    def open(self) -> None:
        """Load the orders whose signature still holds.

        Raises:
            OSError: The disk cannot be read or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        found: dict[str, EmergencyOrder] = {}
        for path in sorted(self.folder.glob("order-*.json")):
            try:
                signature = path.with_name(path.name + SIGNATURE_SUFFIX).read_bytes()
                order = verify_order(path.name, path.read_bytes(), signature, self.centre_key, self.station)
            except (FileNotFoundError, VerificationError, SignatureError, DocumentError) as error:
                _log.error("%s on the box's disk is not obeyed: %s", path.name, error)
                continue
            found[order.id] = order
        self.orders = found

    def file(self, order: EmergencyOrder, document: bytes, signature: bytes, now_at: datetime) -> None:
        """File a verified order and take it into use; one that is held already stays as it is.

        Raises:
            VerificationError: It has expired, or another one bears its id.
            OSError: Disk full or not writable.
        """
        held = self.orders.get(order.id)
        if held == order:
            return
        if held is not None:
            raise VerificationError(f"another order {order.id} is held already")
        if order.is_expired(now_at):
            raise VerificationError("it has expired by this box's clock")
        path = self.folder / order_file_name(order.id)
        write_atomic(path.with_name(path.name + SIGNATURE_SUFFIX), signature)
        write_atomic(path, document)
        kept = {old.id: old for old in self.orders.values() if now_at < old.expires_at + KEEP}
        for gone in self.orders.keys() - kept.keys():
            for name in (order_file_name(gone), order_file_name(gone) + SIGNATURE_SUFFIX):
                (self.folder / name).unlink(missing_ok=True)
        self.orders = {**kept, order.id: order}


def list_ordered(
    orders: Iterable[EmergencyOrder],
    station: StationId,
    zone: ZoneInfo,
    quiet_hours: tuple[QuietHours, ...],
    now_at: datetime,
) -> tuple[Planned, ...]:
    """List what orders ask for, oldest first; each repeat is an airing of its own and ends with the order's expiry.

    An order issued in the future, by this box's clock, is due now. One that expired more than two days ago is the past.
    One that another cancels is listed as cancelled, with the author of that: what has not sounded of it never does.
    """
    orders = tuple(orders)
    cancelled_by = {one.cancels: one.author for one in orders if one.status is OrderStatus.CANCEL}
    found: list[Planned] = []
    for order in sorted(orders, key=lambda one: (one.issued_at, one.id)):
        if order.status is OrderStatus.CANCEL or now_at >= order.expires_at + LOOK_BACK:
            continue
        first = Airing(
            id=AiringId(f"order-{order.id}-01"),
            station=station,
            slot=SlotId(f"order-{order.id}"),
            start_at=min(order.issued_at, now_at),
            duration_ms=order.duration_ms,
            programme=ProgrammeId(order.id),
            sha256=order.sha256,
            size_bytes=order.size_bytes,
            title=order.title,
            column=None,
            campaign=None,
            priority=Priority.EMERGENCY,
            volume=order.volume,
            start_rule=StartRule.AFTER,
            late_rule=LateRule.BEGINNING,
        )
        times = order.times if order.status is OrderStatus.ACTUAL else 1
        known = order
        if order.id in cancelled_by:
            known = replace(order, status=OrderStatus.CANCEL, author=cancelled_by[order.id])
        found += [
            Planned(replace(first, id=AiringId(f"order-{order.id}-{number:02}")), zone, quiet_hours, known)
            for number in range(1, times + 1)
        ]
    return tuple(found)

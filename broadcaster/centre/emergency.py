"""Emergency orders at the centre: prepared, shown, ordered by a named person, signed, sent before everything else."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, NotAllowedError, UnknownNameError
from broadcaster.core.files import name_master, sync_folder
from broadcaster.core.ids import ProgrammeId, StationId, compose, plan_id, suggest_nearest
from broadcaster.core.model import LONGEST_AIRING, Airing, Master, Station, TagSet
from broadcaster.core.schedules import ALL_STATIONS, Schedules
from broadcaster.mastering.master import make_master
from broadcaster.mastering.speech import write_speech
from broadcaster.store.approvals import Role, User
from broadcaster.store.engine import Record
from broadcaster.store.orders import KeptOrder, read_orders, write_order_row
from broadcaster.store.plans import read_airings_between
from broadcaster.store.programmes import write_audit
from broadcaster.wire.order import (
    MAX_LIFE,
    MAX_REPEATS,
    ORDER_NAMESPACE,
    EmergencyOrder,
    InterruptedRule,
    OrderStatus,
    write_order,
)
from broadcaster.wire.signature import read_private_key, sign_document

MAY_ORDER = (Role.TECHNICIAN, Role.EDITOR, Role.APPROVER)
MAX_DOCUMENT_BYTES = 60 << 10
STOP_LIFE = timedelta(minutes=30)
TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class OrderWish:
    """What is asked for. `stations` is empty when every station of the centre is meant; `source` names an alert."""

    title: str
    stations: tuple[StationId, ...]
    life: timedelta
    status: OrderStatus = OrderStatus.ACTUAL
    times: int = 1
    volume: int = 100
    interrupted: InterruptedRule = InterruptedRule.RESUME
    source: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A master that is made but not kept yet; `voice_trouble` says why no better voice spoke it than espeak-ng."""

    path: Path
    master: Master
    voice_trouble: str = ""

    def keep(self, workspace: Workspace) -> None:
        """Put the master where masters lie."""
        self.path.replace(workspace.masters / self.path.name)
        sync_folder(workspace.masters)


def choose_targets(schedules: Schedules, names: Sequence[str], now_at: datetime) -> list[Station]:
    """Choose the stations that ids, groups or `all` name, of those that exist today.

    Raises:
        UnknownNameError: A name is neither a station's nor a group's; the nearest is in the hint.
        InputError: No station is left.
    """
    on = now_at.astimezone(schedules.centre.zone).date()
    known = schedules.list_targets()
    for name in names:
        if name not in known:
            hint = suggest_nearest(name, known, "name a station, a group or `all`")
            raise UnknownNameError(f"there is no station or group {name!r}", hint=hint)
    wanted = set(names)
    chosen = [one for one in schedules.stations if one.is_valid_on(on) and wanted & {ALL_STATIONS, one.id, *one.groups}]
    if not chosen:
        raise InputError(f"no station of {', '.join(names)} exists today", hint="look at schedules/stations.yaml")
    return chosen


@contextmanager
def open_draft(
    workspace: Workspace, schedules: Schedules, source: Path | str, title: str, now_at: datetime
) -> Iterator[Draft]:
    """Master a recording, or a text that is spoken first, like every programme; what is not kept is gone afterwards.

    Raises:
        InputError: The recording or the text cannot be used.
        MasteringError: No master could be made.
    """
    centre = schedules.centre
    with tempfile.TemporaryDirectory(prefix="emergency-", dir=workspace.state) as name:
        folder = Path(name)
        is_spoken, trouble = isinstance(source, str), ""
        if isinstance(source, str):
            spoken = folder / "speech.wav"
            trouble = write_speech(source, spoken, centre.speech_command)
            source = spoken
        on = now_at.astimezone(centre.zone).date()
        tags = TagSet(title, centre.name, "", on, "vi", ProgrammeId(plan_id(title) or "emergency"))
        master = make_master(source, folder, centre.target, tags, is_settled=is_spoken)
        yield Draft(folder / name_master(master.sha256), master, trouble)


def read_interrupted(
    record: Record, stations: Sequence[Station], sounds: timedelta, now_at: datetime
) -> dict[StationId, list[Airing]]:
    """Read what plays at stations while an order would sound now, by the published plans."""
    chosen = {station.id for station in stations}
    with record.read() as connection:
        near = read_airings_between(connection, now_at - LONGEST_AIRING, now_at + sounds)
    found: dict[StationId, list[Airing]] = {}
    for airing in near:
        if airing.station in chosen and airing.end_at() > now_at:
            found.setdefault(airing.station, []).append(airing)
    return found


def issue_order(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    wish: OrderWish,
    draft: Draft,
    user: User,
    now_at: datetime,
) -> KeptOrder:
    """Sign an order, keep it and its master, and write down who ordered it. Nothing is sent yet.

    Raises:
        NotAllowedError: A viewer orders nothing.
        InputError: It lives too long, repeats too often, or names more stations than an order can hold.
        CentreKeyError: The centre's key cannot be used. Nothing was kept.
    """
    require_may_order(user)
    if not timedelta() < wish.life <= MAX_LIFE:
        raise InputError("an order lives for 24 hours at most", hint="give fewer minutes with --expires")
    if not 1 <= wish.times <= MAX_REPEATS:
        raise InputError(f"an order sounds 1 to {MAX_REPEATS} times")
    title = compose(wish.title)[:TITLE_CHARACTERS]
    order = EmergencyOrder(
        id=_name_order(schedules, now_at),
        centre=schedules.centre.name,
        author=user.name,
        issued_at=now_at,
        expires_at=now_at + wish.life,
        stations=wish.stations,
        title=title,
        sha256=draft.master.sha256,
        size_bytes=draft.master.size_bytes,
        duration_ms=draft.master.duration_ms,
        status=wish.status,
        times=wish.times,
        volume=wish.volume,
        interrupted=wish.interrupted,
    )
    kept = _sign(workspace, order, wish.source)
    draft.keep(workspace)
    _keep(record, kept, "emergency ordered", now_at)
    return kept


def cancel_order(
    workspace: Workspace, record: Record, schedules: Schedules, name: str, user: User, now_at: datetime
) -> KeptOrder:
    """Sign the order that silences another. Nothing is sent yet.

    Raises:
        NotAllowedError: A viewer orders nothing.
        UnknownNameError: There is no such order.
        InputError: It was stopped before, or is over.
    """
    require_may_order(user)
    kept = get_living_order(record, name, now_at)
    order = replace(
        kept.order,
        id=_name_order(schedules, now_at),
        author=user.name,
        issued_at=now_at,
        expires_at=max(kept.order.expires_at, now_at + STOP_LIFE),
        status=OrderStatus.CANCEL,
        cancels=kept.order.id,
    )
    stop = _sign(workspace, order, kept.source)
    _keep(record, stop, "emergency stopped", now_at)
    return stop


def get_order(record: Record, name: str) -> KeptOrder:
    """Give an order by its id.

    Raises:
        UnknownNameError: There is none; the nearest id is in the hint.
    """
    with record.read() as connection:
        known = {kept.order.id: kept for kept in read_orders(connection)}
    if name not in known:
        hint = suggest_nearest(name, known, "`broadcaster emergency list` shows all")
        raise UnknownNameError(f"there is no emergency order {name!r}", hint=hint)
    return known[name]


def get_living_order(record: Record, name: str, now_at: datetime) -> KeptOrder:
    """Give an order that can still be stopped.

    Raises:
        UnknownNameError: There is none.
        InputError: It was stopped before, is itself one that stops another, or is over.
    """
    kept = get_order(record, name)
    with record.read() as connection:
        stop = find_cancelled([one.order for one in read_orders(connection)]).get(name)
    if kept.order.status is OrderStatus.CANCEL:
        raise InputError(f"{name!r} stops another order itself", hint="`broadcaster emergency list` shows all")
    if stop is not None:
        hint = f"`broadcaster emergency show {stop.id}` tells who received that"
        raise InputError(f"the order {name!r} was stopped before, by {stop.author}", hint=hint)
    if now_at >= sum_sounding(kept.order):
        raise InputError(f"the order {name!r} is over: it expired and has sounded its last")
    return kept


def find_cancelled(orders: Sequence[EmergencyOrder]) -> Mapping[str, EmergencyOrder]:
    """Find which orders were stopped, and by which."""
    return {one.cancels: one for one in orders if one.status is OrderStatus.CANCEL}


def sum_sounding(order: EmergencyOrder) -> datetime:
    """Give the latest instant at which an order may still sound: begun in its last moment, to its end."""
    return order.expires_at + timedelta(milliseconds=order.duration_ms)


def require_may_order(user: User) -> None:
    """Require that a user may order an emergency.

    Raises:
        NotAllowedError: The user only looks.
    """
    if user.role not in MAY_ORDER:
        may = ", ".join(role.value for role in MAY_ORDER)
        raise NotAllowedError(f"{user.name} is {user.role.value}; an emergency is ordered by one of: {may}")


def _name_order(schedules: Schedules, now_at: datetime) -> str:
    return f"{now_at.astimezone(schedules.centre.zone):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _sign(workspace: Workspace, order: EmergencyOrder, source: str) -> KeptOrder:
    document = write_order(order)
    if len(document) > MAX_DOCUMENT_BYTES:
        hint = "order it with `--to all`, or in parts: a group at a time"
        raise InputError(f"{len(order.stations)} stations are more than one order can name", hint=hint)
    return KeptOrder(order, document, sign_document(document, read_private_key(workspace.key), ORDER_NAMESPACE), source)


def _keep(record: Record, kept: KeptOrder, action: str, now_at: datetime) -> None:
    order = kept.order
    where = f"{len(order.stations)} stations" if order.stations else "all stations"
    detail = f"{order.title}; {order.status.value}; {where}; master {order.sha256}" + (
        f"; from {kept.source}" if kept.source else ""
    )
    with record.write() as connection:
        is_alert = bool(kept.source) and order.status is not OrderStatus.CANCEL
        if is_alert and any(one.source == kept.source for one in read_orders(connection)):
            raise InputError("the alert was taken before", hint="`broadcaster emergency list` shows the order")
        write_order_row(connection, kept)
        write_audit(connection, now_at, order.author, action, order.id, detail)

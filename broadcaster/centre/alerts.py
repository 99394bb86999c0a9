"""Alerts from outside: what one would do here, and doing it when a person, or the workspace's rule, says so."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.centre.emergency import (
    OrderWish,
    cancel_order,
    choose_targets,
    find_cancelled,
    issue_order,
    open_draft,
    require_may_order,
    sum_sounding,
)
from broadcaster.centre.order_board import ROBOT
from broadcaster.centre.programmes import ProgrammeWish, add_programme
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError, InputError
from broadcaster.core.files import hash_bytes, open_regular
from broadcaster.core.model import Priority, Programme, ProgrammeKind, Station
from broadcaster.core.schedules import ALL_STATIONS, Schedules
from broadcaster.mastering.speech import write_speech
from broadcaster.store.approvals import Role, User
from broadcaster.store.engine import Record
from broadcaster.store.orders import KeptOrder, read_orders
from broadcaster.store.programmes import read_programmes, write_audit
from broadcaster.wire.cap import MAX_ALERT_BYTES, Alert, AlertInfo, read_alert
from broadcaster.wire.order import MAX_LIFE, OrderStatus

FOLDER = "alerts"
CLOCKS_APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """What an alert would do here.

    `refusal` says why it does nothing; "" when it may be taken. `stops` are the living orders that it ends: those made
    of the messages that it updates or cancels. `column` is where its programme goes when it is no emergency.
    """

    alert: Alert
    info: AlertInfo | None
    priority: Priority
    targets: tuple[Station, ...]
    is_for_all: bool
    stops: tuple[KeptOrder, ...]
    column: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of an alert: orders to be sent now, and the programme.

    `voice_trouble` says why no better voice spoke it than espeak-ng; `failure` why nothing did: the orders are then
    those that end the earlier ones, and the alert may be taken again.
    """

    orders: tuple[KeptOrder, ...]
    programme: Programme | None
    voice_trouble: str = ""
    failure: BroadcasterError | None = None


def read_alert_file(path: Path) -> Alert:
    """Read an alert from a file.

    Raises:
        ProgrammeFileError: It cannot be opened or is no regular file.
        DocumentError: It is no usable alert.
    """
    with open_regular(path) as file:
        return read_alert(file.read(MAX_ALERT_BYTES + 1))


def plan_alert(
    record: Record, schedules: Schedules, alert: Alert, now_at: datetime, priority: Priority | None = None
) -> AlertPlan:
    """Plan what an alert does here: with which priority, where, and which earlier orders it ends.

    Only the status Actual counts, and only before it expires; each message once. Its area is looked up in
    `alerts.areas` of centre.yaml: what is not there is not guessed.

    Args:
        record: What was taken before.
        schedules: Areas, columns.
        alert: The message.
        now_at: The present.
        priority: A person's own judgement instead of the one that the alert's figures give.
    """
    info = alert.choose_info()
    chosen = priority or (info.choose_priority() if info is not None else Priority.NORMAL)
    names = [
        name for area in schedules.centre.alerts.areas if info and area.area in info.areas for name in area.stations
    ]
    targets = tuple(choose_targets(schedules, names, now_at)) if names else ()
    with record.read() as connection:
        kept = read_orders(connection)
        made = {programme.source_name for programme in read_programmes(connection)}
    cancelled = find_cancelled([one.order for one in kept])
    earlier = {str(reference) for reference in alert.references}
    stops = tuple(
        one
        for one in kept
        if one.source in earlier
        and one.order.status is not OrderStatus.CANCEL
        and one.order.id not in cancelled
        and now_at < sum_sounding(one.order)
    )
    column = ""
    if chosen is Priority.PRIORITY:
        column = schedules.centre.alerts.priority_column
    elif chosen is Priority.NORMAL:
        column = schedules.centre.alerts.normal_column
    is_known = any(one.source == str(alert.reference) for one in kept) or _name_source(alert) in made
    refusal = "it was taken before" if is_known else _refuse(alert, info, targets, stops, chosen, column, now_at)
    return AlertPlan(alert, info, chosen, targets, ALL_STATIONS in names, stops, column, refusal)


def take_alert(
    workspace: Workspace, record: Record, schedules: Schedules, plan: AlertPlan, user: User, now_at: datetime
) -> Taken:
    """Do what was planned: end earlier orders, and speak the alert as an emergency order or as a programme.

    The orders are signed and kept, not sent yet. A programme goes through approval like every other.

    Raises:
        InputError: The plan has a refusal. Nothing was done.
        NotAllowedError: A viewer takes nothing.
        MasteringError: It cannot be spoken, and it ends nothing. Nothing was done.
    """
    if plan.refusal:
        raise InputError(f"the alert is not taken: {plan.refusal}")
    require_may_order(user)
    stops = [cancel_order(workspace, record, schedules, one.order.id, user, now_at) for one in plan.stops]
    try:
        taken = _speak(workspace, record, schedules, plan, user, now_at)
    except BroadcasterError as error:
        if not stops:
            raise
        return Taken(tuple(stops), None, failure=error)
    return replace(taken, orders=(*stops, *taken.orders))


def _speak(
    workspace: Workspace, record: Record, schedules: Schedules, plan: AlertPlan, user: User, now_at: datetime
) -> Taken:
    alert, info = plan.alert, plan.info
    if alert.kind == "Cancel" or info is None or (plan.priority is Priority.EMERGENCY and not plan.targets):
        _note(record, user, alert, "alert cancelled others", now_at)
        return Taken((), None)
    if plan.priority is Priority.EMERGENCY:
        title = info.headline or info.event
        until_at = find_expiry(alert, info)
        wish = OrderWish(
            title=title,
            stations=() if plan.is_for_all else tuple(station.id for station in plan.targets),
            life=min(until_at - now_at, MAX_LIFE),
            source=str(alert.reference),
        )
        with open_draft(workspace, schedules, info.make_text(), title, now_at) as draft:
            kept = issue_order(workspace, record, schedules, wish, draft, user, now_at)
            return Taken((kept,), None, draft.voice_trouble)
    programme, trouble = _add_spoken(workspace, record, schedules, plan, info, now_at)
    _note(record, user, alert, f"alert taken as programme {programme.id}", now_at)
    return Taken((), programme, trouble)


def find_expiry(alert: Alert, info: AlertInfo) -> datetime:
    """Find when an alert is over: as it says, or 24 hours after it was sent."""
    return info.expires_at or alert.reference.sent_at + MAX_LIFE


def read_waiting(
    workspace: Workspace, record: Record, schedules: Schedules, now_at: datetime
) -> list[tuple[Path, AlertPlan]]:
    """Read the alerts in the workspace's folder alerts/ that may be taken; what is over or done is left out."""
    found = []
    for path in sorted((workspace.root / FOLDER).glob("*.xml")):
        try:
            alert = read_alert_file(path)
        except BroadcasterError:
            continue
        info = alert.choose_info()
        if info is not None and find_expiry(alert, info) <= now_at:
            continue  # most of a folder that is never emptied
        plan = plan_alert(record, schedules, alert, now_at)
        if not plan.refusal:
            found.append((path, plan))
    return found


def match_waiting(waiting: list[tuple[Path, AlertPlan]]) -> Mapping[str, str]:
    """Say of every alert that waits for a person what to do, as alarms."""
    return {
        f"alert {plan.alert.reference}": (
            f"an alert waits for a decision ({plan.priority.value}): {_title(plan)}: broadcaster cap show {path.name}"
        )
        for path, plan in waiting
    }


def take_by_rule(
    workspace: Workspace, record: Record, schedules: Schedules, waiting: list[tuple[Path, AlertPlan]], now_at: datetime
) -> tuple[list[KeptOrder], dict[str, str]]:
    """Take the emergencies that the workspace's rule allows without a person: `take: automatic`, from known senders.

    Returns:
        The orders to be sent now; and what could not be spoken, as alarms: it is tried again the next time.
    """
    rule = schedules.centre.alerts
    orders: list[KeptOrder] = []
    silent: dict[str, str] = {}
    for _, plan in waiting:
        sender = plan.alert.reference.sender
        if rule.is_automatic and sender in rule.senders and (plan.priority is Priority.EMERGENCY or plan.stops):
            robot = User(f"{ROBOT}{sender}", Role.TECHNICIAN, "", now_at, None)
            failure: BroadcasterError | None
            try:
                taken = take_alert(workspace, record, schedules, plan, robot, now_at)
                orders, failure = orders + list(taken.orders), taken.failure
            except BroadcasterError as error:
                failure = error
            if failure is not None:
                silent[str(plan.alert.reference)] = (
                    f"the alert {_title(plan)!r} cannot be sounded: {failure.message}; trying again"
                )
    return orders, silent


def _refuse(
    alert: Alert,
    info: AlertInfo | None,
    targets: tuple[Station, ...],
    stops: tuple[KeptOrder, ...],
    priority: Priority,
    column: str,
    now_at: datetime,
) -> str:
    if alert.status != "Actual":
        return f"its status is {alert.status}: only Actual ones are meant"
    if alert.kind in ("Ack", "Error"):
        return f"it is an {alert.kind}: an answer between offices"
    if alert.kind == "Cancel":
        return "" if stops else "nothing that it cancels is on its way here"
    if info is None:
        return "it says nothing: it has no info"
    if find_expiry(alert, info) <= now_at:
        return "it has expired"
    if alert.reference.sent_at > now_at + CLOCKS_APART:
        return f"it says that it was sent at {alert.reference.sent_at:%H:%M %d/%m/%Y} UTC, which is to come"
    return _refuse_place(info, targets, stops, priority, column)


def _refuse_place(
    info: AlertInfo, targets: tuple[Station, ...], stops: tuple[KeptOrder, ...], priority: Priority, column: str
) -> str:
    if priority is Priority.EMERGENCY and not targets and not stops:
        areas = ", ".join(info.areas) or "none"
        return f"none of its areas ({areas}) stands in alerts.areas of schedules/centre.yaml"
    if priority is not Priority.EMERGENCY and not column:
        return f"alerts.{priority.value}_column of schedules/centre.yaml names no column for it"
    return ""


def _add_spoken(
    workspace: Workspace, record: Record, schedules: Schedules, plan: AlertPlan, info: AlertInfo, now_at: datetime
) -> tuple[Programme, str]:
    with tempfile.TemporaryDirectory(prefix="alert-", dir=workspace.state) as name:
        spoken = Path(name) / _name_source(plan.alert)
        trouble = write_speech(info.make_text(), spoken, schedules.centre.speech_command)
        on = now_at.astimezone(schedules.centre.zone).date()
        wish = ProgrammeWish(ProgrammeKind.PROGRAMME, _title(plan), None, plan.column, None, "vi", on)
        return add_programme(workspace, record, schedules, spoken, wish, now_at), trouble


def _note(record: Record, user: User, alert: Alert, action: str, now_at: datetime) -> None:
    with record.write() as connection:
        write_audit(connection, now_at, user.name, action[:60], str(alert.reference), alert.kind)


def _name_source(alert: Alert) -> str:
    return f"cap-{hash_bytes(str(alert.reference).encode())[:16]}.wav"


def _title(plan: AlertPlan) -> str:
    return (plan.info.headline or plan.info.event) if plan.info is not None else str(plan.alert.reference)

"""`broadcaster cap`: alerts in the Common Alerting Protocol, looked at and taken by a person."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.centre.alerts import FOLDER, AlertPlan, plan_alert, read_alert_file, take_alert
from broadcaster.centre.emergency import require_may_order
from broadcaster.cli.approvals import as_option, log_in, password_option
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.emergency import wait_option, yes_option
from broadcaster.cli.order_view import send_and_follow
from broadcaster.cli.screen import format_local, print_json
from broadcaster.core.model import Priority

priority_option = click.option(
    "--priority", type=click.Choice([one.value for one in Priority]), help="Your own judgement instead of the alert's."
)


@click.group()
def cap() -> None:
    """Look at and take alerts in CAP 1.2. FILE is a path, or a name in the workspace's folder alerts/."""


@cap.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@priority_option
@json_option
@click.pass_context
def show(context: click.Context, file: Path, priority: str | None, as_json: bool) -> None:
    """Show what an alert says and what it would do here. Nothing is done. Exit code 1 when it would not be taken."""
    with open_desk(context) as desk:
        plan = _plan(desk, file, priority)
        if as_json:
            print_json(_plan_fields(plan))
        else:
            _print_plan(desk, plan)
    context.exit(1 if plan.refusal else 0)


@cap.command("take")
@click.argument("file", type=click.Path(path_type=Path))
@priority_option
@yes_option
@as_option
@password_option
@wait_option
@click.pass_context
def take(
    context: click.Context,
    file: Path,
    priority: str | None,
    yes: bool,
    name: str,
    password_file: Path | None,
    wait_s: float,
) -> None:
    """Take an alert: an emergency sounds at once, anything else becomes a programme of its column.

    An update or a cancel first silences what was made of the messages that it names.
    """
    with open_desk(context) as desk:
        plan = _plan(desk, file, priority)
        _print_plan(desk, plan)
        if plan.refusal:
            context.exit(1)
        user = log_in(desk, name, password_file)
        require_may_order(user)
        if not yes:
            click.confirm("Take it?", abort=True, err=True)
        taken = take_alert(desk.workspace, desk.record, desk.schedules, plan, user, desk.now_at())
        if taken.voice_trouble:
            click.echo(f"espeak-ng speaks it: {taken.voice_trouble}")
        if taken.programme is not None:
            click.echo(f"added programme {taken.programme.id} to column {plan.column}")
        for kept in taken.orders:
            click.echo(f"ordered {kept.order.id} by {user.name}")
        if taken.failure is not None:
            click.echo(f"it cannot be sounded: {taken.failure.message}; what it replaces is stopped all the same")
        is_fine = send_and_follow(desk, taken.orders, wait_s)
        if taken.failure is not None:
            raise taken.failure
    context.exit(0 if is_fine else 1)


def _plan(desk: Desk, file: Path, priority: str | None) -> AlertPlan:
    inside = desk.workspace.root / FOLDER / file
    path = file if file.exists() or not inside.exists() else inside
    chosen = Priority(priority) if priority else None
    return plan_alert(desk.record, desk.schedules, read_alert_file(path), desk.now_at(), chosen)


def _print_plan(desk: Desk, plan: AlertPlan) -> None:
    alert, info = plan.alert, plan.info
    zone = desk.schedules.centre.zone
    click.echo(f"{alert.kind} {alert.reference.identifier} from {alert.reference.sender}, status {alert.status}")
    click.echo("  sender    as the file says: no signature is looked at, so ask the sender where you doubt it")
    click.echo(f"  sent      {format_local(alert.reference.sent_at, zone)}")
    if info is not None:
        click.echo(
            f"  event     {info.event}: {info.urgency}, {info.severity}, {info.certainty} → {plan.priority.value}"
        )
        click.echo(f"  expires   {format_local(info.expires_at, zone) or 'not said'}")
        click.echo(f"  areas     {'; '.join(info.areas)}")
        click.echo("  says      " + info.make_text().replace("\n", "\n            "))
    for one in plan.stops:
        click.echo(f"  ends      {one.order.title} ({one.order.id})")
    if plan.refusal:
        click.echo(f"it is not taken: {plan.refusal}")
    elif alert.kind != "Cancel" and plan.priority is Priority.EMERGENCY and plan.targets:
        click.echo(f"it sounds at once at {len(plan.targets)} stations: " + ", ".join(one.name for one in plan.targets))
    elif alert.kind != "Cancel" and plan.column:
        click.echo(f"it becomes a programme of the column {plan.column!r}")


def _plan_fields(plan: AlertPlan) -> dict[str, object]:
    info = plan.info
    return {
        "reference": str(plan.alert.reference), "type": plan.alert.kind, "status": plan.alert.status,
        "priority": plan.priority.value, "stations": [one.id for one in plan.targets], "column": plan.column or None,
        "ends": [one.order.id for one in plan.stops], "refusal": plan.refusal,
        "expires_at": info.expires_at if info else None, "text": info.make_text() if info else "",
        "areas": info.areas if info else (),
    }  # fmt: skip

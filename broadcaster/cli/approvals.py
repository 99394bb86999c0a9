"""`broadcaster user`, `submit`, `approve`, `reject`, `approvals`, `audit`: a second person looks before it goes out."""

from __future__ import annotations

import getpass
import stat
from pathlib import Path

import click

from broadcaster.centre.approvals import add_user, check_password, decide, disable_user, read_approvals
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.screen import format_local, print_json, print_table
from broadcaster.core.errors import InputError
from broadcaster.store.approvals import Decision, Role, User, read_audit, read_users

as_option = click.option("--as", "name", envvar="BROADCASTER_USER", required=True, help="Your name as a user.")
password_option = click.option(
    "--password-file",
    envvar="BROADCASTER_PASSWORD_FILE",
    type=click.Path(path_type=Path),
    help="File with the password, readable by you alone (chmod 600); asked for otherwise.",
)


@click.group()
def user() -> None:
    """Add, list and disable the people who act at the centre."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What the user may do.")
@password_option
@click.pass_context
def add(context: click.Context, name: str, role: str, password_file: Path | None) -> None:
    """Add a user. NAME is small letters, digits, hyphens, and is never given again."""
    with open_desk(context) as desk:
        password = read_password(password_file, is_new=True)
        add_user(desk.record, name, Role(role), password, getpass.getuser(), desk.now_at())
    click.echo(f"added {name}, {role}")


@user.command("list")
@json_option
@click.pass_context
def list_users(context: click.Context, as_json: bool) -> None:
    """List the users."""
    with open_desk(context) as desk, desk.record.read() as connection:
        found = list(read_users(connection).values())
        zone = desk.schedules.centre.zone
    if as_json:
        print_json([{"name": one.name, "role": one.role, "added_at": one.added_at, "disabled_at": one.disabled_at}
                    for one in found])  # fmt: skip
        return
    rows = [
        (one.name, one.role.value, format_local(one.added_at, zone), format_local(one.disabled_at, zone))
        for one in found
    ]
    print_table("", ("Name", "Role", "Added", "Disabled"), rows)


@user.command("disable")
@click.argument("name")
@click.pass_context
def disable(context: click.Context, name: str) -> None:
    """Disable a user for good; what was decided by that user stands."""
    with open_desk(context) as desk:
        disable_user(desk.record, name, getpass.getuser(), desk.now_at())
    click.echo(f"disabled {name}")


@click.command("submit")
@click.argument("programmes", metavar="ID…", nargs=-1, required=True)
@as_option
@password_option
@click.pass_context
def submit(context: click.Context, programmes: tuple[str, ...], name: str, password_file: Path | None) -> None:
    """Hand programmes to the approver, as they are now."""
    _decide_each(context, programmes, Decision.SUBMITTED, name, password_file, "")


@click.command("approve")
@click.argument("programmes", metavar="ID…", nargs=-1, required=True)
@as_option
@password_option
@click.pass_context
def approve(context: click.Context, programmes: tuple[str, ...], name: str, password_file: Path | None) -> None:
    """Approve submitted programmes: these bytes, for where they would play. Any change undoes it."""
    _decide_each(context, programmes, Decision.APPROVED, name, password_file, "")


@click.command("reject")
@click.argument("programmes", metavar="ID…", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why, for the editor.")
@as_option
@password_option
@click.pass_context
def reject(
    context: click.Context, programmes: tuple[str, ...], reason: str, name: str, password_file: Path | None
) -> None:
    """Reject submitted programmes with a reason."""
    _decide_each(context, programmes, Decision.REJECTED, name, password_file, reason)


@click.command("approvals")
@json_option
@click.pass_context
def approvals(context: click.Context, as_json: bool) -> None:
    """Show where every programme stands: draft, submitted, approved, rejected, or changed since."""
    with open_desk(context) as desk:
        with desk.record.read() as connection:
            found = read_approvals(connection, desk.schedules)
        zone = desk.schedules.centre.zone
    if as_json:
        print_json([
            {"programme": one.programme.id, "state": one.state, "by": one.note.by if one.note else None,
             "at": one.note.at if one.note else None, "reason": one.note.reason if one.note else ""}
            for one in found
        ])  # fmt: skip
        return
    rows = [
        (f"{one.programme.on:%d/%m/%Y}", one.programme.id, one.programme.title, one.state,
         one.note.by if one.note else "", format_local(one.note.at, zone) if one.note else "",
         one.note.reason if one.note else "")
        for one in found
    ]  # fmt: skip
    print_table("", ("Date", "Id", "Title", "State", "By", "At", "Reason"), rows)


@click.command("audit")
@click.option("--lines", default=50, show_default=True, help="How many of the newest.")
@json_option
@click.pass_context
def audit(context: click.Context, lines: int, as_json: bool) -> None:
    """Show who did what. The record refuses to change or delete these lines."""
    with open_desk(context) as desk:
        with desk.record.read() as connection:
            found = read_audit(connection, lines)
        zone = desk.schedules.centre.zone
    if as_json:
        print_json([
            {"at": one.at, "actor": one.actor, "action": one.action, "subject": one.subject, "detail": one.detail}
            for one in found
        ])  # fmt: skip
        return
    rows = [(format_local(one.at, zone), one.actor, one.action, one.subject, one.detail) for one in found]
    print_table("", ("At", "Who", "What", "Of what", "Detail"), rows)


def _decide_each(
    context: click.Context,
    programmes: tuple[str, ...],
    decision: Decision,
    name: str,
    password_file: Path | None,
    reason: str,
) -> None:
    with open_desk(context) as desk:
        who = log_in(desk, name, password_file)
        for programme in programmes:
            found = decide(desk.record, desk.schedules, programme, decision, who, reason, desk.now_at())
            click.echo(f"{decision.value} {found.id}: {found.title}")


def log_in(desk: Desk, name: str, password_file: Path | None) -> User:
    """Check who somebody says to be.

    Raises:
        NotAllowedError: Name and password do not fit.
    """
    return check_password(desk.record, name, read_password(password_file, is_new=False), desk.now_at())


def read_password(path: Path | None, *, is_new: bool) -> str:
    """Read a password from a file that its owner alone can read, or ask for it.

    Raises:
        InputError: The file cannot be read, or others can read it too.
    """
    if path is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=is_new, err=True))
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(f"{path} can be read by others", hint=f"chmod 600 {path}")
        return path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error

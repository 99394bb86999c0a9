"""Approval by a second person: who may, what is decided, and what counts as approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from broadcaster.core.errors import InputError, NotAllowedError, UnknownNameError
from broadcaster.core.ids import ProgrammeId, is_id, suggest_nearest
from broadcaster.core.model import Programme
from broadcaster.core.schedules import Schedules
from broadcaster.store.approvals import (
    Decision,
    DecisionNote,
    Role,
    User,
    read_decisions,
    read_users,
    write_decision,
    write_user,
    write_user_end,
)
from broadcaster.store.engine import Record
from broadcaster.store.programmes import read_programme, read_programmes, write_audit
from broadcaster.timetable.approve import plan_fingerprint

MIN_PASSWORD = 8
DRAFT = "draft"
CHANGED = "changed since"
MAY = {
    Decision.SUBMITTED: (Role.TECHNICIAN, Role.EDITOR),
    Decision.APPROVED: (Role.APPROVER,),
    Decision.REJECTED: (Role.APPROVER,),
}
_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """Where one programme stands: draft, submitted, approved, rejected, or changed since that was said."""

    programme: Programme
    state: str
    note: DecisionNote | None


def add_user(record: Record, name: str, role: Role, password: str, actor: str, now_at: datetime) -> None:
    """Add a user; a name is given once and for all.

    Raises:
        InputError: The name is none or was given before, or the password is shorter than 8 characters.
    """
    if not is_id(name):
        raise InputError(f"{name!r} cannot be a user's name", hint="small letters a-z, digits and hyphens")
    if len(password) < MIN_PASSWORD:
        raise InputError("the password is too short", hint=f"at least {MIN_PASSWORD} characters")
    hashed = _HASHER.hash(password)
    with record.write() as connection:
        if name in read_users(connection):
            raise InputError(f"the name {name!r} was given before", hint="choose another")
        write_user(connection, User(name, role, hashed, now_at, None))
        write_audit(connection, now_at, actor, "user added", name, role.value)


def disable_user(record: Record, name: str, actor: str, now_at: datetime) -> None:
    """Disable a user; what was decided by that user stands.

    Raises:
        UnknownNameError: There is no such user.
    """
    with record.write() as connection:
        known = read_users(connection)
        if name not in known:
            raise UnknownNameError(f"there is no user {name!r}", hint=suggest_nearest(name, known))
        write_user_end(connection, name, now_at)
        write_audit(connection, now_at, actor, "user disabled", name, "")


def check_password(record: Record, name: str, password: str, now_at: datetime) -> User:
    """Check who somebody says to be.

    Raises:
        NotAllowedError: No such user, disabled, or another password; which of them is not said, but is in the audit.
    """
    with record.read() as connection:
        user = read_users(connection).get(name)
    why = "no such user" if user is None else "disabled" if user.disabled_at is not None else ""
    if user is not None and not why:
        try:
            _HASHER.verify(user.password_hash, password)
        except (VerificationError, InvalidHashError):
            why = "wrong password"
        else:
            return user
    with record.write() as connection:
        write_audit(connection, now_at, name, "login refused", name, why)
    raise NotAllowedError("name and password do not fit", hint="`broadcaster user list` shows the users")


def decide(
    record: Record, schedules: Schedules, name: str, decision: Decision, user: User, reason: str, now_at: datetime
) -> Programme:
    """Submit, approve or reject a programme as it is now.

    Raises:
        NotAllowedError: The user's role may not, or the approver is the one who submitted it.
        InputError: It was not submitted as it is now, or a rejection has no reason. Nothing was decided.
        UnknownNameError: There is no such programme.
    """
    if user.role not in MAY[decision]:
        may = " or ".join(role.value for role in MAY[decision])
        raise NotAllowedError(f"{user.name} is {user.role.value}: this needs the role {may}")
    if decision is Decision.REJECTED and not reason.strip():
        raise InputError("a rejection needs a reason", hint="say it with --reason")
    with record.write() as connection:
        programme = read_programme(connection, ProgrammeId(name))
        if programme is None:
            hint = suggest_nearest(name, [known.id for known in read_programmes(connection)])
            raise UnknownNameError(f"there is no programme {name!r}", hint=hint)
        fingerprint = plan_fingerprint(programme, schedules)
        last = read_decisions(connection).get(programme.id)
        if decision is not Decision.SUBMITTED:
            if last is None or last.decision is not Decision.SUBMITTED or last.fingerprint != fingerprint:
                hint = f"an editor submits it: broadcaster submit {programme.id}"
                raise InputError(f"{programme.id!r} was not submitted as it is now", hint=hint)
            if last.by == user.name:
                raise NotAllowedError(f"{user.name} submitted {programme.id!r}; another person decides")
        write_decision(connection, DecisionNote(programme.id, fingerprint, decision, user.name, now_at, reason))
        detail = f"master {programme.master.sha256}" + (f"; {reason}" if reason else "")
        write_audit(connection, now_at, user.name, decision.value, programme.id, detail)
    return programme


def read_approvals(connection: Connection, schedules: Schedules) -> list[ApprovalRow]:
    """Read where every programme stands, in the order of adding."""
    notes = read_decisions(connection)
    return [_judge(programme, schedules, notes) for programme in read_programmes(connection)]


def _judge(programme: Programme, schedules: Schedules, notes: Mapping[ProgrammeId, DecisionNote]) -> ApprovalRow:
    note = notes.get(programme.id)
    if note is None:
        return ApprovalRow(programme, DRAFT, None)
    is_same = note.fingerprint == plan_fingerprint(programme, schedules)
    return ApprovalRow(programme, note.decision.value if is_same else CHANGED, note)

"""Users, decisions about programmes, and the audit, as rows. Decisions and audit are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, func, insert, select, update

from broadcaster.core.ids import ProgrammeId, Sha256
from broadcaster.store.tables import approvals, audit, users


class Role(StrEnum):
    """What a user may do: technician and editor submit, an approver decides, a viewer looks."""

    TECHNICIAN = "technician"
    EDITOR = "editor"
    APPROVER = "approver"
    VIEWER = "viewer"


class Decision(StrEnum):
    """Where a programme stands after a decision; one about which nothing was decided is a draft."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class User:
    """A person who acts at the centre. `password_hash` is argon2id's."""

    name: str
    role: Role
    password_hash: str
    added_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionNote:
    """One decision: about which fingerprint, by whom, and why."""

    programme: ProgrammeId
    fingerprint: Sha256
    decision: Decision
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what to what."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


def write_user(connection: Connection, user: User) -> None:
    """Keep a new user."""
    connection.execute(
        insert(users).values(
            name=user.name,
            role=user.role.value,
            password_hash=user.password_hash,
            added_at=user.added_at,
            disabled_at=user.disabled_at,
        )
    )


def write_user_end(connection: Connection, name: str, at: datetime) -> None:
    """Mark a user as disabled; the row stays, decisions name it."""
    connection.execute(update(users).where(users.c.name == name).values(disabled_at=at))


def read_users(connection: Connection) -> dict[str, User]:
    """Read all users by name, disabled ones too."""
    rows = connection.execute(select(users).order_by(users.c.name))
    return {row.name: User(row.name, Role(row.role), row.password_hash, row.added_at, row.disabled_at) for row in rows}


def write_decision(connection: Connection, note: DecisionNote) -> None:
    """Add a decision."""
    connection.execute(
        insert(approvals).values(
            programme_id=note.programme,
            fingerprint=note.fingerprint,
            decision=note.decision.value,
            by=note.by,
            at=note.at,
            reason=note.reason,
        )
    )


def read_decisions(connection: Connection) -> dict[ProgrammeId, DecisionNote]:
    """Read the newest decision about every programme that has one."""
    newest = select(func.max(approvals.c.id)).group_by(approvals.c.programme_id)
    rows = connection.execute(select(approvals).where(approvals.c.id.in_(newest)))
    return {
        ProgrammeId(row.programme_id): DecisionNote(
            ProgrammeId(row.programme_id), Sha256(row.fingerprint), Decision(row.decision), row.by, row.at, row.reason
        )
        for row in rows
    }


def read_audit(connection: Connection, limit: int) -> list[AuditLine]:
    """Read the newest lines of the audit, oldest first."""
    rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit)).all()
    return [AuditLine(row.at, row.actor, row.action, row.subject, row.detail) for row in reversed(rows)]

"""Nothing unapproved goes out: roles, another person, bound to bytes and place, and an audit that stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from broadcaster.centre.approvals import add_user, check_password, decide, disable_user, read_approvals
from broadcaster.centre.check import check_workspace
from broadcaster.centre.publish import explain, publish_days, read_shelf
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, NotAllowedError, RecordError
from broadcaster.core.files import hash_bytes
from broadcaster.core.schedules import Schedules
from broadcaster.store.approvals import Decision, Role, User, read_audit
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.store.tables import masters
from broadcaster.timetable.read import read_schedules
from tests.unit.makers import make_programme

MONDAY = date(2023, 10, 9)
NOW = datetime(2023, 10, 9, 1, 0, tzinfo=UTC)
PHRASE = "mật khẩu dài"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "w")
    with (workspace.schedules / "centre.yaml").open("a", encoding="utf-8") as file:
        file.write("\napproval: required\n")
    return workspace


@pytest.fixture
def schedules(workspace: Workspace) -> Schedules:
    return read_schedules(workspace.schedules)


@pytest.fixture
def record(workspace: Workspace) -> Iterator[Record]:
    with workspace.open_record() as record:
        for name, role in (("lan", Role.EDITOR), ("hung", Role.APPROVER), ("mai", Role.VIEWER)):
            add_user(record, name, role, PHRASE, "root", NOW)
        with record.write() as connection:
            write_programme(connection, make_programme("tin"))
        yield record


def log_in(record: Record, name: str) -> User:
    return check_password(record, name, PHRASE, NOW)


def approve(record: Record, schedules: Schedules) -> None:
    decide(record, schedules, "tin", Decision.SUBMITTED, log_in(record, "lan"), "", NOW)
    decide(record, schedules, "tin", Decision.APPROVED, log_in(record, "hung"), "", NOW)


def get_state(record: Record, schedules: Schedules) -> str:
    with record.read() as connection:
        (row,) = read_approvals(connection, schedules)
    return row.state


def count_airings(workspace: Workspace, record: Record, schedules: Schedules) -> int:
    return sum(one.airings for one in publish_days(workspace, record, schedules, [MONDAY], NOW))


def test_nothing_unapproved_goes_into_a_plan_and_approval_puts_it_there(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    assert count_airings(workspace, record, schedules) == 0
    assert "tin is not approved" in str(explain(record, schedules, MONDAY, NOW))
    decide(record, schedules, "tin", Decision.SUBMITTED, log_in(record, "lan"), "", NOW)
    assert count_airings(workspace, record, schedules) == 0
    decide(record, schedules, "tin", Decision.APPROVED, log_in(record, "hung"), "", NOW)
    assert count_airings(workspace, record, schedules) > 0


def test_moved_slot_or_other_bytes_undo_the_approval(record: Record, schedules: Schedules) -> None:
    approve(record, schedules)
    assert get_state(record, schedules) == "approved"
    first, *others = schedules.slots
    moved = dataclasses.replace(schedules, slots=(dataclasses.replace(first, volume=90), *others))
    assert get_state(record, moved) == "changed since"
    with record.read() as connection:
        assert read_shelf(connection, moved, MONDAY, NOW).by_id == {}
    other = hash_bytes(b"other")
    with record.write() as connection:
        (row,) = connection.execute(select(masters)).mappings()
        connection.execute(masters.insert().values({**row, "sha256": other}))
        connection.execute(text("UPDATE programmes SET master_sha256 = :new"), {"new": other})
    assert get_state(record, schedules) == "changed since"


def test_only_an_approver_who_is_another_person_decides(record: Record, schedules: Schedules) -> None:
    lan, hung = log_in(record, "lan"), log_in(record, "hung")
    with pytest.raises(NotAllowedError):
        decide(record, schedules, "tin", Decision.SUBMITTED, log_in(record, "mai"), "", NOW)
    with pytest.raises(InputError, match="was not submitted as it is now"):
        decide(record, schedules, "tin", Decision.APPROVED, hung, "", NOW)
    decide(record, schedules, "tin", Decision.SUBMITTED, lan, "", NOW)
    with pytest.raises(NotAllowedError):
        decide(record, schedules, "tin", Decision.APPROVED, lan, "", NOW)
    with pytest.raises(NotAllowedError, match="another person"):
        both = dataclasses.replace(lan, role=Role.APPROVER)
        decide(record, schedules, "tin", Decision.APPROVED, both, "", NOW)
    with pytest.raises(InputError, match="needs a reason"):
        decide(record, schedules, "tin", Decision.REJECTED, hung, " ", NOW)
    decide(record, schedules, "tin", Decision.REJECTED, hung, "sai tên xã", NOW)
    assert get_state(record, schedules) == "rejected"
    with pytest.raises(InputError):
        decide(record, schedules, "tin", Decision.APPROVED, hung, "", NOW)


def test_wrong_password_and_disabled_user_are_refused_and_noted(record: Record) -> None:
    with pytest.raises(NotAllowedError):
        check_password(record, "lan", "khác", NOW)
    with pytest.raises(NotAllowedError):
        check_password(record, "ai-do", PHRASE, NOW)
    disable_user(record, "lan", "root", NOW)
    with pytest.raises(NotAllowedError):
        log_in(record, "lan")
    with record.read() as connection:
        lines = [(line.actor, line.detail) for line in read_audit(connection, 10) if line.action == "login refused"]
    assert lines == [("lan", "wrong password"), ("ai-do", "no such user"), ("lan", "disabled")]


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM approvals",
                                       "UPDATE approvals SET decision = 'approved'",
                                       "REPLACE INTO audit SELECT id, at, 'x', action, subject, detail FROM audit",
                                       "REPLACE INTO approvals SELECT * FROM approvals"])  # fmt: skip
def test_record_refuses_to_change_what_was_decided(record: Record, schedules: Schedules, statement: str) -> None:
    approve(record, schedules)
    with pytest.raises(RecordError, match="only ever added to"), record.write() as connection:
        connection.execute(text(statement))


def test_check_says_that_an_approval_is_missing_and_no_programme(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    found = {one.message: one.hint for one in check_workspace(workspace, NOW)}
    hint = found["nothing to play in 'chieu' on 09/10/2023 at 17:00: approval of tin, column thong-bao"]
    assert hint == "`broadcaster approvals` shows what waits for whom"
    approve(record, schedules)
    assert not any("'chieu' on 09/10/2023" in one.message for one in check_workspace(workspace, NOW))


def test_people_work_by_commands(workspace: Workspace, record: Record, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PHRASE + "\n", encoding="utf-8")
    secret.chmod(0o600)

    def run(*words: str, typed: str | None = None) -> str:
        done = CliRunner().invoke(cli, ["-w", str(workspace.root), *words], input=typed)
        assert done.exception is None, done.exception
        return done.output

    run("user", "add", "thu", "--role", "technician", typed=f"{PHRASE}\n{PHRASE}\n")
    assert "thu" in run("user", "list")
    assert "submitted tin" in run("submit", "tin", "--as", "thu", typed=f"{PHRASE}\n")
    assert "approved tin" in run("approve", "tin", "--as", "hung", "--password-file", str(secret))
    assert "approved" in run("approvals")
    assert "submitted" in run("audit")
    assert "hung" in run("audit", "--json")
    assert PHRASE not in run("audit")
    run("user", "disable", "thu")
    secret.chmod(0o644)
    done = CliRunner().invoke(
        cli, ["-w", str(workspace.root), "submit", "tin", "--as", "lan", "--password-file", str(secret)]
    )
    assert isinstance(done.exception, InputError)

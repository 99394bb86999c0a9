"""Alerts from outside: only Actual ones, only once, only where their area lies here, and only when a person says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broadcaster.centre.alerts import match_waiting, plan_alert, read_waiting, take_alert, take_by_rule
from broadcaster.centre.approvals import add_user
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, NotAllowedError, TimetableError, ToolMissingError
from broadcaster.core.model import Priority
from broadcaster.core.schedules import Schedules
from broadcaster.store.approvals import Role, User, read_audit
from broadcaster.store.engine import Record
from broadcaster.store.orders import read_orders
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.cap import read_alert
from broadcaster.wire.order import OrderStatus
from tests.unit.test_cap import FLOOD

NOW = datetime(2023, 10, 9, 8, 30, tzinfo=UTC)
HUNG = User("hung", Role.APPROVER, "", NOW, None)
FIRST = "canhbao@kttv.example,VN-2023-1009-01,2023-10-09T15:00:00+07:00"
UPDATE = (
    FLOOD.replace("<msgType>Alert", "<msgType>Update").replace("1009-01", "1009-02").replace("Mưa lớn", "Mưa rất lớn")
    .replace("<scope>", f"<references>{FIRST}</references><scope>")
)  # fmt: skip
CANCEL = (
    UPDATE.replace("<msgType>Update", "<msgType>Cancel").replace("<identifier>VN-2023-1009-02", "<identifier>VN-3")
    .replace("kttv.example,VN-2023-1009-01,2023-10-09T15", "kttv.example,VN-2023-1009-02,2023-10-09T15")
)  # fmt: skip
MINOR = FLOOD.replace("Severe", "Minor")
RULES = """
alerts:
  areas:
    - area: "397"
      stations: [all]
  normal_column: thoi-su
"""


def read_rules(workspace: Workspace, more: str = "") -> Schedules:
    path = workspace.schedules / "centre.yaml"
    text = path.read_text(encoding="utf-8").partition("\nalerts:")[0]
    path.write_text(text + RULES + more, encoding="utf-8")
    return read_schedules(workspace.schedules)


@pytest.fixture
def schedules(workspace: Workspace) -> Schedules:
    return read_rules(workspace)


def refuse(record: Record, schedules: Schedules, text: str, now_at: datetime = NOW) -> str:
    return plan_alert(record, schedules, read_alert(text.encode()), now_at).refusal


def take(workspace: Workspace, record: Record, schedules: Schedules, text: str) -> list[str]:
    plan = plan_alert(record, schedules, read_alert(text.encode()), NOW)
    taken = take_alert(workspace, record, schedules, plan, HUNG, NOW)
    return [f"{kept.order.status.value} {kept.order.title}" for kept in taken.orders]


def test_alert_is_ordered_then_updated_then_cancelled(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    assert refuse(record, schedules, CANCEL) == "nothing that it cancels is on its way here"
    assert take(workspace, record, schedules, FLOOD) == ["actual Cảnh báo lũ quét"]
    assert refuse(record, schedules, FLOOD) == "it was taken before"
    assert take(workspace, record, schedules, UPDATE) == ["cancelled Cảnh báo lũ quét", "actual Cảnh báo lũ quét"]
    assert take(workspace, record, schedules, CANCEL) == ["cancelled Cảnh báo lũ quét"]
    assert refuse(record, schedules, CANCEL) == "nothing that it cancels is on its way here"
    with record.read() as connection:
        kept = read_orders(connection)
        by_source = {one.source: one for one in kept if one.order.status is OrderStatus.ACTUAL}
        first, second = (by_source[name] for name in sorted(by_source))
        actions = [line.action for line in read_audit(connection, 20)]
    assert len(kept) == 4
    assert {one.order.cancels for one in kept} == {"", first.order.id, second.order.id}
    assert first.order.expires_at == datetime(2023, 10, 9, 11, tzinfo=UTC)
    assert (first.order.stations, first.order.author) == ((), "hung")
    assert first.order.sha256 != second.order.sha256
    assert actions[-1] == "alert cancelled others"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("<status>Actual", "<status>Exercise"), "its status is Exercise"),
        (("<status>Actual", "<status>Test"), "its status is Test"),
        (("<status>Actual", "<status>Draft"), "its status is Draft"),
        (("<status>Actual", "<status>System"), "its status is System"),
        (("<msgType>Alert", "<msgType>Ack"), "it is an Ack"),
        (("T18:00:00+07:00</expires>", "T15:30:00+07:00</expires>"), "it has expired"),
        (("<sent>2023-10-09T15:00:00+07:00", "<sent>2023-10-09T17:00:00+07:00"), "it says that it was sent at 10:00"),
        (("<value>397", "<value>398"), "none of its areas (Huyện Triệu Sơn, 398, Huyện Thọ Xuân)"),
        (("Severe", "Moderate"), "alerts.priority_column of schedules/centre.yaml names no column"),
    ],
)
def test_what_is_not_meant_here_is_not_taken(
    workspace: Workspace, record: Record, schedules: Schedules, change: tuple[str, str], reason: str
) -> None:
    text = FLOOD.replace(*change)
    assert refuse(record, schedules, text).startswith(reason)
    with pytest.raises(InputError, match="not taken"):
        take(workspace, record, schedules, text)


def test_alert_without_an_expiry_is_over_after_a_day(record: Record, schedules: Schedules) -> None:
    text = FLOOD.replace("<expires>2023-10-09T18:00:00+07:00</expires>", "")
    assert refuse(record, schedules, text, NOW + timedelta(hours=23)) == ""
    assert refuse(record, schedules, text, NOW + timedelta(hours=24)) == "it has expired"


def test_minor_alert_becomes_a_programme_once(workspace: Workspace, record: Record, schedules: Schedules) -> None:
    plan = plan_alert(record, schedules, read_alert(MINOR.encode()), NOW)
    assert plan.priority is Priority.NORMAL
    programme = take_alert(workspace, record, schedules, plan, HUNG, NOW).programme
    assert programme is not None
    assert (programme.title, programme.column) == ("Cảnh báo lũ quét", "thoi-su")
    assert (workspace.masters / f"{programme.master.sha256}.mp3").exists()
    assert refuse(record, schedules, MINOR) == "it was taken before"


def test_alert_in_the_folder_waits_for_a_person_and_is_an_alarm(
    workspace: Workspace, record: Record, schedules: Schedules
) -> None:
    folder = workspace.root / "alerts"
    folder.mkdir()
    (folder / "lu.xml").write_text(FLOOD, encoding="utf-8")
    (folder / "hong.xml").write_text("<alert", encoding="utf-8")
    waiting = read_waiting(workspace, record, schedules, NOW)
    assert take_by_rule(workspace, record, schedules, waiting, NOW) == ([], {})
    (message,) = match_waiting(waiting).values()
    assert message.endswith("(emergency): Cảnh báo lũ quét: broadcaster cap show lu.xml")
    assert read_waiting(workspace, record, schedules, NOW + timedelta(hours=3)) == []
    strangers = read_rules(workspace, "  take: automatic\n  senders: [ai-do@example]\n")
    assert take_by_rule(workspace, record, strangers, waiting, NOW) == ([], {})
    known = read_rules(workspace, "  take: automatic\n  senders: [canhbao@kttv.example]\n")
    (kept,), silent = take_by_rule(workspace, record, known, waiting, NOW)
    assert silent == {}
    assert (kept.order.author, kept.order.status) == ("cap canhbao@kttv.example", OrderStatus.ACTUAL)
    assert read_waiting(workspace, record, known, NOW) == []


def test_update_that_cannot_be_spoken_ends_the_earlier_alert_and_is_tried_again(
    workspace: Workspace, record: Record, schedules: Schedules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert take(workspace, record, schedules, FLOOD) == ["actual Cảnh báo lũ quét"]
    (workspace.root / "alerts").mkdir()
    (workspace.root / "alerts" / "lu.xml").write_text(UPDATE, encoding="utf-8")
    known = read_rules(workspace, "  take: automatic\n  senders: [canhbao@kttv.example]\n")

    def take_waiting() -> tuple[list[str], list[str]]:
        waiting = read_waiting(workspace, record, known, NOW)
        orders, silent = take_by_rule(workspace, record, known, waiting, NOW)
        return [kept.order.status.value for kept in orders], list(silent.values())

    with monkeypatch.context() as here:
        here.setenv("PATH", str(tmp_path))
        stopped, (said,) = take_waiting()
        assert stopped == ["cancelled"]
        assert said.startswith("the alert 'Cảnh báo lũ quét' cannot be sounded: espeak-ng is not on this machine")
        assert take_waiting() == ([], [said])
        with pytest.raises(ToolMissingError):
            take(workspace, record, known, UPDATE)
    assert take_waiting() == (["actual"], [])
    assert take_waiting() == ([], [])


def test_faults_of_the_rule_are_named(workspace: Workspace) -> None:
    for more, message in (
        ("  priority_column: thoi-xu\n", "unknown column 'thoi-xu' (did you mean 'thoi-su'?)"),
        ("  take: automatic\n", "alerts taken without a person, but from whom?"),
    ):
        with pytest.raises(TimetableError) as caught:
            read_rules(workspace, more)
        assert message in str(caught.value)


def run(workspace: Workspace, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(workspace.root), "cap", *words])


def test_person_looks_and_takes(workspace: Workspace, record: Record, schedules: Schedules, tmp_path: Path) -> None:
    phrase = "mật khẩu dài"
    (tmp_path / "password").write_text(phrase)
    (tmp_path / "password").chmod(0o600)
    for name, role in (("hung", Role.APPROVER), ("mai", Role.VIEWER)):
        add_user(record, name, role, phrase, "root", NOW)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    (workspace.root / "alerts").mkdir()
    text = MINOR.replace("2023-10-09T18:00:00+07:00", tomorrow.isoformat(timespec="seconds"))
    (workspace.root / "alerts" / "nho.xml").write_text(text, encoding="utf-8")
    shown = run(workspace, "show", "nho.xml")
    assert shown.exit_code == 0
    assert "it becomes a programme of the column 'thoi-su'" in shown.output
    raised = json.loads(run(workspace, "show", "nho.xml", "--priority", "emergency", "--json").output)
    assert (raised["priority"], raised["refusal"]) == ("emergency", "")
    words = ("take", "nho.xml", "--yes", "--password-file", str(tmp_path / "password"), "--as")
    assert isinstance(run(workspace, *words, "mai").exception, NotAllowedError)
    assert "added programme canh-bao-lu-quet" in run(workspace, *words, "hung").output
    again = run(workspace, *words, "hung")
    assert (again.exit_code, again.output.splitlines()[-1]) == (1, "it is not taken: it was taken before")

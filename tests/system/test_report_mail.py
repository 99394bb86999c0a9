"""Reports by e-mail through a real SMTP server: sent once, as kept, tried again, previewed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner

from broadcaster.centre.editions import read_edition, write_report
from broadcaster.centre.report_duty import ReportDuty
from broadcaster.centre.report_mail import list_unsent, send_edition
from broadcaster.centre.reports import order_week
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError
from broadcaster.core.schedules import MailSecurity, MailSettings, Schedules
from broadcaster.store.engine import Record
from tests.sample_week import MADE_AT, MONDAY, fill_week, init_sample
from tests.system.test_mail import HOST, Letterbox, find_free_port, serve

TO = ("ubnd@trieuson.example", "phong@trieuson.example")
Office = tuple[Workspace, Record, Schedules]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    workspace, schedules = init_sample(tmp_path / "w")
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
        write_report(workspace, record, schedules, order_week(MONDAY), MADE_AT)
        yield workspace, record, schedules


def set_mail(schedules: Schedules, port: int) -> Schedules:
    settings = MailSettings(HOST, port, MailSecurity.NONE, "dai@trieuson.example", reports_to=TO)
    return replace(schedules, centre=replace(schedules.centre, mail=settings))


def hash_attachments(message: EmailMessage) -> dict[str, str]:
    found = {}
    for part in message.iter_attachments():
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        found[str(part.get_filename())] = hashlib.sha256(data).hexdigest()
    return found


def test_service_sends_a_week_once_and_tries_again(office: Office) -> None:
    workspace, record, schedules = office
    alarms: list[str] = []
    box, port = Letterbox(), find_free_port()
    duty = ReportDuty(workspace, record)
    duty.run(set_mail(schedules, port), MADE_AT, alarms.append)
    assert "was not sent" in alarms[0]
    with serve(box, port):
        for hour in range(1, 4):
            duty.run(set_mail(schedules, port), MADE_AT + timedelta(hours=hour), alarms.append)
    assert len(alarms) == 1
    (letter,) = box.letters
    assert letter["To"] == ", ".join(TO)
    assert "02/10/2023 - 08/10/2023" in letter["Subject"]
    edition = read_edition(record, "2023-W40")
    assert edition.mailed_at == (MADE_AT + timedelta(hours=1)).astimezone(UTC)
    sent = hash_attachments(letter)
    assert {Path(name).suffix for name in sent} == {".docx", ".xlsx", ".html"}
    assert sent.items() <= dict(edition.files).items()
    assert list_unsent(record, MADE_AT) == []


def test_document_that_was_changed_is_sent_as_it_was_kept(office: Office) -> None:
    workspace, record, schedules = office
    (workspace.reports / "bao-cao-2023-W40.docx").write_bytes(b"changed by hand")
    edition = read_edition(record, "2023-W40")
    box = Letterbox()
    with serve(box) as port:
        assert send_edition(workspace, record, set_mail(schedules, port), edition, MADE_AT) == TO
    assert hash_attachments(box.letters[0]).items() <= dict(edition.files).items()


def test_command_previews_and_sends(office: Office) -> None:
    workspace = office[0]
    call = ["--workspace", str(workspace.root), "report", "send", "2023-W40"]
    assert isinstance(CliRunner().invoke(cli, call).exception, InputError)
    box = Letterbox()
    centre = workspace.schedules / "centre.yaml"
    with serve(box) as port:
        with centre.open("a", encoding="utf-8") as file:
            file.write(f"\nmail: {{host: {HOST}, port: {port}, security: none, sender: dai@trieuson.example, "
                       f"reports_to: [{TO[0]}]}}\n")  # fmt: skip
        shown = CliRunner().invoke(cli, [*call, "--preview"])
        assert f"would be sent to {TO[0]}" in shown.output
        assert box.letters == []
        done = CliRunner().invoke(cli, call)
    assert f"sent to {TO[0]}" in done.output
    assert len(box.letters) == 1

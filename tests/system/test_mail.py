"""Alarms by e-mail, through a real SMTP server: one letter when one begins, one when it is over, none lost."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broadcaster.centre.mail import Attachment, send_mail
from broadcaster.centre.service import CentreService
from broadcaster.centre.telling import MAX_PENDING, Pending
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import DeliveryError, InputError, TimetableError
from broadcaster.core.schedules import MailSecurity, MailSettings
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.timetable.read import read_schedules
from tests.station_simulator import FakeClock
from tests.system.test_service import watch
from tests.unit.makers import make_programme

HOST = "127.0.0.1"
PHRASE = "mat khau thu"


@dataclass
class Letterbox:
    """What a mail server took."""

    letters: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


def check_login(server: Server, session: Session, envelope: Envelope, way: str, data: object) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"thu", PHRASE.encode())
    return AuthResult(success=is_right, handled=is_right)


def find_free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serve(box: Letterbox, port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[int]:
    port = port or find_free_port()
    if context is None:
        controller = Controller(box, HOST, port)
    else:
        controller = Controller(
            box, HOST, port, tls_context=context, require_starttls=True, auth_required=True, authenticator=check_login
        )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now_at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now_at - timedelta(days=1)).not_valid_after(now_at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "mail.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def make_settings(port: int, *, user: str = "", password_file: str = "") -> MailSettings:
    security = MailSecurity.STARTTLS if user else MailSecurity.NONE
    return MailSettings(HOST, port, security, "dai@trieuson.example", user, password_file, ("truc@trieuson.example",))


def test_letter_goes_encrypted_with_a_name_and_a_password(tmp_path: Path, certificate: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{PHRASE}\n", encoding="utf-8")
    password.chmod(0o600)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    box = Letterbox()
    with serve(box, context=context) as port:
        settings = make_settings(port, user="thu", password_file=str(password))
        files = (Attachment("báo cáo.pdf", "application/pdf", b"%PDF"),)
        send_mail(settings, settings.alarms_to, "Báo cáo\ntuần 41", "Kính gửi", files, certificate)
        password.write_text("sai")
        with pytest.raises(DeliveryError, match="does not let thu in"):
            send_mail(settings, settings.alarms_to, "a", "b", (), certificate)
        password.write_text("mật khẩu", encoding="utf-8")
        with pytest.raises(InputError, match="outside ASCII"):
            send_mail(settings, settings.alarms_to, "a", "b", (), certificate)
        password.chmod(0o644)
        with pytest.raises(InputError, match="can be read by others"):
            send_mail(settings, settings.alarms_to, "a", "b", (), certificate)
    (letter,) = box.letters
    assert (letter["Subject"], letter["To"]) == ("Báo cáo tuần 41", "truc@trieuson.example")
    body, attached = letter.iter_parts()
    assert isinstance(body, EmailMessage)
    assert body.get_content().strip() == "Kính gửi"
    assert attached.get_filename() == "báo cáo.pdf"


def test_server_with_a_certificate_that_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []
    with socket.create_server((HOST, 0)) as listener:

        def listen() -> None:
            line, _ = listener.accept()
            with line, contextlib.suppress(OSError), context.wrap_socket(line, server_side=True) as safe:
                heard.append(safe.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        settings = MailSettings(HOST, listener.getsockname()[1], MailSecurity.TLS, "dai@trieuson.example")
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            send_mail(settings, ["truc@trieuson.example"], "a", "b")
        thread.join()
    assert heard == []


def set_mail(workspace: Workspace, port: int) -> None:
    path = workspace.schedules / "centre.yaml"
    text = path.read_text(encoding="utf-8").partition("\nmail:")[0]
    path.write_text(
        f"{text}\nmail: {{host: {HOST}, port: {port}, security: none, sender: dai@trieuson.example,"
        " alarms_to: [truc@trieuson.example]}\n",
        encoding="utf-8",
    )


def test_alarm_is_one_letter_when_it_begins_and_one_when_it_is_over(workspace: Workspace, record: Record) -> None:
    def start() -> CentreService:
        return CentreService(workspace, record, read_schedules(workspace.schedules), clock)

    clock = FakeClock(datetime(2023, 10, 10, 2, 0, tzinfo=UTC))
    box = Letterbox()
    with serve(box) as port:
        set_mail(workspace, port)
    service = start()
    watch(service)  # nobody listens
    service = start()  # and the service is started anew: the alarm still waits
    with serve(box, port):
        box.refuses = True
        watch(service)
        box.refuses = False
        watch(service)
        watch(start())
        assert len(box.letters) == 1
        with record.write() as connection:
            for n in range(2):
                write_programme(connection, make_programme(f"moi-{n}", on=date(2023, 10, 10 + n)))
        service = start()
        watch(service)
        watch(service)
    begun, over = box.letters
    assert begun["Subject"].startswith("[Trung tâm truyền thanh] ALARM nothing to play in chieu at 17:00 10/10")
    assert over["Subject"].startswith("[Trung tâm truyền thanh] over: nothing to play in chieu at 17:00 10/10")


def test_alarm_can_be_tried(workspace: Workspace) -> None:
    command = ["-w", str(workspace.root), "alarm-test"]
    assert isinstance(CliRunner().invoke(cli, command).exception, InputError)
    box = Letterbox()
    with serve(box) as port:
        set_mail(workspace, port)
        result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.output) == (0, "told truc@trieuson.example\n")
    assert box.letters[0]["Subject"].startswith("[Trung tâm truyền thanh] TEST")
    assert isinstance(CliRunner().invoke(cli, command).exception, DeliveryError)


def test_account_without_a_password_file_is_a_fault(workspace: Workspace) -> None:
    with (workspace.schedules / "centre.yaml").open("a", encoding="utf-8") as file:
        file.write("\nmail: {host: mail, sender: a@b, user: thu}\n")
    with pytest.raises(TimetableError, match="where is the password of 'thu'"):
        read_schedules(workspace.schedules)


def test_only_the_newest_wait_and_damage_loses_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "waiting.json"
    waiting = Pending(path)
    for n in range(MAX_PENDING + 1):
        waiting.add(str(n))
    assert Pending(path).list_waiting() == [str(n) for n in range(1, MAX_PENDING + 1)]
    waiting.drop(["1", "1", "no such"])
    assert Pending(path).list_waiting()[0] == "2"
    path.write_bytes(b"[1, {")
    assert Pending(path).list_waiting() == []

"""E-mail through the office's own server: plain SMTP, its password from a file that only the owner can read."""

from __future__ import annotations

import smtplib
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from broadcaster.core.errors import DeliveryError, InputError
from broadcaster.core.schedules import MailSecurity, MailSettings

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; `kind` is its media type such as `application/pdf`."""

    name: str
    kind: str
    data: bytes


def send_mail(
    settings: MailSettings,
    receivers: Sequence[str],
    subject: str,
    text: str,
    attachments: Sequence[Attachment] = (),
    trust: Path | None = None,
) -> None:
    """Send one message to all receivers.

    Args:
        settings: Server, security, account, sender.
        receivers: Addresses.
        subject: One line.
        text: The message.
        attachments: What goes with it.
        trust: Certificates to trust instead of the system's.

    Raises:
        InputError: The password's file cannot be read or is open to others. Nothing was sent.
        DeliveryError: The server cannot be reached or does not take it. Some receivers may have it.
    """
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(receivers)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    message.set_content(text)
    for one in attachments:
        main, _, sub = one.kind.partition("/")
        message.add_attachment(one.data, maintype=main, subtype=sub, filename=one.name)
    password = _read_password(settings)
    try:
        with _connect(settings, trust) as server:
            if settings.user:
                server.login(settings.user, password)
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        hint = "correct mail.user and the file mail.password_file in schedules/centre.yaml"
        raise DeliveryError(f"{settings.host} does not let {settings.user} in", hint=hint) from error
    except (smtplib.SMTPException, OSError) as error:
        hint = "look at `mail` in schedules/centre.yaml; is the line up?"
        raise DeliveryError(f"the e-mail was not sent through {settings.host}: {_say(error)}", hint=hint) from error
    if refused:
        raise DeliveryError(f"{settings.host} does not take mail for {', '.join(sorted(refused))}")


def _connect(settings: MailSettings, trust: Path | None) -> smtplib.SMTP:
    trusted = ssl.create_default_context(cafile=trust)
    if settings.security is MailSecurity.TLS:
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT_S, context=trusted)
    server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
    if settings.security is MailSecurity.STARTTLS:
        try:
            server.starttls(context=trusted)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
    return server


def _read_password(settings: MailSettings) -> str:
    if not settings.user:
        return ""
    path = Path(settings.password_file)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(f"{path} can be read by others", hint=f"chmod 600 {path}")
        password = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        hint = "mail.password_file in schedules/centre.yaml names it"
        raise InputError(f"the mail password's file {path} cannot be read: {error.strerror}", hint=hint) from error
    if not (password.isascii() and settings.user.isascii()):
        raise InputError("a mail account with letters outside ASCII cannot log in", hint="choose another password")
    return password


def _say(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        answer = error.smtp_error
        return f"{error.smtp_code} {answer.decode(errors='replace') if isinstance(answer, bytes) else answer}"
    return str(error)

"""Telling people of alarms: a webhook and e-mail. What could not be told waits on the disk and is tried again."""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from broadcaster.centre.mail import send_mail
from broadcaster.core.errors import BroadcasterError, DeliveryError
from broadcaster.core.files import write_atomic
from broadcaster.core.schedules import CentreSettings

_LOG = logging.getLogger("broadcaster")
WEBHOOK_TIMEOUT_S = 10.0
MAX_PENDING = 200
SUBJECT_CHARACTERS = 120


class Pending:
    """Sentences that wait to be told, the newest 200, in a file: a restart loses none and tells none twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._unwritten: list[str] | None = None

    def add(self, message: str) -> None:
        """Put a sentence at the end."""
        with self._lock:
            self._keep([*self._read(), message][-MAX_PENDING:])

    def list_waiting(self) -> list[str]:
        """List what waits, oldest first."""
        with self._lock:
            return self._read()

    def drop(self, told: list[str]) -> None:
        """Take away what was told: once each."""
        with self._lock:
            left = self._read()
            for message in told:
                if message in left:
                    left.remove(message)
            self._keep(left)

    def _read(self) -> list[str]:
        return _read_texts(self._path) if self._unwritten is None else list(self._unwritten)

    def _keep(self, waiting: list[str]) -> None:
        """Write what waits; what the disk does not take is kept here until it does."""
        self._unwritten = None
        try:
            write_atomic(self._path, json.dumps(waiting, ensure_ascii=False).encode())
        except OSError as error:
            self._unwritten = waiting
            _LOG.warning("%s cannot be written: %s", self._path, error)


class Telling:
    """Tells every sentence to everybody whom the settings name, each way for itself.

    Args:
        folder: Where what waits is kept.
        read_settings: Gives the newest settings.
    """

    def __init__(self, folder: Path, read_settings: Callable[[], CentreSettings]) -> None:
        self._read_settings = read_settings
        self._webhook = Pending(folder / "alarms-webhook.json")
        self._mail = Pending(folder / "alarms-mail.json")

    def add(self, message: str) -> None:
        """Put a sentence into the queues of the ways that are set."""
        settings = self._read_settings()
        if settings.alarm_webhook:
            self._webhook.add(message)
        if settings.mail is not None and settings.mail.alarms_to:
            self._mail.add(message)

    def send_pending(self) -> None:
        """Tell what waits, each way oldest first; never raises: a log line says what could not be told."""
        settings = self._read_settings()
        if settings.alarm_webhook:
            self._post_all(settings)
        waiting = self._mail.list_waiting()
        if settings.mail is None or not settings.mail.alarms_to or not waiting:
            return
        try:
            send_mail(settings.mail, settings.mail.alarms_to, make_subject(settings.name, waiting), "\n".join(waiting))
        except BroadcasterError as error:
            _LOG.warning("%s; trying again", error.message)
        else:
            self._mail.drop(waiting)

    def _post_all(self, settings: CentreSettings) -> None:
        for message in self._webhook.list_waiting():
            try:
                _post(settings.alarm_webhook, _make_body(settings, message))
            except (http.client.HTTPException, OSError) as error:
                _LOG.warning("the alarm could not be posted, trying again: %s", error)
                return
            self._webhook.drop([message])


def tell_test(settings: CentreSettings) -> list[str]:
    """Tell a test alarm every way that is set.

    Returns:
        Whom it was told.

    Raises:
        DeliveryError: One way failed; those before it were told.
        InputError: The mail password's file cannot be used.
    """
    message = "TEST: this is how alarms come; nothing is wrong"
    ways: list[str] = []
    if settings.alarm_webhook:
        try:
            _post(settings.alarm_webhook, _make_body(settings, message))
        except (http.client.HTTPException, OSError) as error:
            raise DeliveryError(f"{settings.alarm_webhook}: {error}", hint="look at alarm_webhook") from error
        ways.append(settings.alarm_webhook)
    if settings.mail is not None and settings.mail.alarms_to:
        send_mail(settings.mail, settings.mail.alarms_to, make_subject(settings.name, [message]), message)
        ways += settings.mail.alarms_to
    return ways


def make_subject(centre: str, messages: list[str]) -> str:
    """Make the subject of a message that tells several things.

    >>> make_subject("Trung tâm", ["ALARM a", "over: b", "over: c"])
    '[Trung tâm] ALARM a (and 2 more)'
    """
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return f"[{centre}] {messages[0][:SUBJECT_CHARACTERS]}{more}"


def _read_texts(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _make_body(settings: CentreSettings, message: str) -> bytes:
    return json.dumps({"centre": settings.name, "text": message}, ensure_ascii=False).encode()


def _post(url: str, body: bytes) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=WEBHOOK_TIMEOUT_S)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json; charset=utf-8"})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise http.client.HTTPException(f"{answer.status} {answer.reason}")
    finally:
        connection.close()

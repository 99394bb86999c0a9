"""Reports by e-mail: a kept edition's letter, workbook and page, byte for byte as they were made."""

from __future__ import annotations

import re
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.airtime.wording import format_date
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.centre.editions import write_again
from broadcaster.centre.mail import Attachment, send_mail
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError
from broadcaster.core.files import hash_bytes
from broadcaster.core.schedules import MailSettings, Schedules
from broadcaster.store.editions import Edition, read_editions, write_edition_mailed
from broadcaster.store.engine import Record

SENT_FOR = timedelta(days=7)
KINDS = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pdf": "application/pdf",
    ".html": "application/octet-stream",  # as a file, not as text whose line ends a mail server may change
}
_WEEK = re.compile(r"\d{4}-W\d{2}")


def list_unsent(record: Record, now_at: datetime) -> list[Edition]:
    """List the newest editions of weekly reports that were made in the last seven days and not sent."""
    with record.read() as connection:
        newest = {one.name: one for one in read_editions(connection)}
    return [
        one
        for one in newest.values()
        if one.mailed_at is None and now_at - one.made_at <= SENT_FOR and _WEEK.fullmatch(one.name)
    ]


def list_attached(edition: Edition) -> list[str]:
    """List the documents of an edition that go with the message: the Vietnamese ones."""
    return [name for name in edition.files if Path(name).suffix in KINDS and name.startswith(f"{VIETNAMESE.stem}-")]


def find_receivers(schedules: Schedules) -> tuple[MailSettings, tuple[str, ...]]:
    """Find the mail server and who gets reports.

    Raises:
        InputError: Nothing is set.
    """
    settings = schedules.centre.mail
    if settings is None or not settings.reports_to:
        raise InputError("nobody gets reports by e-mail", hint="fill in `mail` and its reports_to in centre.yaml")
    return settings, settings.reports_to


def send_edition(
    workspace: Workspace, record: Record, schedules: Schedules, edition: Edition, now_at: datetime
) -> tuple[str, ...]:
    """Send an edition's documents and note that it was sent.

    Returns:
        To whom.

    Raises:
        InputError: Nothing is set, or the password's file cannot be used.
        DeliveryError: The server did not take it. Nothing was noted: it is tried again.
        RecordError: A document is not as it was kept, and the edition cannot be made again.
    """
    settings, to = find_receivers(schedules)
    period = f"{format_date(edition.first_on)} - {format_date(edition.last_on)}"
    corrected = f" (bản {edition.edition}, thay bản {edition.edition - 1})" if edition.edition > 1 else ""
    made_at = edition.made_at.astimezone(schedules.centre.zone)
    attachments = _read_documents(workspace, record, edition)
    text = (
        f"{schedules.centre.name}\n\n{VIETNAMESE.title} {period}{corrected}, lập lúc {made_at:%H:%M %d/%m/%Y}.\n"
        f"Tệp đính kèm: {', '.join(one.name for one in attachments)}\n"
    )
    send_mail(settings, to, f"{VIETNAMESE.title} {period}{corrected}", text, attachments)
    with record.write() as connection:
        write_edition_mailed(connection, edition, now_at)
    return to


def _read_documents(workspace: Workspace, record: Record, edition: Edition) -> list[Attachment]:
    """Read the documents from reports/; where one is not as it was kept, the edition is made again."""
    names = list_attached(edition)
    found = _read_all(workspace.reports, names)
    if [one.name for one in found if hash_bytes(one.data) == edition.files[one.name]] == names:
        return found
    with tempfile.TemporaryDirectory(prefix="broadcaster-") as place:
        write_again(record, edition.name, edition.edition, Path(place))
        return _read_all(Path(place), names)


def _read_all(folder: Path, names: list[str]) -> list[Attachment]:
    paths = [folder / name for name in names]
    return [Attachment(path.name, KINDS[path.suffix], path.read_bytes()) for path in paths if path.exists()]

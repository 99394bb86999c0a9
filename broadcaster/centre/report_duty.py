"""What the service does about reports: last week's on Monday at seven, corrections once a day, e-mail where set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta

from broadcaster.centre.editions import write_corrections, write_report
from broadcaster.centre.report_mail import list_unsent, send_edition
from broadcaster.centre.reports import order_week
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import AlreadyRunningError, BroadcasterError
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import format_week
from broadcaster.store.engine import Record
from broadcaster.store.plans import read_first_planned

_LOG = logging.getLogger("broadcaster")
DUE_AFTER = timedelta(hours=7)


class ReportDuty:
    """Writes what is due; calling it once too often does nothing."""

    def __init__(self, workspace: Workspace, record: Record) -> None:
        self._workspace = workspace
        self._record = record
        self._corrected_on: date | None = None

    def run(self, schedules: Schedules, now_at: datetime, alarm: Callable[[str], None]) -> None:
        """Write and correct. What fails is an alarm and is tried again the next time.

        Args:
            schedules: Names, zone, tolerances.
            now_at: The present instant.
            alarm: Told in words what failed.
        """
        try:
            self._write_last_week(schedules, now_at)
            self._correct(schedules, now_at)
            self._send(schedules, now_at)
        except AlreadyRunningError as error:
            _LOG.info("report: %s", error.message)
        except BroadcasterError as error:
            alarm(f"report: {error.message}")

    def _write_last_week(self, schedules: Schedules, now_at: datetime) -> None:
        monday = choose_last_monday(schedules, now_at)
        marker = self._workspace.state / f"reported-{format_week(monday)}"
        if marker.exists() or not self._has_begun_by(monday + timedelta(days=6)):
            return
        written = write_report(self._workspace, self._record, schedules, order_week(monday), now_at)
        marker.write_text(written.files.html.name)
        _LOG.info("report written: %s", written.files.html)

    def _has_begun_by(self, on: date) -> bool:
        """Tell whether the centre was at work by a date: of the time before there is nothing to report."""
        with self._record.read() as connection:
            first_on = read_first_planned(connection)
        return first_on is not None and first_on <= on

    def _correct(self, schedules: Schedules, now_at: datetime) -> None:
        today = (now_at.astimezone(schedules.centre.zone) - DUE_AFTER).date()
        if today == self._corrected_on:
            return
        for written in write_corrections(self._workspace, self._record, schedules, now_at):
            _LOG.info("report corrected by late journals: %s", written.files.html)
        self._corrected_on = today

    def _send(self, schedules: Schedules, now_at: datetime) -> None:
        if schedules.centre.mail is None or not schedules.centre.mail.reports_to:
            return
        for edition in list_unsent(self._record, now_at):
            to = send_edition(self._workspace, self._record, schedules, edition, now_at)
            _LOG.info("report %s, edition %d, sent to %s", edition.name, edition.edition, ", ".join(to))


def choose_last_monday(schedules: Schedules, now_at: datetime) -> date:
    """Choose the Monday of the last week whose report is due: a week is due on the Monday after it at 7:00."""
    due_on = (now_at.astimezone(schedules.centre.zone) - DUE_AFTER).date()
    return due_on - timedelta(days=due_on.weekday() + 7)

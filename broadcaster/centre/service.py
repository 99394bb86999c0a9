"""The centre as a service: everything that the technician's commands do by hand, done on time."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from sqlalchemy import Connection
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from broadcaster.centre.alarms import OVER, AlarmBook, name_moment, read_empty_slots
from broadcaster.centre.alerts import match_waiting, read_waiting, take_by_rule
from broadcaster.centre.clock import CentreClock, Duties
from broadcaster.centre.collector import Collector
from broadcaster.centre.deliver import read_missing
from broadcaster.centre.dispatch import Dispatcher
from broadcaster.centre.enrol import write_tunnel_keys
from broadcaster.centre.lease import Lease
from broadcaster.centre.order_board import send_open_orders
from broadcaster.centre.publish import list_publish_dates, publish_days
from broadcaster.centre.readiness import Readiness, read_board
from broadcaster.centre.report_duty import ReportDuty
from broadcaster.centre.telling import Telling
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.files import hold_lock
from broadcaster.core.notify import send_notice
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.store.engine import Record
from broadcaster.timetable.read import read_schedules

_LOG = logging.getLogger("broadcaster")
WAKE_S = 1.0
HUNG_AFTER = timedelta(hours=2)
RENEW_EVERY = timedelta(seconds=20)
STALE_AFTER = timedelta(minutes=1)
AWAY_AFTER = timedelta(minutes=2)
URGENT = ("publish", "push", "collect", "watch")


class CentreService:
    """Publishes, pushes, collects, watches and reports until it is told to stop.

    The schedules are read again before every duty, so an edited file takes effect without a restart; a file with a
    fault is an alarm, and the service goes on with what it read before.
    """

    def __init__(self, workspace: Workspace, record: Record, schedules: Schedules, clock: Clock) -> None:
        self._workspace = workspace
        self._record = record
        self._schedules = schedules
        self._clock = clock
        self._book = AlarmBook(self._tell, workspace.state / "alarms.json")
        self._telling = Telling(workspace.state, lambda: self._schedules.centre)
        self._reports = ReportDuty(workspace, record)
        self._began_at: dict[object, datetime] = {}
        self._late: set[str] = set()
        self._lease = Lease(record, clock)
        self._renewed_at = clock.now_at()
        self._stop = threading.Event()
        self._collector = Collector(workspace, record, clock, is_keeping=True)
        self._dispatcher = Dispatcher(workspace, record, clock, lambda: self._schedules.centre)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT, then stop cleanly. While a service on another machine leads, it stands by.

        Raises:
            AlreadyRunningError: Another service runs in this workspace on this machine.
        """
        with hold_lock(self._workspace.state / "service.lock", "broadcaster run"):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
            lead = self.lead
            publish = lead("publish", self.publish)
            duties = Duties(
                publish,
                lead("push", self.push),
                lead("collect", self.collect),
                lead("watch", self.watch),
                lead("tell", self.tell),
                lead("report", self.report),
            )
            clock = CentreClock(self._schedules.centre, duties, self._clock, self.note_trouble, self.note_missed)
            observer = Observer()
            observer.schedule(_ChangeHandler(publish), str(self._workspace.schedules))
            self.note_absence()
            clock.start()
            observer.start()
            _LOG.info("running in %s, %d stations", self._workspace.root, len(self._schedules.stations))
            send_notice("READY=1")
            try:
                while not self._stop.wait(WAKE_S):
                    clock.wake()
                    clock.follow(self._schedules.centre)
                    self._renew()
                    if not self.is_hung():
                        send_notice("WATCHDOG=1")
            finally:
                send_notice("STOPPING=1")
                observer.stop()
                observer.join()
                self._dispatcher.stop()
                clock.stop()
                self._collector.close()
                self._lease.release()
                _LOG.info("stopped")

    def lead(self, name: str, duty: Callable[[], None]) -> Callable[[], None]:
        """Make a duty that is done only while this service leads; once it is done its trouble is over."""

        def do() -> None:
            if not self._lease.hold():
                return
            call = object()  # publishing is called by the clock and by an edited file, at the same time perhaps
            self._began_at[call] = self._clock.now_at()
            try:
                duty()
            finally:
                del self._began_at[call]
            self._book.update(f"job {name}", {})
            self._late.discard(name)
            if not self._late:
                self._book.update("missed", {})

        return do

    def note_trouble(self, name: str, message: str) -> None:
        """Make an alarm of a duty that failed or hangs; it is over when the duty was done."""
        self._book.update(f"job {name}", {"": message})

    def note_missed(self, missed: Mapping[str, datetime]) -> None:
        """Make one alarm of all duties that were missed; it is over when each was done.

        A service that does not lead has missed nothing: another did it.
        """
        if self._lease.hold():
            since = f"{min(missed.values()).astimezone(self._schedules.centre.zone):%H:%M %d/%m}"
            self._begin_late(
                missed,
                f"nothing was done since {since}: this machine slept, its clock was set forward, or the service stood "
                f"still; missed and made good now: {', '.join(sorted(missed))}",
            )

    def note_absence(self) -> None:
        """Make an alarm of the time in which no service ran because the last one died; it is over when all is done."""
        now_at = self._clock.now_at()
        seen_at = self._lease.read_dead_run()
        if seen_at is not None and now_at - seen_at > AWAY_AFTER:
            zone = self._schedules.centre.zone
            span = f"from {seen_at.astimezone(zone):%H:%M %d/%m} to {now_at.astimezone(zone):%H:%M %d/%m}"
            self._begin_late(URGENT, f"no service ran {span}: it or its machine broke off; what was due is done now")

    def _begin_late(self, names: Iterable[str], message: str) -> None:
        self._late |= set(names)
        self._book.update("missed", {"": message})

    def is_hung(self) -> bool:
        """Tell whether a duty has been at work for so long that only a new start helps; systemd then gives one."""
        now_at = self._clock.now_at()
        return any(now_at - began_at > HUNG_AFTER for began_at in list(self._began_at.values()))

    def _renew(self) -> None:
        """Say again that this service leads; one that leads no more ends what it was sending."""
        now_at = self._clock.now_at()
        if abs(now_at - self._renewed_at) < RENEW_EVERY:
            return
        self._renewed_at = now_at
        if not self._lease.hold():
            self._dispatcher.take_up([])

    def publish(self) -> None:
        """Publish the day plans that are due."""
        schedules = self._read()
        now_at = self._clock.now_at()
        dates = list_publish_dates(schedules, now_at)

        def may_write(connection: Connection) -> bool:
            """Tell whether what was read is still true: this machine may have slept since."""
            return self._lease.may_go_on(connection) and self._clock.now_at() - now_at < STALE_AFTER

        try:
            published = publish_days(self._workspace, self._record, schedules, dates, now_at, may_write)
            write_tunnel_keys(self._workspace, schedules)
        except BroadcasterError as error:
            self._book.update("publish", {"": f"publishing: {error.message}"})
            return
        self._book.update("publish", {})
        new = sum(one.is_new for one in published)
        if new:
            _LOG.info("published %d new day plans", new)

    def push(self) -> None:
        """Have everybody served who misses something; returns at once, who is being served already goes on."""
        schedules = self._read()
        self._dispatcher.take_up(read_missing(self._workspace, self._record, schedules, self._clock.now_at()))
        waiting = read_waiting(self._workspace, self._record, schedules, self._clock.now_at())
        orders, silent = take_by_rule(self._workspace, self._record, schedules, waiting, self._clock.now_at())
        self._book.update("alerts", silent)
        for kept in orders:
            _LOG.warning("ordered without a person, by alerts.take: %s", kept.order.id)
        ordered = send_open_orders(self._workspace, self._record, schedules, self._clock)
        if ordered:
            _LOG.info("push: %d stations confirmed an emergency order", ordered)

    def collect(self) -> None:
        """Collect from every connected station."""
        schedules = self._read()
        connected = [station for station in schedules.stations if station.is_connected()]
        found = self._collector.collect(schedules, connected)
        lines = sum(value for value in found.values() if isinstance(value, int))
        failed = sum(not isinstance(value, int) for value in found.values())
        self._dispatcher.hurry(station for station, value in found.items() if isinstance(value, int))
        if lines or failed:
            _LOG.info("collected %d lines; %d of %d stations not reached", lines, failed, len(found))

    def watch(self) -> None:
        """Tell who is not ready an hour before air, which slot of the next day is empty, and when that is over."""
        schedules = self._read()
        now_at = self._clock.now_at()
        standing = read_empty_slots(self._record, schedules, now_at)
        standing |= match_waiting(read_waiting(self._workspace, self._record, schedules, now_at))
        for row in read_board(self._record, schedules, now_at):
            if row.status is not None and row.status.silence:
                said = f"{row.status.at.astimezone(schedules.centre.zone):%H:%M %d/%m}"
                standing[f"{row.station.id} silent"] = (
                    f"{row.station.name} is silent at {said}: nothing to play in place of {row.status.silence!r}"
                )
            if (
                row.next_at is None
                or row.readiness is Readiness.READY
                or row.next_at - now_at > schedules.centre.warn_ahead
            ):
                continue
            held = f"{row.held} of {row.needed} masters" if row.needed else "nothing"
            at = row.next_at.astimezone(schedules.centre.zone)
            why = f"; {row.trouble}" if row.trouble else ""
            standing[name_moment(f"{row.station.id} {row.slot}", at)] = (
                f"{row.station.name} is not ready for {row.slot} at {at:%H:%M %d/%m}: {held}{why}"
            )
        if self._lease.hold():  # it may have slept since it began
            self._book.update("watch", standing, now_at)

    def tell(self) -> None:
        """Tell people what waits to be told."""
        self._read()
        self._telling.send_pending()

    def report(self) -> None:
        """Write the reports that are due, correct earlier ones, send them by e-mail where that is set."""
        trouble: dict[str, str] = {}
        self._reports.run(self._read(), self._clock.now_at(), lambda message: trouble.update({"": message}))
        self._book.update("report", trouble)

    def _read(self) -> Schedules:
        try:
            self._schedules = read_schedules(self._workspace.schedules)
        except BroadcasterError as error:
            said = f"schedules/ has faults, going on with what was read before: {error.message}"
            self._book.update("schedules", {"": said})
        else:
            self._book.update("schedules", {})
        return self._schedules

    def _tell(self, message: str) -> None:
        _LOG.log(logging.INFO if message.startswith(OVER) else logging.ERROR, "%s", message)
        self._telling.add(message)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        _LOG.info("%s: stopping", signal.Signals(number).name)
        self._stop.set()


class _ChangeHandler(FileSystemEventHandler):
    """Publishes when a person saved a file in schedules/: written and closed, or renamed into place."""

    def __init__(self, publish: Callable[[], None]) -> None:
        self._publish = publish

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Publish after a file was saved."""
        name = Path(str(event.dest_path or event.src_path)).name
        if event.event_type in ("closed", "moved") and name.endswith(".yaml"):
            self._publish()

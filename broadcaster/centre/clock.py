"""The clock of the centre: a few APScheduler jobs that read what is due. The only home of APScheduler.

The jobs live in memory and are made anew at every start; what is due stands in the timetable and the record, so a
centre that was killed takes up where it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from broadcaster.core.schedules import CentreSettings
from broadcaster.core.time import Clock

SET_BACK = timedelta(seconds=30)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duties:
    """What the clock calls. Each reads for itself what is due, so calling one once too often does nothing."""

    publish: Callable[[], None]
    push: Callable[[], None]
    collect: Callable[[], None]
    watch: Callable[[], None]
    tell: Callable[[], None]
    report: Callable[[], None]


class CentreClock:
    """Runs the duties on time until it is stopped.

    Args:
        settings: Zone and intervals.
        duties: What to call.
        clock: For the first calls, right after the start, and to notice that the time was set back.
        on_trouble: Told which job failed or is still running when it is due again, and that in words.
        on_missed: Told which jobs were missed, and since when each was due; right after that they are called.
    """

    def __init__(
        self,
        settings: CentreSettings,
        duties: Duties,
        clock: Clock,
        on_trouble: Callable[[str, str], None],
        on_missed: Callable[[Mapping[str, datetime]], None],
    ) -> None:
        self._on_trouble = on_trouble
        self._on_missed = on_missed
        self._missed: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(6)},
            job_defaults={"max_instances": 1},
            timezone=settings.zone,
        )
        self._clock = clock
        now_at = self._seen_at = clock.now_at()
        self._collect_every = settings.collect_every
        zone = settings.zone
        every = settings.collect_every
        self._add("publish", duties.publish, CronTrigger(minute="*/5", timezone=zone), 300, now_at)
        self._add("push", duties.push, IntervalTrigger(minutes=1, timezone=zone), 60, now_at + timedelta(seconds=2))
        self._add("collect", duties.collect, _every(every, settings), round(every.total_seconds()), now_at)
        self._add("watch", duties.watch, IntervalTrigger(minutes=1, timezone=zone), 60, now_at + timedelta(seconds=30))
        self._add("tell", duties.tell, IntervalTrigger(minutes=1, timezone=zone), 60, now_at + timedelta(seconds=40))
        # Every hour: on Monday at seven it writes, at every other hour it makes good what failed or came late.
        hourly = CronTrigger(minute=0, timezone=zone)
        self._add("report", duties.report, hourly, 3600, now_at + timedelta(minutes=1))
        self._scheduler.add_listener(self._hear, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
        self._scheduler.add_listener(self._hear_hung, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Start calling; returns at once."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop calling and wait for duties that run."""
        self._scheduler.shutdown(wait=True)

    def wake(self) -> None:
        """Look at the time again, and call what was missed.

        A clock that was set forward is not noticed otherwise. After one that was set back every duty is called at once:
        its next time lies by the old clock, hours ahead perhaps.
        """
        now_at = self._clock.now_at()
        if now_at < self._seen_at - SET_BACK:
            _LOG.warning("the clock was set back by %.0f s", (self._seen_at - now_at).total_seconds())
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=now_at)
        self._seen_at = now_at
        self._make_good(now_at)
        self._scheduler.wakeup()

    def follow(self, settings: CentreSettings) -> None:
        """Take up new settings: the interval of collecting."""
        if settings.collect_every == self._collect_every:
            return
        self._collect_every = settings.collect_every
        grace_s = max(1, round(settings.collect_every.total_seconds()))
        self._scheduler.modify_job("collect", misfire_grace_time=grace_s)
        self._scheduler.reschedule_job("collect", trigger=_Coalesced(_every(settings.collect_every, settings)))

    def _make_good(self, now_at: datetime) -> None:
        """Call what was missed: once, however often it was due."""
        with self._lock:
            missed, self._missed = self._missed, {}
        if not missed:
            return
        self._on_missed(missed)
        for name in missed:
            self._scheduler.modify_job(name, next_run_time=now_at)

    def _add(
        self,
        name: str,
        duty: Callable[[], None],
        trigger: CronTrigger | IntervalTrigger,
        grace_s: int,
        first_at: datetime,
    ) -> None:
        self._scheduler.add_job(
            duty,
            _Coalesced(trigger),
            id=name,
            name=name,
            misfire_grace_time=max(1, grace_s),
            next_run_time=first_at,
            replace_existing=True,
        )

    def _hear(self, event: JobExecutionEvent) -> None:
        if event.code == EVENT_JOB_MISSED:
            with self._lock:
                self._missed.setdefault(event.job_id, event.scheduled_run_time)
        else:
            _LOG.error("%s failed: %s\n%s", event.job_id, event.exception, event.traceback)
            self._on_trouble(event.job_id, f"{event.job_id} failed: {event.exception}")

    def _hear_hung(self, event: JobSubmissionEvent) -> None:
        said = f"{event.job_id} is still at work though its next time has come: does it hang?"
        self._on_trouble(event.job_id, said)


class _Coalesced(BaseTrigger):  # type: ignore[misc]
    """Goes on after the present, whatever lies between.

    APScheduler's own `coalesce` keeps the newest of the times that passed: that is never late, so nothing would ever
    count as missed, and after a clock that was years behind it reckons all of them.
    """

    def __init__(self, trigger: CronTrigger | IntervalTrigger) -> None:
        self._trigger = trigger

    def get_next_fire_time(self, previous_at: datetime | None, now_at: datetime) -> datetime:
        """Give the next time after the one before, and after the present."""
        next_at: datetime = self._trigger.get_next_fire_time(previous_at, now_at)
        if previous_at is not None and next_at <= now_at:
            next_at = self._trigger.get_next_fire_time(now_at, now_at)
        return next_at


def _every(interval: timedelta, settings: CentreSettings) -> IntervalTrigger:
    return IntervalTrigger(seconds=round(interval.total_seconds()), timezone=settings.zone)

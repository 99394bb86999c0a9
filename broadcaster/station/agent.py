"""The agent: receives in one thread, tells its state in another, plays in the main one."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from broadcaster import __version__
from broadcaster.core.errors import AlreadyRunningError, StationConfigError, StationDiskError
from broadcaster.core.files import hold_lock, write_atomic
from broadcaster.core.notify import send_notice
from broadcaster.core.programs import find_mpv
from broadcaster.station.clock import StationClock
from broadcaster.station.journal import PATTERN, Journal
from broadcaster.station.keeping import JournalKeeper
from broadcaster.station.library import Library
from broadcaster.station.logbook import TORN_FILE, ChainedLog, read_log_id
from broadcaster.station.player import Player
from broadcaster.station.player_mpv import MpvPlayer
from broadcaster.station.player_pcm import PcmPlayer
from broadcaster.station.playout import Playout
from broadcaster.station.receive import Receiver
from broadcaster.station.settings import NULL, PlayerKind, StationSettings
from broadcaster.station.steady_clock import SteadyClock
from broadcaster.station.take_in import FallbackTaker
from broadcaster.wire.day_plan import plan_file_name
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.status import StationStatus, write_status

RECEIVE_EVERY_S = 0.2
STATUS_EVERY_S = 2.0
LOOK_FOR_CHANGE_S = 0.2
REST_S = 30.0
ALIVE_EVERY_S = 5.0
LOCK_FILE = "lock"
_log = logging.getLogger(__name__)


def make_player(settings: StationSettings) -> Player:
    """Make the player that the settings ask for.

    Raises:
        StationConfigError: Player and output do not fit each other: nothing would sound.
        PlayerError: The player is not installed.
    """
    is_file = settings.output.endswith(".wav")
    kind = settings.player
    if kind is PlayerKind.AUTO:
        kind = PlayerKind.PCM if is_file or (settings.output == NULL and find_mpv() is None) else PlayerKind.MPV
    if kind is PlayerKind.MPV and is_file:
        raise StationConfigError(f"{settings.path}: mpv plays into a sound device, not into {settings.output}")
    if kind is PlayerKind.PCM and not is_file and settings.output != NULL:
        raise StationConfigError(
            f"{settings.path}: the built-in player has no sound device: output is {settings.output!r}",
            hint='install mpv for a sound device; else set output = "null" or a .wav file',
        )
    return MpvPlayer(settings.output) if kind is PlayerKind.MPV else PcmPlayer(settings.output)


class Agent:
    """One box at work. `run` holds its lock, takes up its logs and ends cleanly when it is asked to."""

    def __init__(self, settings: StationSettings, clock: StationClock | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self._is_asked_to_end = threading.Event()
        self._told_s = 0.0

    def ask_to_end(self) -> None:
        """Ask the agent to end after its present step."""
        self._is_asked_to_end.set()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            AlreadyRunningError: Another agent holds the library.
            StationError: Settings, player or disk do not allow any work.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ask_to_end())
        settings = self.settings
        try:
            settings.library.mkdir(parents=True, exist_ok=True)
            with hold_lock(settings.library / LOCK_FILE, "the station's agent"):
                self._run_locked()
        except AlreadyRunningError:
            raise
        except OSError as error:
            raise StationDiskError(f"the box's folders cannot be used: {error}") from error

    def _tell_alive(self) -> None:
        """Tell systemd, every few seconds, that the loop goes round: a hung one is ended and started anew."""
        if time.monotonic() - self._told_s >= ALIVE_EVERY_S:
            self._told_s = time.monotonic()
            send_notice("WATCHDOG=1")

    def _run_locked(self) -> None:
        settings = self.settings
        clock = self.clock or SteadyClock(settings.library)
        player = make_player(settings)
        library = Library(settings.library, settings.centre_key, settings.station)
        library.open()
        receipts_path = settings.outbox / RECEIPTS
        journals = list(settings.outbox.glob(PATTERN))
        log = read_log_id(settings.library, has_begun=bool(journals) or receipts_path.exists())
        aside = settings.library / TORN_FILE
        receipts = ChainedLog(log, [receipts_path] if receipts_path.exists() else [], aside)
        journal = Journal(settings.outbox, log, settings.library)
        receiver = Receiver(settings.inbox, settings.outbox, library, receipts, clock, settings.reserve_bytes)
        taker = FallbackTaker(settings.fallback, library, clock, settings.reserve_bytes)
        keeper = JournalKeeper(settings.outbox, settings.library, clock, settings.journal_bytes)
        playout = Playout(library, journal, player, settings, clock)
        playout.recover()
        mended = [*receipts.troubles, *journal.chain.troubles]

        def make_status() -> StationStatus:
            now_at = clock.now_at()
            snapshot = playout.snapshot
            word = clock.read_word()
            off = f"the box's clock is {word.offset_ms / 1000:+.1f} s behind the agent's time" if word.offset_ms else ""
            troubles = [
                snapshot.trouble,
                off,
                receiver.trouble,
                taker.trouble,
                keeper.trouble,
                library.own.trouble,
                *library.troubles,
                *mended,
            ]
            return StationStatus(
                station=settings.station,
                log=log,
                at=now_at,
                version=__version__,
                player=player.name,
                clock_error_ms=word.error_ms,
                disk_free_bytes=library.free_bytes(),
                masters=len(library.list_masters()),
                plan=_name_newest_plan(library, now_at),
                playing=snapshot.playing,
                next_at=snapshot.next_at,
                trouble="; ".join(text for text in troubles if text),
                silence=snapshot.silence,
            )

        rounds = (
            _Round("receive", RECEIVE_EVERY_S, lambda: receive_once(receiver)),
            _Round("fallback", 0.0, taker.refresh),
            _Round("diary", 0.0, keeper.trim),
            _Round("status", LOOK_FOR_CHANGE_S, StatusWriter(settings, clock, make_status).write_if_due),
        )
        _log.info("station %s plays with %s", settings.station, player.name)
        send_notice("READY=1")
        try:
            while not self._is_asked_to_end.is_set():
                for one in rounds:
                    one.keep_running()
                wait_s = playout.step()
                if library.news.wait(wait_s):
                    library.news.clear()
                self._tell_alive()
        finally:
            send_notice("STOPPING=1")
            playout.stop()
            for one in rounds:
                one.end()
        _log.info("ended")


def receive_once(receiver: Receiver) -> float:
    """Make one pass over the inbox, and look whether the commune's own items were changed.

    Returns:
        How long to wait (s) before the next one: longer when this one took long, so that a flooded inbox leaves the
        processor alone, and when the disk refused, so that a full one is left in peace.
    """
    began_s = time.monotonic()
    try:
        receiver.library.own.load()
        receiver.receive_all()
    except StationDiskError as error:
        receiver.trouble = error.message
        _log.error("%s", error.message)
        return REST_S
    return max(RECEIVE_EVERY_S, 2 * (time.monotonic() - began_s))


class StatusWriter:
    """Rewrites status.json every two seconds, and at once when something has changed in what plays or is wrong."""

    def __init__(
        self, settings: StationSettings, clock: StationClock, make_status: Callable[[], StationStatus]
    ) -> None:
        self._path = settings.outbox / STATUS
        self._clock = clock
        self._make_status = make_status
        self._written: StationStatus | None = None

    def write_if_due(self) -> float:
        """Write the status when it is due.

        Returns:
            How long to wait (s) before the next look.
        """
        status = self._make_status()
        old = self._written
        is_same = old is not None and (old.playing, old.trouble, old.plan, old.masters) == (
            status.playing, status.trouble, status.plan, status.masters,
        )  # fmt: skip
        if old is None or not is_same or abs((status.at - old.at).total_seconds()) >= STATUS_EVERY_S:
            try:
                write_atomic(self._path, write_status(status))
            except OSError as error:
                _log.error("%s cannot be written: %s", self._path, error)
                return REST_S
            self._written = status
        return LOOK_FOR_CHANGE_S


class _Round:
    """A thread that does one thing again and again. A bug in it ends the thread; it is started again after a rest."""

    def __init__(self, name: str, every_s: float, work: Callable[[], float]) -> None:
        self._name = name
        self._wait_s = every_s
        self._work = work
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_running(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(0.0,), name=self._name, daemon=True)
            self._thread.start()
        elif not self._thread.is_alive():
            _log.error("%s ended by a bug; it goes on in %.0f s", self._name, REST_S)
            self._thread = threading.Thread(target=self._run, args=(REST_S,), name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self, wait_s: float) -> None:
        while not self._is_over.wait(wait_s):
            wait_s = self._work()


def _name_newest_plan(library: Library, now_at: datetime) -> str:
    """Name the plan of today, by its own zone; else the newest; "" when none is held."""
    plans = [held.plan for held in library.plans.values()]
    today = {plan.on: now_at.astimezone(ZoneInfo(plan.zone)).date() for plan in plans}
    chosen = max(plans, key=lambda plan: (plan.on == today[plan.on], plan.on), default=None)
    return plan_file_name(chosen.on, chosen.revision) if chosen else ""

"""Collecting from many stations at once, over sessions that are kept from one time to the next."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from broadcaster.airtime.collect import JOURNAL, Collection, ReadKnown
from broadcaster.airtime.news import fetch_news
from broadcaster.centre.deliver import (
    collect_one,
    keep_trouble,
    make_address,
    make_reader,
    require_trust,
)
from broadcaster.centre.keeper import Keeper
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import BroadcasterError, DeliveryError
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import Schedules
from broadcaster.core.time import Clock
from broadcaster.link.fleet import run_for_stations
from broadcaster.link.line import DEFAULT_LIMITS
from broadcaster.link.session import StationAddress, StationSession, open_session
from broadcaster.link.watch import FileWatch
from broadcaster.store.engine import Record
from broadcaster.store.stations import LogPosition, read_contacts

KEEP_S = 3600.0
MOST_KEPT = 400
_LIMITS = replace(DEFAULT_LIMITS, total_s=600.0)
_KEPT_LIMITS = replace(DEFAULT_LIMITS, total_s=KEEP_S + 600.0, keepalive_s=60)
_DICE = secrets.SystemRandom()


class Known:
    """Up to where a station was collected: read from the record once, and followed from then on."""

    def __init__(self, read: ReadKnown) -> None:
        self._read = read
        self._names: set[str] = set()
        self._positions: dict[str, LogPosition] = {}

    def __call__(self, names: Sequence[str]) -> dict[str, LogPosition]:
        """Give the positions of files, and of the journal's chain."""
        if not self._names >= set(names):
            self._names = set(names)
            self._positions = self._read(names)
        return self._positions

    def follow(self, found: Collection) -> None:
        """Take over what was collected and kept."""
        self._positions |= {file.name: file.position for file in found.files}
        self._positions |= {chain.name: chain.position for chain in found.chains if chain.name == JOURNAL}

    def forget(self) -> None:
        """Read anew the next time."""
        self._names = set()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session that stays open until `until_s` on the monotonic clock."""

    address: StationAddress
    session: StationSession
    watch: FileWatch
    known: Known
    stack: ExitStack
    until_s: float


class Collector:
    """Collects the outboxes of stations into the record, one call after the other.

    A session costs eight round trips to open, and to look through an outbox as many again; over one that is open and
    has looked before it is one. So sessions are kept, each for up to an hour, that nothing grows in it for ever; of
    a fleet of more than MOST_KEPT stations none is, for each takes two threads. A kept session that has died meanwhile
    is no trouble of the station: it is asked again over a new one.

    Args:
        workspace: Key.
        record: Where it is kept.
        clock: The time.
        is_keeping: Whether there will be a next time.
    """

    def __init__(self, workspace: Workspace, record: Record, clock: Clock, *, is_keeping: bool) -> None:
        self._workspace = workspace
        self._record = record
        self._clock = clock
        self._is_keeping = is_keeping
        self._keeper = Keeper(record, clock)
        self._kept: dict[StationId, _Kept] = {}

    def collect(self, schedules: Schedules, stations: Iterable[Station]) -> dict[StationId, int | BroadcasterError]:
        """Collect from some stations.

        Returns:
            For each station how many lines were new, or why nothing came.
        """
        chosen: dict[StationId, Station] = {}
        found: dict[StationId, int | BroadcasterError] = {}
        with self._record.read() as connection:
            contacts = read_contacts(connection)
        for station in stations:
            try:
                make_address(station)
                require_trust(station, contacts.get(station.id))
            except DeliveryError as error:
                found[station.id] = error
            else:
                chosen[station.id] = station
        for gone in self._kept.keys() - chosen.keys():
            self._kept.pop(gone).stack.close()
        is_keeping = self._is_keeping and len(chosen) <= MOST_KEPT

        def visit(station: StationId) -> int:
            return self._visit(chosen[station], is_keeping=is_keeping)

        for outcome in run_for_stations(list(chosen), visit, schedules.centre.workers):
            if outcome.value is not None:
                found[outcome.station] = outcome.value
            elif outcome.error is not None:
                found[outcome.station] = outcome.error
        return found

    def close(self) -> None:
        """Close every session that was kept."""
        while self._kept:
            self._kept.popitem()[1].stack.close()

    def _visit(self, station: Station, *, is_keeping: bool) -> int:
        try:
            kept = self._kept.pop(station.id, None)
            if kept is not None:
                lines = self._visit_again(station, kept)
                if lines is not None:
                    return lines
            address = make_address(station)
            with ExitStack() as stack:
                limits = _KEPT_LIMITS if is_keeping else _LIMITS
                session = stack.enter_context(open_session(address, self._workspace.key, limits))
                lines = collect_one(self._record, station, session, self._clock)
                if is_keeping and station.has_agent:
                    until_s = time.monotonic() + KEEP_S * _DICE.uniform(0.5, 1.0)
                    known = Known(make_reader(self._record, station.id))
                    kept = _Kept(address, session, FileWatch(session), known, stack.pop_all(), until_s)
                    self._kept[station.id] = kept
                return lines
        except DeliveryError as error:
            keep_trouble(self._record, station, error, self._clock.now_at())
            raise

    def _visit_again(self, station: Station, kept: _Kept) -> int | None:
        """Collect over a kept session; None when it has to be opened anew."""
        with kept.stack as stack:
            if kept.address != make_address(station) or time.monotonic() >= kept.until_s:
                return None
            try:
                lines = self._collect_again(station, kept)
            except DeliveryError:
                return None
            self._kept[station.id] = replace(kept, stack=stack.pop_all())
            return lines

    def _collect_again(self, station: Station, kept: _Kept) -> int:
        found = fetch_news(kept.session, kept.watch, kept.known, self._clock.now_at().date())
        if found is None:
            kept.known.forget()
            return collect_one(self._record, station, kept.session, self._clock)
        lines = self._keeper.keep(found)
        kept.known.follow(found)
        return lines


def collect_stations(
    workspace: Workspace, record: Record, schedules: Schedules, stations: Iterable[Station], clock: Clock
) -> dict[StationId, int | BroadcasterError]:
    """Collect the outboxes of stations into the record, this once.

    Returns:
        For each station how many lines were new, or why nothing came.
    """
    return Collector(workspace, record, clock, is_keeping=False).collect(schedules, stations)

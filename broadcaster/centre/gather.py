"""Gather what is known of a period and judge it, one station after the other: memory holds one station's period."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from broadcaster.airtime.reconcile import Evidence, Outcome, Tolerance, match_airings, match_unplanned
from broadcaster.core.ids import AiringId, Sha256, StationId
from broadcaster.core.model import Airing, StationContact
from broadcaster.core.schedules import CentreSettings
from broadcaster.core.time import period_to_utc
from broadcaster.store.deliveries import read_station_failures
from broadcaster.store.logs import HeldSpan, read_held_spans, read_journal, read_journal_stations, read_refused
from broadcaster.store.plans import RevisionNote, read_plan_stations, read_revisions, read_station_airings
from broadcaster.wire.journal import JournalEntry, JournalLine


@dataclass(frozen=True, slots=True)
class StationPeriod:
    """One station's period: outcomes of what is over, how many airings are not, sound without a plan, the lines."""

    station: StationId
    outcomes: list[Outcome]
    pending: int
    unplanned: list[tuple[StationId, JournalEntry]]
    lines: Mapping[AiringId, Sequence[JournalLine]]


class Gatherer:
    """Reads and judges stations' periods, and fingerprints all that it read.

    Args:
        connection: One reading transaction, so that all stations are seen at the same moment.
        settings: Zone and tolerances.
        contacts: What is known of each station's line.
        last_attempt: Tries to deliver with a higher number are left out.
        known_at: What was collected later, and airings that end later, are left out.
    """

    def __init__(
        self,
        connection: Connection,
        settings: CentreSettings,
        contacts: Mapping[StationId, StationContact],
        last_attempt: int,
        known_at: datetime,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._contacts = contacts
        self._last_attempt = last_attempt
        self._known_at = known_at
        self._tolerance = Tolerance(settings.start_tolerance_s, settings.short_tolerance_s, settings.clock_tolerance_s)
        self._digest = hashlib.sha256()

    def list_stations(self, known: Iterable[StationId]) -> list[StationId]:
        """List the stations to look at: the known ones in their order, then those of the record that are not."""
        known = list(dict.fromkeys(known))
        kept = {*read_plan_stations(self._connection), *read_journal_stations(self._connection)}
        return known + sorted(kept - set(known))

    def read_periods(self, stations: Iterable[StationId], first_on: date, last_on: date) -> Iterator[StationPeriod]:
        """Read and judge some stations, one after the other; both dates belong to the period."""
        for station in stations:
            yield self.read_period(station, first_on, last_on)

    def read_period(self, station: StationId, first_on: date, last_on: date) -> StationPeriod:
        """Read and judge one station's period."""
        begins_at, ends_at = period_to_utc(first_on, last_on, self._settings.zone)
        planned = read_station_airings(self._connection, station, begins_at, ends_at)
        airings = [airing for airing, _ in planned]
        names = {airing.id for airing in airings}
        lines = read_journal(self._connection, station, begins_at, ends_at, self._known_at, names)
        evidence = self._read_evidence(station, planned, lines, (first_on, last_on)) if planned else None
        outcomes = match_airings(airings, evidence, self._tolerance, self._known_at) if evidence else []
        inside = {
            (station, name): [line.entry for line in found]
            for name, found in lines.items()
            if begins_at <= found[0].entry.planned_at < ends_at
        }
        return StationPeriod(station, outcomes, len(airings) - len(outcomes), match_unplanned(airings, inside), lines)

    def fingerprint(self) -> Sha256:
        """Give the hash of all that was read so far and that outcomes rest on."""
        return Sha256(self._digest.hexdigest())

    def _read_evidence(
        self,
        station: StationId,
        planned: Sequence[tuple[Airing, int]],
        lines: Mapping[AiringId, Sequence[JournalLine]],
        period: tuple[date, date],
    ) -> Evidence:
        connection, zone = self._connection, self._settings.zone
        contact = self._contacts.get(station)
        masters = {airing.sha256 for airing, _ in planned}
        plans = read_revisions(connection, station, *period)
        wanted = masters | {note.sha256 for notes in plans.values() for note in notes}
        held = read_held_spans(connection, station, wanted, contact.log if contact else None, self._known_at)
        refused = read_refused(connection, station, masters, self._known_at)
        begins_at, ends_at = period_to_utc(*period, zone)
        failures = read_station_failures(
            connection,
            station,
            begins_at - self._settings.push_ahead,
            min(ends_at, self._known_at),
            self._last_attempt,
        )
        self._note(planned, lines, plans, sorted(held.items()), sorted(refused.items()), failures, contact)
        return Evidence(
            journal={(station, name): [line.entry for line in found] for name, found in lines.items()},
            held={(station, sha256): spans for sha256, spans in held.items()},
            refusals={(station, sha256): found for sha256, found in refused.items()},
            plan_held=frozenset(
                (station, airing.id)
                for airing, _ in planned
                if has_plan_in_time(airing, plans.get(airing.start_at.astimezone(zone).date(), ()), held)
            ),
            unpublished=frozenset((station, airing.id) for airing, revision in planned if revision == 0),
            contacts={station: contact} if contact else {},
            failures={station: failures},
        )

    def _note(
        self, planned: Sequence[tuple[Airing, int]], lines: Mapping[AiringId, Sequence[JournalLine]], *others: object
    ) -> None:
        """Take what was read into the fingerprint."""
        for airing, revision in planned:
            told = (airing.station, airing.id, airing.start_at, airing.duration_ms, airing.sha256, revision)
            self._digest.update(repr(told).encode())
        for found in lines.values():
            for line in found:
                self._digest.update(line.raw)
        self._digest.update(repr(others).encode())


def has_plan_in_time(
    airing: Airing, revisions: Sequence[RevisionNote], held: Mapping[Sha256, Sequence[HeldSpan]]
) -> bool:
    """Tell whether the station had confirmed an airing's plan before the airing was over.

    Its plan is the last one that was published before its start: what was published later is no longer about it. When
    all came later, it is the first.
    """
    if not revisions:
        return False
    in_time = [note for note in revisions if note.published_at <= airing.start_at]
    plan = in_time[-1] if in_time else revisions[0]
    return any(since_at < airing.end_at() for since_at, _ in held.get(plan.sha256, ()))

"""Gather what is known of a period and judge it, some stations at a time: memory holds a batch of them, not all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from sqlalchemy import Connection

from broadcaster.airtime.reconcile import Evidence, Outcome, Tolerance, match_airings
from broadcaster.airtime.unplanned import match_unplanned
from broadcaster.core.ids import AiringId, Sha256, StationId
from broadcaster.core.model import Airing, StationContact
from broadcaster.core.schedules import CentreSettings
from broadcaster.core.time import period_to_utc
from broadcaster.store.deliveries import read_station_failures
from broadcaster.store.logs import HeldSpan, read_held_spans, read_journal, read_journal_stations, read_refused
from broadcaster.store.plans import RevisionNote, read_plan_stations, read_revisions, read_station_airings
from broadcaster.wire.journal import JournalLine
from broadcaster.wire.receipt import Receipt

STATION_DAYS = 500  # so many days of stations are read together: few questions to the record, and memory stays bounded
Planned = Sequence[tuple[Airing, int]]


@dataclass(frozen=True, slots=True)
class StationPeriod:
    """One station's period: outcomes of what is over, how many airings are not, sound without a plan, the lines."""

    station: StationId
    outcomes: list[Outcome]
    pending: int
    unplanned: list[Outcome]
    lines: Mapping[AiringId, Sequence[JournalLine]]


@dataclass(frozen=True, slots=True)
class Notes:
    """What is known beside journals of a batch of stations: their plans, what they held and refused, failed tries."""

    plans: Mapping[StationId, Mapping[date, Sequence[RevisionNote]]]
    held: Mapping[StationId, Mapping[Sha256, Sequence[HeldSpan]]]
    refused: Mapping[StationId, Mapping[Sha256, Sequence[Receipt]]]
    failures: Mapping[StationId, Sequence[tuple[datetime, str]]]


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
        """Read and judge some stations in their order; both dates belong to the period."""
        left = iter(stations)
        size = max(1, STATION_DAYS // ((last_on - first_on).days + 1))
        while batch := list(islice(left, size)):
            yield from self._read_batch(batch, first_on, last_on)

    def _read_batch(self, stations: list[StationId], first_on: date, last_on: date) -> Iterator[StationPeriod]:
        begins_at, ends_at = period_to_utc(first_on, last_on, self._settings.zone)
        planned = read_station_airings(self._connection, stations, begins_at, ends_at)
        names = {station: {airing.id for airing, _ in mine} for station, mine in planned.items()}
        journals = read_journal(self._connection, stations, begins_at, ends_at, self._known_at, names)
        notes = self._read_notes(planned, (first_on, last_on))
        for station in stations:
            airings = [airing for airing, _ in planned.get(station, ())]
            lines = journals.get(station, {})
            outcomes: list[Outcome] = []
            if airings:
                evidence = self._weigh(station, planned[station], lines, notes)
                outcomes = match_airings(airings, evidence, self._tolerance, self._known_at)
            inside = {
                (station, name): [line.entry for line in found]
                for name, found in lines.items()
                if begins_at <= found[0].entry.planned_at < ends_at
            }
            unplanned = match_unplanned(airings, inside)
            yield StationPeriod(station, outcomes, len(airings) - len(outcomes), unplanned, lines)

    def fingerprint(self) -> Sha256:
        """Give the hash of all that was read so far and that outcomes rest on."""
        return Sha256(self._digest.hexdigest())

    def _read_notes(self, planned: Mapping[StationId, Planned], period: tuple[date, date]) -> Notes:
        connection, stations = self._connection, list(planned)
        plans = read_revisions(connection, stations, *period)
        masters = {station: {airing.sha256 for airing, _ in mine} for station, mine in planned.items()}
        wanted = {
            station: mine | {note.sha256 for notes in plans.get(station, {}).values() for note in notes}
            for station, mine in masters.items()
        }
        logs = {station: one.log for station in stations if (one := self._contacts.get(station)) and one.log}
        begins_at, ends_at = period_to_utc(*period, self._settings.zone)
        return Notes(
            plans=plans,
            held=read_held_spans(connection, wanted, logs, self._known_at),
            refused=read_refused(connection, masters, self._known_at),
            failures=read_station_failures(
                connection,
                stations,
                begins_at - self._settings.push_ahead,
                min(ends_at, self._known_at),
                self._last_attempt,
            ),
        )

    def _weigh(
        self, station: StationId, planned: Planned, lines: Mapping[AiringId, Sequence[JournalLine]], notes: Notes
    ) -> Evidence:
        """Put together what is known of one station, and take it into the fingerprint."""
        zone, contact = self._settings.zone, self._contacts.get(station)
        plans, held = notes.plans.get(station, {}), notes.held.get(station, {})
        refused, failures = notes.refused.get(station, {}), notes.failures.get(station, [])
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

    def _note(self, planned: Planned, lines: Mapping[AiringId, Sequence[JournalLine]], *others: object) -> None:
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

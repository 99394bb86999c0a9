"""One visit to a station, in one session: hear what it holds, bring what it misses, await its word, take its diary."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from broadcaster.airtime.collect import fetch_receipts, keep_collection
from broadcaster.centre.deliver import (
    Missing,
    collect_one,
    keep_trouble,
    look_after,
    make_address,
    make_reader,
    require_trusted,
)
from broadcaster.centre.traffic import hold_line
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import (
    BroadcasterError,
    BrokenTransferError,
    DeliveryError,
    GaveWayError,
    ProgrammeFileError,
    StationFullError,
    VerificationError,
)
from broadcaster.core.files import MASTER_SUFFIX, hash_bytes
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from broadcaster.core.time import Clock
from broadcaster.delivery.progress import FleetListener, StationNews, Step, ignore_news
from broadcaster.delivery.push import MasterFile, PlanFile, PushTally, StationJob, push_job
from broadcaster.delivery.read_back import READ_BACK_LOG, READ_BACK_REASON, verify_read_back
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits
from broadcaster.link.session import Pace, StationAddress, StationSession, open_session
from broadcaster.link.transfer import list_folder
from broadcaster.store.deliveries import (
    DeliveryAttempt,
    begin_attempt,
    count_refusals,
    end_attempt,
    write_own_receipt,
)
from broadcaster.store.engine import Record
from broadcaster.store.stations import read_held, read_refusals
from broadcaster.wire.receipt import DISK_FULL, Receipt, Verdict
from broadcaster.wire.stick import INBOX

CONFIRM_EVERY_S = 1.0
UNCONFIRMED = "Unconfirmed"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of serving one station. `is_confirmed`: its receipts speak of everything that it needed.

    `sent_bytes` went over the line, in all tries together where there were several.
    """

    station: Station
    sent_names: tuple[str, ...]
    sent_bytes: int
    is_confirmed: bool
    error: BroadcasterError | None


@dataclass(frozen=True, slots=True)
class Courier:
    """Serves one station after the other, or many at once from as many threads.

    `pace` is asked before anything is sent. An urgent one brings masters and orders before it listens, and holds the
    station's line by its pace.
    """

    workspace: Workspace
    record: Record
    clock: Clock
    pace: Pace | None = None
    tell: FleetListener = ignore_news
    limits: LinkLimits = DEFAULT_LIMITS
    is_urgent: bool = False
    confirm_every_s: float = CONFIRM_EVERY_S

    def visit(self, one: Missing, confirm_s: float) -> Delivered:
        """Visit a station once and keep what came of it; never raises for a station's trouble.

        Args:
            one: What the station misses, as far as the record knows.
            confirm_s: How long to wait for receipts after the last file was sent; 0 does not wait.
        """
        try:
            address = make_address(one.station)
            require_trusted(self.record, one.station)
            with contextlib.nullcontext() if self.is_urgent else hold_line(self.workspace.state, one.station):
                return self._try(address, one, confirm_s)
        except BroadcasterError as error:  # nothing was tried: it is not connected, stopped, or served by another
            self.tell(StationNews(one.station.id, Step.FAILED, message=error.message))
            return Delivered(one.station, (), 0, False, error)

    def _try(self, address: StationAddress, one: Missing, confirm_s: float) -> Delivered:
        station = one.station.id
        began_at = self.clock.now_at()
        with self.record.write() as connection:
            number = begin_attempt(connection, station, began_at)
        self.tell(StationNews(station, Step.CONNECTING))
        tally = PushTally()
        error: BroadcasterError | None = None
        is_confirmed = False
        try:
            with open_session(address, self.workspace.key, self.limits, self.pace) as session:
                serve = self._serve if one.station.has_agent else self._serve_without_agent
                is_confirmed = serve(session, one, tally, confirm_s)
        except BroadcasterError as caught:
            error = caught
        attempt = DeliveryAttempt(
            station=station,
            started_at=began_at,
            ended_at=self.clock.now_at(),
            names=" ".join(tally.names),
            sent_bytes=tally.sent_bytes,
            error=type(error).__name__ if error else "" if is_confirmed or not confirm_s else UNCONFIRMED,
            message=error.message
            if error
            else ""
            if is_confirmed or not confirm_s
            else f"sent, but no receipt came within {confirm_s:.0f} s: does the agent run?",
        )
        with self.record.write() as connection:
            end_attempt(connection, number, attempt)
        if isinstance(error, DeliveryError) and not isinstance(error, GaveWayError):
            keep_trouble(self.record, one.station, error, attempt.ended_at)
        step = Step.FAILED if error else Step.HELD if is_confirmed else Step.SENT
        self.tell(StationNews(station, step, message=attempt.message))
        return Delivered(one.station, tuple(tally.names), tally.sent_bytes, is_confirmed, error)

    def _serve(self, session: StationSession, one: Missing, tally: PushTally, confirm_s: float) -> bool:
        """Bring what the station does not hold by its own word, and tell whether its receipts speak of all of it."""
        # Looked at in this order nothing is missed: a receipt is written before its file leaves the inbox.
        lying = {} if self.is_urgent else {file.name: file.size_bytes for file in list_folder(session, INBOX)}
        held = self._read_held(one.station) if self.is_urgent else self._hear(session, one.station)
        job = _make_job(session.address, one, held, lying)
        names = [document.name for document in (*one.plans, *one.orders)] + [master.name for master in one.masters]
        with self.record.read() as connection:
            refused = count_refusals(connection, one.station.id, names)
        push_job(session, job, tally, self._tell_bytes)
        is_confirmed = set(one.hashes) <= held
        if not is_confirmed:
            self.tell(StationNews(one.station.id, Step.CONFIRMING))
            is_confirmed = self._await_receipts(session, one, names, refused, confirm_s)
        try:
            collect_one(self.record, one.station, session, self.clock)
        except DeliveryError as error:
            if not is_confirmed:
                raise
            keep_trouble(self.record, one.station, error, self.clock.now_at())  # the journal comes the next time
        return is_confirmed

    def _await_receipts(
        self, session: StationSession, one: Missing, names: Sequence[str], refused: Mapping[str, int], confirm_s: float
    ) -> bool:
        until_at = self.clock.now_at() + timedelta(seconds=confirm_s)
        while True:
            if set(one.hashes) <= self._hear(session, one.station):
                return True
            self._require_no_refusal(one.station, names, refused)
            if self.clock.now_at() >= until_at:
                return False
            self.clock.sleep_s(self.confirm_every_s)

    def _require_no_refusal(self, station: Station, names: Sequence[str], before: Mapping[str, int]) -> None:
        with self.record.read() as connection:
            now = count_refusals(connection, station.id, names)
            new = [name for name, count in now.items() if count > before.get(name, 0)]
            if not new:
                return
            reasons = {refusal.name: refusal.reason for refusal in read_refusals(connection, station.id, 50)}
        reason = reasons.get(new[0], "")
        if reason == DISK_FULL:
            raise StationFullError(f"{station.id}: it has no room for {new[0]}")
        if new[0].endswith(MASTER_SUFFIX):
            raise BrokenTransferError(
                f"{station.id}: {new[0]} did not arrive as it was sent, it was refused: {reason}",
                hint="it is sent anew; if that happens again and again, the box's disk or memory is failing",
            )
        raise VerificationError(f"{station.id}: it refused {new[0]}: {reason}")

    def _serve_without_agent(self, session: StationSession, one: Missing, tally: PushTally, _confirm_s: float) -> bool:
        """Bring what the station does not hold, reading every file back: it can give no receipts."""
        look_after(self.record, one.station, session, self.clock)
        job = _make_job(session.address, one, self._read_held(one.station), {})
        push_job(session, job, tally, self._tell_bytes)
        sent = [(plan.name, hash_bytes(plan.document)) for plan in (*job.plans, *job.orders)]
        sent += [(master.name, master.sha256) for master in job.masters]
        for name, sha256 in sent:
            verify_read_back(session, name, sha256)
            at = self.clock.now_at()
            receipt = Receipt(at, name, sha256, Verdict.VERIFIED, READ_BACK_REASON)
            with self.record.write() as connection:
                write_own_receipt(connection, one.station.id, READ_BACK_LOG, receipt)
        return True

    def _hear(self, session: StationSession, station: Station) -> set[str]:
        """Fetch what the station has said of what it holds, and keep it."""
        found = fetch_receipts(session, make_reader(self.record, station.id))
        with self.record.write() as connection:
            keep_collection(connection, found, self.clock.now_at())
        return self._read_held(station)

    def _read_held(self, station: Station) -> set[str]:
        with self.record.read() as connection:
            return set(read_held(connection, station.id).get(station.id, {}))

    def _tell_bytes(self, station: StationId, name: str, done_bytes: int, total_bytes: int) -> None:
        self.tell(StationNews(station, Step.SENDING, name, done_bytes, total_bytes))


def _make_job(address: StationAddress, one: Missing, held: AbstractSet[str], lying: Mapping[str, int]) -> StationJob:
    """Leave out what the station holds by its word, and what lies whole in its inbox and waits for the agent."""

    def is_needed(document: PlanFile) -> bool:
        return hash_bytes(document.document) not in held and lying.get(document.name) != len(document.document)

    return StationJob(
        address,
        tuple(plan for plan in one.plans if is_needed(plan)),
        tuple(m for m in one.masters if m.sha256 not in held and lying.get(m.name) != _read_size(m)),
        tuple(order for order in one.orders if is_needed(order)),
    )


def _read_size(master: MasterFile) -> int:
    try:
        return master.path.stat().st_size
    except OSError as error:
        raise ProgrammeFileError(f"the master {master.path} cannot be read: {error.strerror}") from error

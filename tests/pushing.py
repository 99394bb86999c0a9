"""Jobs pushed to several stations at once, each in a session of its own, with what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId
from broadcaster.delivery.push import PushListener, PushTally, StationJob, push_job
from broadcaster.link.fleet import run_for_stations
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits
from broadcaster.link.session import open_session


@dataclass(frozen=True, slots=True)
class StationResult:
    """What came of a push to one station.

    `sent_names` lie whole in the station's inbox now, also those that lay there before; the station's receipt is
    still due. `sent_bytes` went over the line in this push, those of a file that broke off too. `error` is
    None when all was done.
    """

    station: StationId
    sent_names: tuple[str, ...]
    sent_bytes: int
    seconds: float
    error: BroadcasterError | None


def push_to_stations(
    jobs: Sequence[StationJob],
    key: Path,
    workers: int = 34,
    on_event: PushListener | None = None,
    limits: LinkLimits = DEFAULT_LIMITS,
) -> list[StationResult]:
    """Push to many stations, some at a time, taken up in the order given; never raises for a station's trouble.

    Plans go first: they are small, and a station that has the plan but not yet the master can say what it misses. The
    signature goes before its document, so that a plan that is there is a plan that can be checked. The first trouble
    ends that station's push; what was sent until then stays sent.

    Args:
        jobs: One for each station.
        key: The centre's private key file.
        workers: How many stations at a time.
        on_event: Progress, for bars.
        limits: Of each step of a session.

    Returns:
        One result for each job, in the same order.
    """
    by_station = {job.address.station: job for job in jobs}
    tallies = {station: PushTally() for station in by_station}

    def serve(station: StationId) -> None:
        with open_session(by_station[station].address, key, limits) as session:
            push_job(session, by_station[station], tallies[station], on_event)

    outcomes = run_for_stations(list(by_station), serve, workers)
    return [
        StationResult(
            outcome.station,
            tuple(tallies[outcome.station].names),
            tallies[outcome.station].sent_bytes,
            outcome.seconds,
            outcome.error,
        )
        for outcome in outcomes
    ]

"""Many stations at once, and one bad station never stops the rest."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StationOutcome(Generic[T]):
    """How the work for one station ended: `value` is None when it failed, `error` is None when it did not."""

    station: StationId
    value: T | None
    error: BroadcasterError | None
    seconds: float


def run_for_stations(
    stations: Sequence[StationId], work: Callable[[StationId], T], workers: int = 34
) -> list[StationOutcome[T]]:
    """Do the same work for every station, some at a time, taken up in the order given.

    Whatever goes wrong for a station is its outcome and nobody else's; a bug of ours in the work is logged with its
    traceback and becomes a plain BroadcasterError. The workers do not keep the process alive: Ctrl-C ends at once, and
    what was in transfer is resumed another time.

    Args:
        stations: Each at most once.
        work: Called in a worker's thread.
        workers: How many at a time; on slow lines a pool smaller than the fleet costs its share of time.

    Returns:
        One outcome for each station, in the order given.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(stations)):
        waiting.put(index)
    outcomes: list[StationOutcome[T] | None] = [None] * len(stations)

    def serve() -> None:
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            outcomes[index] = _run_one(stations[index], work)

    threads = [
        threading.Thread(target=serve, name=f"fleet-{number}", daemon=True)
        for number in range(min(max(workers, 1), len(stations)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcome for outcome in outcomes if outcome is not None]


def _run_one(station: StationId, work: Callable[[StationId], T]) -> StationOutcome[T]:
    began_s = time.monotonic()
    try:
        return StationOutcome(station, work(station), None, time.monotonic() - began_s)
    except BroadcasterError as error:
        return StationOutcome(station, None, error, time.monotonic() - began_s)
    except Exception as error:
        logger.exception("the work for station %s failed by a bug", station)
        bug = BroadcasterError(
            f"{station}: a bug of ours: {type(error).__name__}: {error}", hint="send the log to the maintainers"
        )
        return StationOutcome(station, None, bug, time.monotonic() - began_s)

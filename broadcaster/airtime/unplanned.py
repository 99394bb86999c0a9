"""Sound that no plan asked for: emergency orders, a commune's own items, and what nobody knows of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from broadcaster.airtime.reconcile import Cause, Outcome, Verdict, list_declared, sum_output
from broadcaster.core.ids import AiringId, ProgrammeId, SlotId, StationId
from broadcaster.core.model import Airing
from broadcaster.wire.journal import Happening, JournalEntry

ORDERS = "order-"


def match_unplanned(
    airings: Iterable[Airing], journal: Mapping[tuple[StationId, AiringId], Sequence[JournalEntry]]
) -> list[Outcome]:
    """Judge what sounded although it stands in no plan of a station: "not planned", once for each airing of a journal.

    The airing of such an outcome has no length, since none was planned: it adds nothing to what should have sounded.

    Args:
        airings: As planned.
        journal: Lines by station and airing.

    Returns:
        One outcome for each airing that ended, in the order of the journal.
    """
    planned = {(airing.station, airing.id) for airing in airings}
    found = []
    for (station, name), entries in journal.items():
        if (station, name) not in planned:
            own = [entry for entry in entries if not entry.declared_by]
            ends = [entry for entry in own or list_declared(entries) if entry.happening is Happening.END]
            if ends:
                found.append(_judge_unplanned(station, name, ends))
    return found


def _judge_unplanned(station: StationId, name: AiringId, ends: Sequence[JournalEntry]) -> Outcome:
    first = ends[0]
    cause = Cause.LOCAL if first.is_local else Cause.NOT_IN_PLAN
    if name.startswith(ORDERS):
        cause = Cause.ORDERED
    airing = Airing(
        id=name, station=station, slot=SlotId(""), start_at=first.planned_at, duration_ms=0, programme=ProgrammeId(""),
        sha256=first.sha256, size_bytes=0, title=first.title, column=None, campaign=None,
    )  # fmt: skip
    started = [entry.started_at for entry in ends if entry.started_at is not None]
    detail = f"typed in by {first.declared_by}" if first.declared_by else ""
    return Outcome(
        airing=airing,
        verdict=Verdict.NOT_PLANNED,
        cause=cause,
        played_ms=sum_output(ends),
        late_s=None,
        started_at=min(started, default=None),
        detail=detail,
        is_declared=bool(first.declared_by),
    )

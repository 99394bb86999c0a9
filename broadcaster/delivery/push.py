"""Pushing plans, masters and orders to a station."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broadcaster.core.errors import ProgrammeFileError
from broadcaster.core.files import name_master
from broadcaster.core.ids import Sha256, StationId
from broadcaster.link.session import StationAddress, StationSession
from broadcaster.link.transfer import send_bytes, send_file
from broadcaster.wire.signature import SIGNATURE_SUFFIX

PushListener = Callable[[StationId, str, int, int], None]
"""Told from the workers' threads: station, name in its inbox, bytes safe there, bytes in all."""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A signed day plan or order to send: its file name, the document, its armoured signature."""

    name: str
    document: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class MasterFile:
    """A master to send, and where it lies at the centre."""

    sha256: Sha256
    path: Path

    @property
    def name(self) -> str:
        """Its name in the station's inbox."""
        return name_master(self.sha256)


@dataclass(frozen=True, slots=True)
class StationJob:
    """What to push to one station, in this order: the plans, the masters, then orders, which name a master."""

    address: StationAddress
    plans: tuple[PlanFile, ...] = ()
    masters: tuple[MasterFile, ...] = ()
    orders: tuple[PlanFile, ...] = ()

    def is_empty(self) -> bool:
        """Tell whether there is nothing to push."""
        return not (self.plans or self.masters or self.orders)


@dataclass(slots=True)
class PushTally:
    """What lies whole in the station's inbox by now, and the bytes that went over the line, also for what broke off."""

    names: list[str] = field(default_factory=list)
    sent_bytes: int = 0


def push_job(session: StationSession, job: StationJob, tally: PushTally, on_event: PushListener | None = None) -> None:
    """Push one station's job over an open session; the tally tells what was done also when it breaks off.

    Plans go first: they are small, and a station that has the plan but not yet the master can say what it misses. The
    signature goes before its document, so that a plan that is there is a plan that can be checked.

    Raises:
        DeliveryError: The first trouble; what was sent until then stays sent.
        ProgrammeFileError: A master cannot be read here.
    """
    _push_documents(session, job.plans, tally, on_event)
    for master in job.masters:
        send_file(session, master.path, master.name, _follow(session.address.station, master, tally, on_event))
        tally.names.append(master.name)
    _push_documents(session, job.orders, tally, on_event)


def _push_documents(
    session: StationSession, documents: Sequence[PlanFile], tally: PushTally, on_event: PushListener | None
) -> None:
    for one in documents:
        pair = ((one.name + SIGNATURE_SUFFIX, one.signature.encode()), (one.name, one.document))
        for name, data in pair:
            tally.sent_bytes += send_bytes(session, data, name).bytes_sent
            tally.names.append(name)
            if on_event is not None:
                on_event(session.address.station, name, len(data), len(data))


def _follow(
    station: StationId, master: MasterFile, tally: PushTally, on_event: PushListener | None
) -> Callable[[int], None]:
    try:
        total_bytes = master.path.stat().st_size
    except OSError as error:
        raise ProgrammeFileError(f"the master {master.path} cannot be read: {error.strerror}") from error
    done_bytes = 0
    is_first = True

    def progress(more_bytes: int) -> None:
        nonlocal done_bytes, is_first
        done_bytes += more_bytes
        tally.sent_bytes += 0 if is_first else more_bytes  # first what the station held already
        is_first = False
        if on_event is not None:
            on_event(station, master.name, done_bytes, total_bytes)

    return progress

"""What is new in an outbox that was collected over the same session before: one round trip."""

from __future__ import annotations

from datetime import date, timedelta

from broadcaster.airtime.collect import (
    Collection,
    ReadKnown,
    follow_chains,
    read_news,
    read_written_status,
)
from broadcaster.link.session import StationSession
from broadcaster.link.watch import FileWatch
from broadcaster.wire.journal import journal_file_name
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.status import FILE_NAME as STATUS
from broadcaster.wire.stick import OUTBOX

WATCHED_DAYS = 2


def fetch_news(session: StationSession, watch: FileWatch, read_known: ReadKnown, on: date) -> Collection | None:
    """Fetch what is new in an outbox that was fetched whole over the same session before: one round trip.

    Looked at are the receipts, the journals of the last days that the record knows, and whether one of the days
    around `on` has begun; lines of earlier days come when the session was opened anew.

    Args:
        session: With the station.
        watch: Of that session.
        read_known: Gives the positions of files by their names.
        on: The present date at the station, give or take a day.

    Returns:
        None when the outbox has to be fetched whole.

    Raises:
        DeliveryError: The station cannot be read.
    """
    names = [journal_file_name((on + timedelta(days=days)).isoformat()) for days in range(-WATCHED_DAYS, 2)]
    known = read_known([RECEIPTS, *names])
    paths = {name: f"{OUTBOX}/{name}" for name in (RECEIPTS, *names)}
    growing = {path: known[name].offset_bytes for name, path in paths.items() if name in known}
    look = watch.look(f"{OUTBOX}/{STATUS}", growing, [path for name, path in paths.items() if name not in known])
    if look is None:
        return None
    troubles: list[str] = []
    status = read_written_status(look.rewritten, troubles)
    if status is None or abs((status.at.date() - on).days) >= WATCHED_DAYS:
        return None  # by its clock it writes into files of other days
    files = []
    for name in known.keys() & paths.keys():
        if data := look.grown[paths[name]]:
            file = read_news(name, known[name], data)
            if file is None:
                return None
            files.append(file)
    chains = follow_chains(sorted(files, key=lambda file: file.name), known)
    return Collection(session.address.station, status, None, tuple(files), chains, tuple(troubles))

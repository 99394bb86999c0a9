"""The sample campaign week, 2 to 8 October 2023: real plans of the sample schedules, journals with a few honest faults.

`python -m tests.sample_week DIR` makes a workspace of it in DIR, with its report.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from broadcaster.centre.editions import write_report
from broadcaster.centre.publish import publish_days
from broadcaster.centre.reports import order_week
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.core.ids import CampaignId, LogId, Sha256, StationId
from broadcaster.core.model import Airing, Programme, ProgrammeKind
from broadcaster.core.schedules import Schedules
from broadcaster.store.engine import Record
from broadcaster.store.logs import write_journal
from broadcaster.store.plans import read_airings_between, read_newest
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import write_contact, write_receipts
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, plan_line, read_line
from broadcaster.wire.journal import Ending, Happening, JournalEntry, read_entry, write_entry
from broadcaster.wire.receipt import Receipt, Verdict, read_receipt, write_receipt
from tests.unit.makers import ZONE, make_entry, make_programme

MONDAY = date(2023, 10, 2)
DAYS = [MONDAY + timedelta(days=n) for n in range(-1, 7)]
MADE_AT = datetime(2023, 10, 9, 7, 0, tzinfo=ZONE)
CAMPAIGN = CampaignId("ngay-chuyen-doi-so-2023")
# column, weekdays, minutes, news items, of the campaign
STRANDS = (
    ("thoi-su", range(7), 8.5, 6, False),
    ("chuyen-doi-so", range(7), 5.2, 2, True),
    ("nong-nghiep", (1, 3, 5), 4.4, 1, False),
    ("thong-bao", (0, 4), 1.6, 1, False),
)
OFF, SILENT, UNDELIVERED, LATE, BROKEN = (
    StationId(name) for name in ("dong-loi", "tho-tan", "dan-ly", "an-nong", "binh-son")
)


def list_programmes() -> Iterator[Programme]:
    """Give the ident and every day's programmes."""
    yield replace(make_programme("dai-hieu", None, DAYS[0], 12_000), title="Đài hiệu", kind=ProgrammeKind.IDENT)
    names = {"thoi-su": "Thời sự trong huyện", "chuyen-doi-so": "Chuyển đổi số", "nong-nghiep": "Nông nghiệp Triệu Sơn",
             "thong-bao": "Thông báo"}  # fmt: skip
    for on in DAYS:
        for column, weekdays, minutes, stories, is_campaign in STRANDS:
            if on.weekday() in weekdays:
                made = make_programme(f"{column}-{on:%Y%m%d}", column, on, round(minutes * 60_000))
                yield replace(made, title=f"{names[column]} {on:%d/%m}", stories=stories,
                              campaign=CAMPAIGN if is_campaign else None)  # fmt: skip


def init_sample(folder: Path) -> tuple[Workspace, Schedules]:
    """Make a workspace with the schedules of Triệu Sơn."""
    workspace, _ = init_workspace(folder)
    shutil.copytree(Path(__file__).parents[1] / "schedules", workspace.schedules, dirs_exist_ok=True)
    return workspace, read_schedules(workspace.schedules)


def fill_week(workspace: Workspace, record: Record, schedules: Schedules) -> None:
    """Publish the week in a new workspace and collect what its 34 stations would hand in."""
    with record.write() as connection:
        for programme in list_programmes():
            write_programme(connection, programme)
    for on in DAYS:
        publish_days(workspace, record, schedules, [on], datetime(on.year, on.month, on.day, 2, tzinfo=ZONE))
    begins_at = datetime(2023, 10, 1, tzinfo=ZONE)
    with record.read() as connection:
        airings = read_airings_between(connection, begins_at, MADE_AT)
        plans = read_newest(connection, DAYS[0], DAYS[-1])
    for station in schedules.stations:
        mine = [airing for airing in airings if airing.station == station.id]
        hashes = [(plan.sha256, f"plan-{on}.r1.json", datetime(on.year, on.month, on.day, 3, tzinfo=ZONE))
                  for (name, on), plan in plans.items() if name == station.id]  # fmt: skip
        held = {airing.sha256: airing for airing in reversed(mine) if not _is_lost(airing)}
        hashes += [(sha256, f"{sha256}.mp3", one.start_at - timedelta(hours=8)) for sha256, one in held.items()]
        _hand_in(record, station.id, mine, sorted(hashes, key=lambda one: one[2]))


def _is_lost(airing: Airing) -> bool:
    return airing.station == UNDELIVERED and airing.start_at.astimezone(ZONE).date() >= date(2023, 10, 7)


def _hand_in(
    record: Record, station: StationId, airings: list[Airing], held: list[tuple[Sha256, str, datetime]]
) -> None:
    point = ChainPoint(LogId("aa"), 0, CHAIN_START)
    receipts = []
    for number, (sha256, name, at) in enumerate(held):
        receipt = Receipt(at, name, sha256, Verdict.VERIFIED, "")
        receipts.append(read_receipt(read_line(plan_line(replace(point, seq=number), write_receipt(receipt)))))
    entries = [entry for airing in airings for entry in _tell(airing)]
    lines = [
        read_entry(read_line(plan_line(replace(point, seq=number), write_entry(entry))))
        for number, entry in enumerate(entries)
    ]
    until = datetime(2023, 10, 5, 12, tzinfo=ZONE) if station == SILENT else MADE_AT
    with record.write() as connection:
        write_receipts(connection, station, receipts, MADE_AT)
        write_journal(connection, station, lines, MADE_AT)
        write_contact(connection, station, {"log_id": "aa", "reached_at": until, "journal_until": until})


def _tell(airing: Airing) -> list[JournalEntry]:
    """Tell of one airing as its station would: nothing where it was off or its journal never came."""
    at = airing.start_at.astimezone(ZONE)
    off = (datetime(2023, 10, 3, 17, 4, tzinfo=ZONE), datetime(2023, 10, 4, 6, 0, tzinfo=ZONE))
    if _is_lost(airing) or (airing.station == SILENT and at >= datetime(2023, 10, 5, 12, tzinfo=ZONE)):
        return []
    output_ms, ending, late_s = airing.duration_ms, Ending.COMPLETE, 0.4
    if airing.station == OFF and at < off[1] and off[0] < at + timedelta(milliseconds=airing.duration_ms):
        if at > off[0]:
            return []
        output_ms, ending = round((off[0] - at) / timedelta(milliseconds=1)), Ending.INTERRUPTED
    if airing.station == LATE and at.date() == date(2023, 10, 6):
        late_s = 95.0
    if airing.station == BROKEN and at.date() == date(2023, 10, 8) and airing.column == "chuyen-doi-so":
        output_ms, ending = 41_000, Ending.FAILED
    start = make_entry(Happening.START, airing, late_s=late_s)
    return [start, make_entry(Happening.END, airing, late_s=late_s, output_ms=output_ms, ending=ending)]


if __name__ == "__main__":
    place, rules = init_sample(Path(sys.argv[1]))
    with place.open_record() as rows:
        fill_week(place, rows, rules)
        files = write_report(place, rows, rules, order_week(MONDAY), MADE_AT, with_pdf=True).files
        sys.stdout.write(f"{files.html}\n{files.docx}\n{files.pdf}\n")

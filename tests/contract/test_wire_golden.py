"""The wire documents against files that never change: what a release writes, every later one reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from broadcaster.core.errors import DocumentError
from broadcaster.core.ids import AiringId, CampaignId, LogId, Sha256, StationId
from broadcaster.core.model import LateRule, Priority, QuietHours, StartRule
from broadcaster.wire.chain import START as CHAIN_START
from broadcaster.wire.chain import ChainPoint, match_chain, plan_line, read_line, read_lines
from broadcaster.wire.day_plan import DayPlan, read_day_plan, write_day_plan
from broadcaster.wire.journal import Ending, Happening, JournalEntry, SkipReason, StandIn, read_entry, write_entry
from broadcaster.wire.receipt import Receipt, Verdict, read_receipt, write_receipt
from broadcaster.wire.signature import PLAN_NAMESPACE, verify_document
from broadcaster.wire.status import StationStatus, read_status, write_status
from broadcaster.wire.stick import StickContents, StickFile, read_contents, write_contents
from tests.unit.makers import START, make_airing, make_entry

GOLDEN = Path(__file__).parent / "golden"
LOG = LogId("0123456789abcdef")

PLAN = DayPlan(
    station=StationId("an-nong"),
    centre="Trung tâm Văn hóa, Thông tin huyện Triệu Sơn",
    on=date(2023, 10, 9),
    zone="Asia/Ho_Chi_Minh",
    revision=2,
    published_at=datetime(2023, 10, 8, 9, 0, tzinfo=UTC),
    quiet_hours=(QuietHours(time(21, 30), time(4, 45)),),
    airings=(
        make_airing("20231009-chieu-1-0a1b2c3d"),
        replace(
            make_airing("20231009-chieu-2-4e5f6a7b", START + timedelta(minutes=1), 90_500),
            title="Chuyển đổi số: vì sao?", campaign=CampaignId("ngay-chuyen-doi-so"), start_rule=StartRule.AFTER,
            late_rule=LateRule.SKIP, priority=Priority.EMERGENCY, volume=85, is_repeat=True, column=None,
        ),
    ),
)  # fmt: skip
ENTRIES: tuple[JournalEntry, ...] = (
    make_entry(Happening.START),
    make_entry(Happening.END, late_s=0.25, output_ms=60_010, ending=Ending.COMPLETE),
    replace(make_entry(Happening.START, make_airing("b")), note="joined 12.5 s after its beginning"),
    replace(
        make_entry(Happening.END, make_airing("b"), output_ms=8000, ending=Ending.INTERRUPTED), clock_error_ms=None
    ),
    replace(make_entry(Happening.SKIP, make_airing("c"), reason=SkipReason.MISSING), title="Thời sự “chiều”"),
)
RECEIPTS = (
    Receipt(START, f"{'0' * 64}.mp3", Sha256("0" * 64), Verdict.VERIFIED, ""),
    Receipt(START, "lạ", None, Verdict.REFUSED, "neither a master nor a day plan by its name"),
    Receipt(START, f"{'0' * 64}.mp3", Sha256("0" * 64), Verdict.REMOVED, "no longer planned"),
)
STATUS = StationStatus(
    station=StationId("an-nong"),
    log=LOG,
    at=START,
    version="0.1.0",
    player="mpv, auto output",
    clock_error_ms=None,
    disk_free_bytes=12_345_678_901,
    masters=7,
    plan="plan-2023-10-09.r2.json",
    playing="Thời sự",
    next_at=START + timedelta(hours=12),
    trouble="",
)
CONTENTS = StickContents(
    StationId("an-nong"),
    START,
    (
        StickFile("plan-2023-10-09.r2.json.sig", 311, Sha256("1" * 64)),
        StickFile("plan-2023-10-09.r2.json", 1834, Sha256("2" * 64)),
        StickFile(f"{'0' * 64}.mp3", 28_800_000, Sha256("0" * 64)),
    ),
)


PLAN_2 = replace(
    PLAN, revision=3,
    airings=(
        replace(PLAN.airings[0], start_rule=StartRule.WITHIN, within_ms=300_000, may_repeat=True),
        replace(PLAN.airings[1], is_ident=True),
    ),
)  # fmt: skip
ENTRIES_2 = (
    replace(make_entry(Happening.START), stand_in=StandIn.REPEAT, title="Hôm qua"),
    replace(
        make_entry(Happening.END, output_ms=60_010, ending=Ending.COMPLETE), stand_in=StandIn.REPEAT, title="Hôm qua",
        clock_offset_ms=-90_500, clock_error_ms=None,
    ),
    make_entry(Happening.SKIP, make_airing("b"), reason=SkipReason.GAVE_WAY),
    replace(make_entry(Happening.START, make_airing("local-hop-thon-20231009")), is_local=True),
)  # fmt: skip


def write_log(lines: list[dict[str, object]]) -> bytes:
    point, data = ChainPoint(LOG, 0, CHAIN_START), b""
    for fields in lines:
        raw = plan_line(point, fields)
        point = read_line(raw).point()
        data += raw + b"\n"
    return data


def read_golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def test_day_plan_is_as_it_was() -> None:
    assert read_day_plan(read_golden("plan-2023-10-09.r2.json")) == PLAN
    assert write_day_plan(PLAN) == read_golden("plan-2023-10-09.r2.json")


def test_day_plan_of_long_ago_still_verifies() -> None:
    signature = read_golden("plan-2023-10-09.r2.json.sig").decode()
    verify_document(
        read_golden("plan-2023-10-09.r2.json"), signature, read_golden("centre_key.pub").decode(), PLAN_NAMESPACE
    )


def test_journal_is_as_it_was() -> None:
    lines, errors, _ = read_lines(read_golden("journal-2023-10-09.jsonl"))
    assert (errors, list(match_chain(lines, None))) == ([], [])
    assert tuple(read_entry(line).entry for line in lines) == ENTRIES
    assert write_log([write_entry(entry) for entry in ENTRIES]) == read_golden("journal-2023-10-09.jsonl")


def test_receipts_are_as_they_were() -> None:
    lines, errors, _ = read_lines(read_golden("receipts.jsonl"))
    assert (errors, list(match_chain(lines, None))) == ([], [])
    assert tuple(read_receipt(line).receipt for line in lines) == RECEIPTS
    assert write_log([write_receipt(receipt) for receipt in RECEIPTS]) == read_golden("receipts.jsonl")


def test_list_of_a_sticks_contents_is_as_it_was() -> None:
    assert read_contents(read_golden("contents.json")) == CONTENTS
    assert write_contents(CONTENTS) == read_golden("contents.json")


@pytest.mark.parametrize("name", ["../status.json", "a/b", ".", "..", "", "x\0y"])
def test_no_name_on_a_stick_leads_out_of_its_folder(name: str) -> None:
    files = (replace(CONTENTS.files[0], name=name),)
    with pytest.raises(DocumentError, match="no file of its folder"):
        read_contents(write_contents(replace(CONTENTS, files=files)))


def test_status_is_as_it_was() -> None:
    assert read_status(read_golden("status.json")) == STATUS
    assert write_status(STATUS) == read_golden("status.json")


def test_documents_of_format_2_are_as_they_were() -> None:
    assert read_day_plan(read_golden("plan-2023-10-09.r3.json")) == PLAN_2
    assert write_day_plan(PLAN_2) == read_golden("plan-2023-10-09.r3.json")
    lines, errors, _ = read_lines(read_golden("journal-2023-10-10.jsonl"))
    assert (errors, list(match_chain(lines, None))) == ([], [])
    assert tuple(read_entry(line).entry for line in lines) == ENTRIES_2
    assert write_log([write_entry(entry) for entry in ENTRIES_2]) == read_golden("journal-2023-10-10.jsonl")
    silent = replace(STATUS, silence="Thời sự")
    assert read_status(read_golden("status-silent.json")) == silent
    assert write_status(silent) == read_golden("status-silent.json")


def test_documents_have_the_oldest_format_in_which_they_can_be_written() -> None:
    assert [line.fields["format"] for line in read_lines(read_golden("journal-2023-10-10.jsonl"))[0]] == [2, 2, 2, 1]
    old = replace(PLAN_2, airings=tuple(replace(one, start_rule=StartRule.HARD) for one in PLAN_2.airings))
    assert b'"format": 1,' in write_day_plan(old)


def test_fields_of_a_newer_release_are_passed_over() -> None:
    data = read_golden("status.json").replace(b'"kind"', b'"mood": "good",\n "kind"')
    assert read_status(data) == STATUS


def test_newer_format_is_refused_with_what_to_do() -> None:
    data = read_golden("plan-2023-10-09.r2.json").replace(b'"format": 1', b'"format": 3')
    with pytest.raises(DocumentError, match="format 3") as caught:
        read_day_plan(data)
    assert "update" in caught.value.hint


def test_edit_gap_and_reordering_break_the_chain() -> None:
    raws = read_golden("journal-2023-10-09.jsonl").splitlines()
    lines = [read_line(raw) for raw in raws]
    edited = [read_line(raws[0].replace(b'"volume":100', b'"volume":99')), *lines[1:]]
    for changed in (edited, lines[:1] + lines[2:], [lines[1], lines[0], *lines[2:]], lines[1:]):
        after = ChainPoint(LOG, 0, CHAIN_START)
        assert list(match_chain(changed, after)) != []
    assert lines[1].fields["airing"] == AiringId("a")

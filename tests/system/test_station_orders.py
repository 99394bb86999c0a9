"""Emergency orders at a station: at once, once, never after expiry, and an exercise never aloud."""

from __future__ import annotations

import time as _time
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import StationId
from broadcaster.core.model import QuietHours
from broadcaster.station.library import Library
from broadcaster.wire.journal import Ending, Happening, SkipReason
from broadcaster.wire.order import (
    ORDER_NAMESPACE,
    EmergencyOrder,
    InterruptedRule,
    OrderStatus,
    order_file_name,
    write_order,
)
from broadcaster.wire.receipt import Verdict
from broadcaster.wire.signature import PLAN_NAMESPACE, sign_document
from tests.station_box import StationBox, make_master
from tests.system.test_station_agent import running
from tests.system.test_station_day import MINUTE, Day
from tests.system.test_station_receive import Inbox
from tests.unit.makers import AN_NONG, START, make_airing

ORDER = EmergencyOrder(
    id="lu-quet",
    centre="Trung tâm",
    author="Nguyễn Văn An",
    issued_at=START + timedelta(seconds=20),
    expires_at=START + timedelta(minutes=10),
    stations=(),
    title="Cảnh báo lũ quét",
    sha256=hash_bytes(b"siren"),
    size_bytes=5,
    duration_ms=30_000,
)


def send_order(box: StationBox, order: EmergencyOrder, *, namespace: str = ORDER_NAMESPACE, name: str = "") -> None:
    document = write_order(order)
    name = name or order_file_name(order.id)
    (box.inbox / f"{name}.sig").write_text(sign_document(document, box.key, namespace))
    (box.inbox / name).write_bytes(document)


def file_order(day: Day, library: Library, order: EmergencyOrder) -> None:
    document = write_order(order)
    signature = sign_document(document, day.box.key, ORDER_NAMESPACE).encode()
    day.player.lengths_ms[order.sha256] = order.duration_ms
    library.master_path(order.sha256).write_bytes(b"siren")
    library.order_book.file(order, document, signature, day.clock.at)


@pytest.fixture(params=[False, True], ids=["one sound device", "cues ahead"])
def day(tmp_path: Path, request: pytest.FixtureRequest) -> Day:
    return Day(StationBox(tmp_path / "box"), cues_ahead=request.param)


def play_order(day: Day, order: EmergencyOrder) -> list[tuple[object, ...]]:
    """Let an order come 20 s into an item of a minute."""
    playout = day.boot(day.add(make_airing("a")))
    day.run(playout, START + timedelta(seconds=20))
    file_order(day, playout.library, order)
    day.run(playout, START + 5 * MINUTE)
    return day.tell()


def test_order_cuts_the_item_and_it_goes_on_where_it_was_cut(day: Day) -> None:
    told = play_order(day, ORDER)
    assert [(line[0], line[1], line[4]) for line in told if line[1] == "end"] == [
        ("a", "end", Ending.CUT_BY_EMERGENCY), ("order-lu-quet-01", "end", Ending.COMPLETE),
        ("a", "end", Ending.COMPLETE),
    ]  # fmt: skip
    order_started_s = next(line[2] for line in told if line[0] == "order-lu-quet-01")
    assert 20 <= float(str(order_started_s)) <= 21
    assert [float(str(line[3])) for line in told if line[0] == "a" and line[1] == "end"] == [
        pytest.approx(20.5, abs=0.6), pytest.approx(39.5, abs=0.6)
    ]  # fmt: skip


def test_item_is_dropped_where_the_order_says_so(day: Day) -> None:
    told = play_order(day, replace(ORDER, interrupted=InterruptedRule.DROP))
    assert [line[4] for line in told if line[0] == "a"] == ["", Ending.CUT_BY_EMERGENCY]


def test_order_sounds_as_often_as_it_says_before_the_item_goes_on(day: Day) -> None:
    told = play_order(day, replace(ORDER, times=3))
    assert [line[0] for line in told if line[1] == "end"] == [
        "a", "order-lu-quet-01", "order-lu-quet-02", "order-lu-quet-03", "a",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [OrderStatus.TEST, OrderStatus.EXERCISE])
def test_test_and_exercise_are_journalled_and_never_sound(day: Day, status: OrderStatus) -> None:
    told = play_order(day, replace(ORDER, status=status, times=3))
    assert [(line[0], line[1], line[4]) for line in told] == [
        ("a", "start", ""), ("order-lu-quet-01", "skip", SkipReason.NOT_MEANT), ("a", "end", Ending.COMPLETE),
    ]  # fmt: skip


def test_order_breaks_quiet_hours_and_the_diary_says_so(day: Day) -> None:
    playout = day.boot(day.add(make_airing("a", START + MINUTE)), quiet=(QuietHours(time(16), time(18)),))
    file_order(day, playout.library, ORDER)
    day.run(playout, START + 3 * MINUTE)
    starts = [line for line in day.box.read_journal() if line.happening is Happening.START]
    assert [line.note for line in starts] == ["emergency order lu-quet by Nguyễn Văn An, in quiet hours"]


@pytest.mark.parametrize("second", range(20, 52))
def test_power_cut_at_any_second_never_plays_an_order_twice(tmp_path: Path, second: int) -> None:
    day = Day(StationBox(tmp_path / "box"))
    playout = day.boot(day.add(make_airing("a", START, 120_000)))
    day.run(playout, START + timedelta(seconds=20))
    file_order(day, playout.library, ORDER)
    day.run(playout, START + timedelta(seconds=second, milliseconds=300))
    day.run(day.boot(), START + 8 * MINUTE)
    starts = [line for line in day.tell() if line[0] == "order-lu-quet-01" and line[1] == "start"]
    assert len(starts) == 1
    seconds = sum(float(str(line[3])) for line in day.tell() if line[0] == "a")
    assert seconds <= 121


def test_expired_order_never_begins(day: Day) -> None:
    playout = day.boot()
    file_order(day, playout.library, ORDER)
    day.clock.at = ORDER.expires_at
    day.run(day.boot(), ORDER.expires_at + MINUTE)
    assert [(line[1], line[4]) for line in day.tell()] == [("skip", SkipReason.TOO_LATE)]


def test_inbox_takes_an_order_once_and_refuses_what_is_not_meant_for_it(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "box")
    send_order(inbox.box, ORDER)
    assert [receipt.verdict for receipt in inbox.receive()] == [Verdict.VERIFIED]
    send_order(inbox.box, ORDER)
    assert [receipt.verdict for receipt in inbox.receive()] == [Verdict.VERIFIED]
    assert list(inbox.library.order_book.orders) == ["lu-quet"]
    send_order(inbox.box, replace(ORDER, volume=1))
    assert inbox.refuse() == "another order lu-quet is held already"
    send_order(inbox.box, replace(ORDER, id="b", stations=(StationId("dan-luc"),)))
    assert inbox.refuse() == "an order for other stations"
    send_order(inbox.box, replace(ORDER, id="b"), namespace=PLAN_NAMESPACE)
    assert inbox.refuse() == "the signature was made for another purpose"
    send_order(inbox.box, replace(ORDER, id="b"), name="order-c.json")
    assert inbox.refuse() == "the order inside is order-b.json"
    send_order(inbox.box, replace(ORDER, id="b", issued_at=START - 2 * MINUTE, expires_at=START - MINUTE))
    assert inbox.refuse() == "it has expired by this box's clock"
    inbox.restart()
    assert list(inbox.library.order_book.orders) == ["lu-quet"]


def test_real_agent_obeys_an_order_that_comes_into_its_inbox(tmp_path: Path) -> None:
    box = StationBox(tmp_path / "box")
    path, sha256 = make_master(tmp_path, 1.0)
    now_at = datetime.now(UTC)
    order = replace(
        ORDER, issued_at=now_at, expires_at=now_at + timedelta(minutes=5), stations=(AN_NONG,), sha256=sha256,
        size_bytes=path.stat().st_size, duration_ms=1000,
    )  # fmt: skip
    with running(box, box.write_settings(player="mpv")):
        box.send_bytes(path.read_bytes())
        send_order(box, order)
        sent_at = datetime.now(UTC)
        until_s = _time.monotonic() + 20
        while len(box.read_journal()) < 2:
            assert _time.monotonic() < until_s
            _time.sleep(0.02)
    start, end = box.read_journal()
    assert (start.note, end.ending) == ("emergency order lu-quet by Nguyễn Văn An", Ending.COMPLETE)
    assert end.started_at is not None
    assert sent_at <= end.started_at


def cancel(order: EmergencyOrder) -> EmergencyOrder:
    return replace(order, id=f"{order.id}-stop", status=OrderStatus.CANCEL, cancels=order.id, author="Lê Thị Mai")


def test_cancelled_order_falls_silent_at_once_and_the_item_goes_on(day: Day) -> None:
    playout = day.boot(day.add(make_airing("a")))
    day.run(playout, START + timedelta(seconds=20))
    file_order(day, playout.library, replace(ORDER, times=3))
    day.run(playout, START + timedelta(seconds=25))
    file_order(day, playout.library, cancel(ORDER))
    day.run(playout, START + 5 * MINUTE)
    told = day.tell()
    ends = [(line[0], line[4]) for line in told if line[1] == "end"]
    assert ends == [
        ("a", Ending.CUT_BY_EMERGENCY), ("order-lu-quet-01", Ending.STOPPED), ("a", Ending.COMPLETE),
    ]  # fmt: skip
    sounded_s = next(float(str(line[3])) for line in told if line[:2] == ("order-lu-quet-01", "end"))
    assert sounded_s <= 6
    assert [line[4] for line in told if line[1] == "skip"] == [SkipReason.NOT_MEANT, SkipReason.NOT_MEANT]


def test_order_that_was_cancelled_before_its_time_never_sounds(day: Day) -> None:
    playout = day.boot(day.add(make_airing("a")))
    file_order(day, playout.library, cancel(ORDER))
    file_order(day, playout.library, ORDER)
    day.run(playout, START + 5 * MINUTE)
    assert [line[:2] for line in day.tell()] == [("order-lu-quet-01", "skip"), ("a", "start"), ("a", "end")]
    notes = [line.note for line in day.box.read_journal() if line.happening is Happening.SKIP]
    assert notes == ["cancelled by Lê Thị Mai"]

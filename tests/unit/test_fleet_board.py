from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from broadcaster.cli.fleet_board import Expected, FleetBoard, show_fleet
from broadcaster.core.ids import StationId
from broadcaster.delivery.progress import StationNews, Step
from tests.unit.makers import ZONE

NOW_AT = datetime(2023, 10, 9, 8, 0, tzinfo=UTC)  # 15:00 in Viet Nam
AIR_AT = NOW_AT + timedelta(hours=2)
AN_NONG, MINH_SON, HOP_LY = (StationId(name) for name in ("an-nong", "minh-son", "hop-ly"))


class Seconds:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def read(self) -> float:
        return self.now_s


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def board(seconds: Seconds) -> FleetBoard:
    expected = [
        Expected(AN_NONG, "Xã An Nông", 10_000_000, AIR_AT),
        Expected(MINH_SON, "Xã Minh Sơn", 10_000_000, AIR_AT + timedelta(hours=1)),
        Expected(HOP_LY, "Xã Hợp Lý", 10_000_000, None),
    ]
    return FleetBoard(expected, ZONE, lambda: NOW_AT, seconds.read)


def send(board: FleetBoard, station: StationId, done_bytes: int) -> None:
    board.hear(StationNews(station, Step.SENDING, "a.mp3", done_bytes, 10_000_000))


def test_one_line_says_who_holds_it_who_sends_how_fast_and_when_it_is_on_air(
    board: FleetBoard, seconds: Seconds
) -> None:
    send(board, AN_NONG, 4_000_000)  # it held so much already
    seconds.now_s += 4
    send(board, AN_NONG, 6_000_000)
    board.hear(StationNews(MINH_SON, Step.HELD))
    board.hear(StationNews(HOP_LY, Step.FAILED, message="no answer"))
    assert board.sum_up() == (
        "1 of 3 stations hold everything · 1 sending at 400.0 kB/s · 1 failed · "
        "first on air 09/10/2023 17:00:00, in 2:00:00"
    )
    assert board.list_rows(5) == [
        ("Xã An Nông", "sending", "60 %", "500.0 kB/s", "ready in 0:08, on air in 2:00:00"),
        ("Xã Hợp Lý", "failed: no answer", "", "", ""),
        ("Xã Minh Sơn", "holds everything", "", "", ""),
    ]
    seconds.now_s += 60
    assert "at 0 B/s" in board.sum_up()


def test_a_station_that_will_not_be_ready_in_time_is_marked(board: FleetBoard, seconds: Seconds) -> None:
    send(board, AN_NONG, 0)
    seconds.now_s += 10
    send(board, AN_NONG, 5_000)
    assert board.list_rows(1)[0][4].startswith("TOO LATE: ready in 5:3")


def test_who_is_tried_again_says_when(board: FleetBoard) -> None:
    board.hear(StationNews(AN_NONG, Step.AGAIN, message="the line broke", again_at=NOW_AT + timedelta(seconds=30)))
    assert board.list_rows(1)[0][1] == "failed, tries again at 15:00:30: the line broke"


def test_the_busy_ones_come_first_and_no_more_than_fit(board: FleetBoard) -> None:
    for station, step in ((AN_NONG, Step.HELD), (MINH_SON, Step.FAILED), (HOP_LY, Step.CONNECTING)):
        board.hear(StationNews(station, step))
    assert [row[0] for row in board.list_rows(2)] == ["Xã Hợp Lý", "Xã Minh Sơn"]


def test_without_a_terminal_every_change_is_one_plain_line(board: FleetBoard, seconds: Seconds) -> None:
    out = io.StringIO()
    with show_fleet(board, out) as tell:
        tell(StationNews(AN_NONG, Step.CONNECTING))
        for done_bytes in range(0, 10_000_000, 1_000_000):
            seconds.now_s += 1
            tell(StationNews(AN_NONG, Step.SENDING, "a.mp3", done_bytes, 10_000_000))
        tell(StationNews(AN_NONG, Step.CONFIRMING))
        tell(StationNews(AN_NONG, Step.HELD))
    assert out.getvalue().splitlines() == [
        "Xã An Nông (an-nong): connecting",
        "Xã An Nông (an-nong): sending",
        "Xã An Nông (an-nong): holds everything",
    ]


class Terminal(io.StringIO):
    """Takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_live_board_and_keeps_its_last_line(board: FleetBoard) -> None:
    out = Terminal()
    with show_fleet(board, out) as tell:
        tell(StationNews(AN_NONG, Step.HELD))
    assert "1 of 3 stations hold everything" in " ".join(out.getvalue().splitlines()[-2:])

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
        ("Xã An Nông", "sending", "60 %", "500.0 kB/s", "0:08", "2:00:00"),
        ("Xã Hợp Lý", "failed: no answer", "", "", "", ""),
        ("Xã Minh Sơn", "holds everything", "", "", "", ""),
    ]
    seconds.now_s += 60
    assert "at 0 B/s" in board.sum_up()


def test_a_station_that_will_not_be_ready_in_time_is_marked(board: FleetBoard, seconds: Seconds) -> None:
    send(board, AN_NONG, 0)
    seconds.now_s += 10
    send(board, AN_NONG, 5_000)
    (row,) = board.list_rows(1)
    assert row[1] == "sending, TOO LATE"
    assert row[4].startswith("5:3")


def test_who_is_tried_again_says_when(board: FleetBoard) -> None:
    again_at = NOW_AT + timedelta(seconds=30)
    line = board.hear(StationNews(AN_NONG, Step.AGAIN, message="an-nong: the line broke", again_at=again_at))
    assert line == "Xã An Nông (an-nong): failed, tries again at 15:00:30: an-nong: the line broke"
    assert board.list_rows(1)[0][1] == "failed: the line broke, again at 15:00:30"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("an-nong (10.0.0.9 port 22): no answer", "no answer"),
        ("an-nong does not let centre in with the centre's key", "does not let centre in with the centre's key"),
        ("Xã An Nông (an-nong) is stopped: it showed another host key", "is stopped: it showed another host key"),
        ("an-nong-2: no answer", "an-nong-2: no answer"),
    ],
)
def test_the_reason_stands_on_the_board_without_the_name_that_is_there_already(
    board: FleetBoard, message: str, reason: str
) -> None:
    board.hear(StationNews(AN_NONG, Step.FAILED, message=message))
    assert board.list_rows(1)[0][1] == f"failed: {reason}"


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


def test_on_a_narrow_terminal_no_figure_is_cut(board: FleetBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    with show_fleet(board, out) as tell:
        tell(StationNews(MINH_SON, Step.FAILED, message="minh-son (203.0.113.9 port 22): no answer"))
        send(board, AN_NONG, 0)
        send(board, AN_NONG, 10_000_000)
        tell(StationNews(AN_NONG, Step.HELD))
    for shown in ("Done", "Ready in", "On air in", "100 %", "3:00:00", "failed: no answer"):
        assert shown in out.getvalue()


def test_a_terminal_shows_the_live_board_and_keeps_its_last_line(board: FleetBoard) -> None:
    out = Terminal()
    with show_fleet(board, out) as tell:
        tell(StationNews(AN_NONG, Step.HELD))
    assert "1 of 3 stations hold everything" in " ".join(out.getvalue().splitlines()[-2:])

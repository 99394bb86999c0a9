"""What a box does when a master has not come: the diary says what really sounded, silence is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import Airing, LateRule, StartRule
from broadcaster.wire.journal import Ending, SkipReason, StandIn
from tests.station_box import StationBox
from tests.system.test_station_day import MINUTE, Day
from tests.system.test_station_orders import ORDER, file_order
from tests.unit.makers import START, make_airing


@pytest.fixture(params=[False, True], ids=["one sound device", "cues ahead"])
def day(tmp_path: Path, request: pytest.FixtureRequest) -> Day:
    return Day(StationBox(tmp_path / "box"), cues_ahead=request.param)


def add_yesterday(day: Day) -> Airing:
    return replace(day.add(make_airing("yesterday", START - timedelta(days=1), 90_000)), title="Tin hôm qua")


def add_missing(day: Day) -> Airing:
    return day.add(replace(make_airing("a"), may_repeat=True), is_held=False)


def test_yesterdays_item_stands_in_whole_and_is_marked(day: Day) -> None:
    yesterday, missing = add_yesterday(day), add_missing(day)
    following = day.add(replace(make_airing("b", START + MINUTE), start_rule=StartRule.AFTER))
    playout = day.boot(yesterday, missing, following)
    day.run(playout, START + 5 * MINUTE)
    assert [one[:5] for one in day.tell() if one[0] != "yesterday"] == [
        ("a", "start", 0.0, 0.0, ""), ("a", "end", 0.0, 90.0, Ending.COMPLETE),
        ("b", "start", pytest.approx(90, abs=0.2), 0.0, ""),
        ("b", "end", pytest.approx(90, abs=0.2), 60.0, Ending.COMPLETE),
    ]  # fmt: skip
    start, end = (line for line in day.box.read_journal() if line.airing == "a")
    for line in (start, end):
        assert (line.stand_in, line.title, line.sha256, line.duration_ms) == (
            StandIn.REPEAT, "Tin hôm qua", yesterday.sha256, 90_000
        )  # fmt: skip
    assert start.note == "in place of 'Tin', whose master had not come"
    assert playout.snapshot.silence == ""


def test_master_that_comes_before_its_second_is_played_itself(day: Day) -> None:
    yesterday, missing = add_yesterday(day), add_missing(day)
    playout = day.boot(yesterday, missing)
    day.run(playout, START - timedelta(seconds=5))
    day.add(missing)
    day.run(playout, START + 2 * MINUTE)
    assert [line.stand_in for line in day.box.read_journal() if line.airing == "a"] == [None, None]


def test_ident_sounds_once_and_no_longer_than_the_missing_item(day: Day) -> None:
    ident = replace(
        day.add(make_airing("i", START - MINUTE, 4000)), programme=ProgrammeId("dai-hieu"), column=None,
        is_ident=True, title="Đài hiệu",
    )  # fmt: skip
    short = replace(add_missing(day), duration_ms=3000)
    day.run(day.boot(ident, short), START + MINUTE)
    start, end = (line for line in day.box.read_journal() if line.airing == "a")
    assert (start.stand_in, start.title) == (StandIn.IDENT, "Đài hiệu")
    assert (end.ending, end.note) == (Ending.STOPPED, "the time of what it stood for was over")
    assert 2900 <= end.output_ms <= 3100


def test_silence_is_an_alarm_and_never_played(day: Day) -> None:
    playout = day.boot(add_missing(day), day.add(make_airing("b", START + 5 * MINUTE)))
    day.run(playout, START + timedelta(seconds=10))
    assert playout.snapshot.silence == "Tin"
    assert playout.snapshot.trouble.startswith("SILENCE: nothing to play in place of 'Tin'")
    day.run(playout, START + 2 * MINUTE)
    assert [(line[0], line[1], line[4]) for line in day.tell()] == [("a", "skip", SkipReason.MISSING)]
    assert playout.snapshot.silence == "Tin"
    day.run(playout, START + 6 * MINUTE)
    assert playout.snapshot.silence == ""


def test_power_cut_in_a_stand_in_goes_on_with_the_master_that_has_come(day: Day) -> None:
    yesterday, missing = add_yesterday(day), add_missing(day)
    day.run(day.boot(yesterday, missing), START + timedelta(seconds=20))
    day.add(missing)
    day.run(day.boot(), START + 2 * MINUTE)
    lines = [line for line in day.box.read_journal() if line.airing == "a"]
    assert [line.stand_in for line in lines] == [StandIn.REPEAT, StandIn.REPEAT, None, None]
    assert [line.ending for line in lines] == [None, Ending.INTERRUPTED, None, Ending.COMPLETE]
    assert 38_000 < lines[-1].output_ms < 40_500


def test_stand_in_that_an_order_cut_does_not_go_on_after_it(day: Day) -> None:
    playout = day.boot(add_yesterday(day), add_missing(day))
    day.run(playout, START + timedelta(seconds=20))
    file_order(day, playout.library, ORDER)
    day.run(playout, START + 4 * MINUTE)
    ends = [line for line in day.box.read_journal() if line.ending is not None and line.airing != "yesterday"]
    assert [(line.airing, line.ending) for line in ends] == [
        ("a", Ending.CUT_BY_EMERGENCY), ("order-lu-quet-01", Ending.COMPLETE),
    ]  # fmt: skip


def add_ident(day: Day) -> Airing:
    return replace(
        day.add(make_airing("i", START - MINUTE / 2, 4000)), programme=ProgrammeId("dai-hieu"), column=None,
        is_ident=True, title="Đài hiệu",
    )  # fmt: skip


def tell(day: Day, name: str = "a") -> list[tuple[object, ...]]:
    """Tell the lines of an airing in short: what happened, what stood in, how it ended, seconds sounded."""
    return [
        (line.happening.value, line.stand_in, line.ending or line.reason, round(line.output_ms / 1000))
        for line in day.box.read_journal()
        if line.airing == name
    ]


def test_master_that_is_there_and_does_not_play_goes_down_the_ladder(day: Day) -> None:
    ident, airing = add_ident(day), day.add(make_airing("a"))
    following = day.add(replace(make_airing("b", START + MINUTE), start_rule=StartRule.AFTER))
    day.player.unplayable.add(airing.sha256)
    playout = day.boot(ident, airing, following)
    day.run(playout, START + 3 * MINUTE)
    assert tell(day) == [("start", StandIn.IDENT, None, 0), ("end", StandIn.IDENT, Ending.COMPLETE, 4)]
    assert tell(day, "b")[-1] == ("end", None, Ending.COMPLETE, 60)
    start = next(line for line in day.box.read_journal() if line.airing == "a")
    assert start.note == "in place of 'Tin', whose master gives no sound"
    assert playout.library.doubted == {airing.sha256}


def test_rungs_that_do_not_play_are_passed_over_down_to_an_alarm(day: Day) -> None:
    ident, airing = add_ident(day), day.add(make_airing("a"))
    day.player.unplayable |= {ident.sha256, airing.sha256}
    playout = day.boot(ident, airing)
    day.run(playout, START + timedelta(seconds=30))
    assert playout.snapshot.silence == "Tin"
    day.run(playout, START + 2 * MINUTE)
    assert tell(day) == [("skip", None, SkipReason.PLAYER, 0)]
    assert playout.snapshot.silence == "Tin"


def test_silence_in_a_master_is_told_and_the_ladder_fills_the_rest(day: Day) -> None:
    ident, airing = add_ident(day), day.add(make_airing("a"))
    day.player.troubles[airing.sha256] = 10_000
    day.player.silent.add(airing.sha256)
    playout = day.boot(ident, airing)
    day.run(playout, START + timedelta(seconds=30))
    assert playout.snapshot.silence == ""  # until the ident has ended, and then it is not told again
    day.run(playout, START + 2 * MINUTE)
    assert tell(day) == [
        ("start", None, None, 0), ("end", None, Ending.FAILED, 10),
        ("start", StandIn.IDENT, None, 0), ("end", StandIn.IDENT, Ending.COMPLETE, 4),
    ]  # fmt: skip
    assert playout.library.doubted == {airing.sha256}


def test_player_that_is_lost_once_goes_on_where_the_item_should_be_by_now(day: Day) -> None:
    airing = day.add(make_airing("a"))
    day.player.troubles[airing.sha256] = 20_000
    playout = day.boot(airing)
    day.run(playout, START + timedelta(seconds=10))
    day.player.troubles.clear()
    day.run(playout, START + 2 * MINUTE)
    told = tell(day)
    assert [line[:3] for line in told] == [
        ("start", None, None), ("end", None, Ending.FAILED), ("start", None, None), ("end", None, Ending.COMPLETE),
    ]  # fmt: skip
    assert (told[1][3], told[3][3]) == (20, pytest.approx(39, abs=1))
    assert playout.library.doubted == set()


def test_item_that_may_not_be_joined_is_given_up_with_its_player(day: Day) -> None:
    airing = day.add(replace(make_airing("a"), late_rule=LateRule.BEGINNING))
    day.player.troubles[airing.sha256] = 20_000
    playout = day.boot(airing)
    day.run(playout, START + timedelta(seconds=40))
    assert playout.snapshot.silence == "Tin"
    day.run(playout, START + 2 * MINUTE)
    assert tell(day) == [("start", None, None, 0), ("end", None, Ending.FAILED, 20)]


def test_order_that_was_heard_never_sounds_again_and_one_that_was_not_is_tried_again(day: Day) -> None:
    playout = day.boot(add_ident(day))
    day.player.troubles[ORDER.sha256] = 0
    file_order(day, playout.library, ORDER)
    day.run(playout, START - timedelta(seconds=59.5))
    assert tell(day, "order-lu-quet-01")[1] == ("end", None, Ending.FAILED, 0)
    day.player.troubles[ORDER.sha256] = 5000
    day.run(playout, START + 9 * MINUTE)
    ends = [line for line in tell(day, "order-lu-quet-01") if line[0] == "end"]
    assert ends[-1] == ("end", None, Ending.FAILED, 5)
    assert [line[3] for line in ends[:-1]] == [0] * (len(ends) - 1)

"""What may stand in for a missing master, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import AiringId, ColumnId, ProgrammeId
from broadcaster.core.model import Airing, Priority, StartRule
from broadcaster.station.board import Planned, Substitute
from broadcaster.station.ladder import list_planned
from broadcaster.wire.day_plan import DayPlan
from broadcaster.wire.journal import StandIn
from tests.station_box import make_plan
from tests.unit.makers import START, make_airing

MUSIC = [Substitute(StandIn.FALLBACK, hash_bytes(name), name.decode(), 300_000) for name in (b"ca", b"nhac", b"tho")]
DAY = date(2023, 10, 9)


def make_day(days_before: int, *columns: str | None, **fields: object) -> DayPlan:
    """Make the plan of an afternoon: an ident, then one item for each column; None is a programme by its name."""
    on, start_at = DAY - timedelta(days=days_before), START - timedelta(days=days_before)
    ident = replace(
        make_airing(f"{on}-0", start_at, 4000), column=None, is_ident=True, programme=ProgrammeId("dai-hieu"),
        sha256=hash_bytes(b"ident"), title="Đài hiệu",
    )  # fmt: skip
    airings: list[Airing] = [ident]
    for place, column in enumerate(columns):
        name = f"{on}-{place + 1}"
        item = replace(
            make_airing(name, start_at + timedelta(seconds=4 + 60 * place)), sha256=hash_bytes(name.encode()),
            title=name, column=ColumnId(column) if column else None, start_rule=StartRule.AFTER, may_repeat=True,
        )  # fmt: skip
        airings.append(item)
    return make_plan(on, airings)


def find(planned: tuple[Planned, ...], name: str) -> Planned:
    return next(one for one in planned if one.airing.id == name)


def list_today(today: DayPlan, *earlier: DayPlan) -> tuple[Planned, ...]:
    return list_planned([today], (), [*earlier, today], MUSIC)


def tell(planned: Planned) -> list[tuple[StandIn, str]]:
    return [(one.kind, one.title) for one in planned.substitutes]


def test_ladder_goes_from_repeat_over_fallback_to_the_ident() -> None:
    planned = list_today(make_day(0, "thoi-su"), make_day(1, "thoi-su"), make_day(2, "thoi-su"))
    kinds = [kind for kind, _ in tell(find(planned, "2023-10-09-1"))]
    assert kinds == [StandIn.REPEAT] * 2 + [StandIn.FALLBACK] * 3 + [StandIn.IDENT]
    titles = [title for _, title in tell(find(planned, "2023-10-09-1"))]
    assert titles[:2] == ["2023-10-08-1", "2023-10-07-1"]


def test_repeat_is_of_the_same_column_and_place() -> None:
    earlier = make_day(1, "nong-nghiep", "thoi-su", "thoi-su", None)
    planned = list_today(make_day(0, "thoi-su", "thoi-su", "thoi-su", None, "khac"), earlier)
    found = {name: [title for kind, title in tell(find(planned, f"2023-10-09-{name}")) if kind is StandIn.REPEAT]
             for name in range(1, 6)}  # fmt: skip
    assert found == {
        1: ["2023-10-08-2"], 2: ["2023-10-08-3"], 3: ["2023-10-08-3"], 4: ["2023-10-08-4"], 5: [],
    }  # fmt: skip


def test_nothing_is_repeated_where_the_slot_does_not_allow_it() -> None:
    today = make_day(0, "thoi-su")
    strict = replace(today, airings=tuple(replace(airing, may_repeat=False) for airing in today.airings))
    planned = list_planned([strict], (), [strict, make_day(1, "thoi-su")], MUSIC)
    assert StandIn.REPEAT not in [kind for kind, _ in tell(find(planned, "2023-10-09-1"))]


def test_repeat_reaches_back_a_week_and_never_ahead() -> None:
    planned = list_today(make_day(0, "thoi-su"), make_day(8, "thoi-su"), make_day(-1, "thoi-su"))
    assert StandIn.REPEAT not in [kind for kind, _ in tell(find(planned, "2023-10-09-1"))]
    planned = list_today(make_day(0, "thoi-su"), make_day(7, "thoi-su"))
    assert StandIn.REPEAT in [kind for kind, _ in tell(find(planned, "2023-10-09-1"))]


def test_nothing_stands_in_for_an_ident_or_an_emergency() -> None:
    today = make_day(0, "thoi-su")
    urgent = replace(today.airings[1], id=AiringId("urgent"), priority=Priority.EMERGENCY)
    planned = list_today(replace(today, airings=(*today.airings, urgent)), make_day(1, "thoi-su"))
    assert find(planned, "2023-10-09-0").substitutes == ()
    assert find(planned, "urgent").substitutes == ()


def test_fallback_pieces_take_turns() -> None:
    planned = list_today(make_day(0, *("thoi-su",) * 12))
    first = {tell(one)[0][1] for one in planned if one.substitutes}
    assert len(first) == len(MUSIC)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broadcaster.core.ids import AiringId, ProgrammeId, Sha256, SlotId, StationId
from broadcaster.core.model import Airing
from broadcaster.delivery.plan import plan_deliveries

NOW_AT = datetime(2023, 10, 9, 8, 0, tzinfo=UTC)
LEAD = timedelta(hours=18)
NEWS, COLUMN = Sha256("a" * 64), Sha256("b" * 64)
AN_NONG, MINH_SON = StationId("an-nong"), StationId("minh-son")


def make_airing(station: StationId, sha256: Sha256, in_min: float, duration_min: float = 30) -> Airing:
    return Airing(
        id=AiringId(f"{station}-{sha256[:4]}-{in_min}"),
        station=station,
        slot=SlotId("evening"),
        start_at=NOW_AT + timedelta(minutes=in_min),
        duration_ms=round(duration_min * 60_000),
        programme=ProgrammeId("news"),
        sha256=sha256,
        size_bytes=1000,
        title="Thời sự",
        column=None,
        campaign=None,
    )


def test_a_master_played_twice_is_named_once_with_its_first_airing() -> None:
    (work,) = plan_deliveries([make_airing(AN_NONG, NEWS, 600), make_airing(AN_NONG, NEWS, 60)], {}, NOW_AT, LEAD)
    assert [(m.sha256, m.first_needed_at) for m in work.masters] == [(NEWS, NOW_AT + timedelta(minutes=60))]
    assert work.size_bytes == 1000


def test_what_is_needed_first_is_sent_first() -> None:
    airings = [
        make_airing(MINH_SON, COLUMN, 90),
        make_airing(AN_NONG, COLUMN, 120),
        make_airing(AN_NONG, NEWS, 100),
    ]
    work = plan_deliveries(airings, {}, NOW_AT, LEAD)
    assert [one.station for one in work] == [MINH_SON, AN_NONG]
    assert [m.sha256 for m in work[1].masters] == [NEWS, COLUMN]


def test_a_station_that_holds_all_has_no_work() -> None:
    airings = [make_airing(AN_NONG, NEWS, 60), make_airing(MINH_SON, NEWS, 60)]
    work = plan_deliveries(airings, {AN_NONG: {NEWS}}, NOW_AT, LEAD)
    assert [one.station for one in work] == [MINH_SON]


@pytest.mark.parametrize(
    ("in_min", "counts"),
    [(-30, False), (-29.9, True), (0, True), (18 * 60, True), (18 * 60 + 0.1, False)],
)
def test_an_airing_counts_from_the_lead_before_it_until_its_end(in_min: float, counts: bool) -> None:
    assert bool(plan_deliveries([make_airing(AN_NONG, NEWS, in_min)], {}, NOW_AT, LEAD)) is counts


def test_a_naive_present_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        plan_deliveries([], {}, NOW_AT.replace(tzinfo=None), LEAD)

"""The sums of a report: by programme, date and hour; comparison with the baseline; declared; scopes."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

from broadcaster.airtime.annexes import list_annexes
from broadcaster.airtime.figures import EVERYTHING, Report, Scope
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.airtime.unplanned import match_unplanned
from broadcaster.airtime.weekly import PeriodSum, sum_campaign_ms
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.core.ids import AiringId, CampaignId, ColumnId, StationId
from broadcaster.core.model import Campaign, Station, StationContact
from broadcaster.core.schedules import Schedules
from broadcaster.wire.journal import Ending, Happening
from tests.unit.makers import START, make_airing, make_entry, make_programme, make_schedules

MONDAY, SUNDAY = date(2023, 10, 9), date(2023, 10, 15)
A, B = StationId("a"), StationId("b")
CAMPAIGN = Campaign(
    CampaignId("cds"), "CĐS", date(2023, 10, 1), date(2023, 10, 10), (date(2023, 9, 1), date(2023, 9, 14)),
    (ColumnId("thoi-su"),),
)  # fmt: skip
WHOLE = (Verdict.FULL, Cause.NONE, 60_000)
SILENT = (Verdict.NO_JOURNAL, Cause.STATION_OFF, 0)


def make_names() -> Schedules:
    stations = (Station(A, "Xã A", phone="0912 345 678"), Station(B, "Xã B"))
    return dataclasses.replace(make_schedules(stations=stations), campaigns=(CAMPAIGN,))


def make_outcome(
    name: str,
    station: StationId,
    what: tuple[Verdict, Cause, int],
    *,
    hours: int = 0,
    column: str = "thoi-su",
    campaign: CampaignId | None = None,
    is_repeat: bool = False,
) -> Outcome:
    airing = dataclasses.replace(
        make_airing(name, START + timedelta(hours=hours)),
        station=station,
        column=ColumnId(column),
        campaign=campaign,
        is_repeat=is_repeat,
    )
    verdict, cause, played_ms = what
    return Outcome(airing, verdict, cause, played_ms, 0.0 if played_ms else None, None, "")


def close(period: PeriodSum) -> Report:
    programmes = [make_programme("tin"), make_programme("lua", "nong-nghiep", date(2023, 9, 1))]
    gone = StationContact(A, reached_at=START, failed_at=START + timedelta(hours=1), message="no answer")
    return period.close(programmes, {}, {A: gone}, {CAMPAIGN.id: 120_000})


def make_week(scope: Scope = EVERYTHING, max_listed: int = 100) -> Report:
    period = PeriodSum(make_names(), MONDAY, SUNDAY, START + timedelta(days=7), scope, max_listed)
    mine = [make_outcome("1", A, WHOLE), make_outcome("2", A, SILENT, hours=24, is_repeat=True)]
    yours = [
        make_outcome("1", B, WHOLE, campaign=CAMPAIGN.id, column="nong-nghiep"),
        make_outcome("3", B, WHOLE, hours=1, is_repeat=True),
        make_outcome("4", B, WHOLE, hours=2, column="nong-nghiep"),
    ]
    for station, outcomes in ((A, mine), (B, yours)):
        if scope.stations is None or station in scope.stations:
            period.add_station(station, outcomes, pending=1)
    return close(period)


def test_every_view_of_a_week_adds_up_to_the_same_minutes() -> None:
    report = make_week()
    assert (report.total.planned, report.total.played_dmin, report.pending) == (5, 40, 2)
    assert sum(row.new_dmin + row.repeat_dmin for row in report.columns) == 40
    for rows in (report.days, report.hours):
        assert sum(row.played_dmin for row in rows) == 40
        assert sum(row.planned for row in rows) == 5
        assert sum(row.missed for row in rows) == 1
    assert sum(row.new_dmin + row.repeat_dmin for row in report.programmes) == 40


def test_what_has_no_column_or_one_that_is_gone_has_a_row_of_its_own() -> None:
    period = PeriodSum(make_names(), MONDAY, SUNDAY, START + timedelta(days=7))
    ident = make_outcome("1", A, WHOLE)
    ident = dataclasses.replace(ident, airing=dataclasses.replace(ident.airing, column=None))
    gone = CampaignId("gone")
    period.add_station(A, [ident, make_outcome("2", A, WHOLE, column="ngay-xua", campaign=gone)])
    report = close(period)
    assert [(row.id, row.new_dmin) for row in report.columns if row.airings] == [("ngay-xua", 10), ("", 10)]
    assert [(row.id, row.new_dmin) for row in report.campaigns if row.airings] == [("gone", 10)]
    columns = list_annexes(report, make_names(), VIETNAMESE)[1]
    assert columns.list_texts(VIETNAMESE)[-1][1] == "Không thuộc chuyên mục nào"
    assert columns.sum_column(8) == report.total.played_dmin / 10


def test_days_and_hours_are_those_of_the_wall_clock() -> None:
    report = make_week()
    assert [(row.on, row.planned) for row in report.days] == [(MONDAY, 4), (MONDAY + timedelta(days=1), 1)]
    assert [(row.weekday, row.hour, row.missed) for row in report.hours] == [
        (0, 17, 0), (0, 18, 0), (0, 19, 0), (1, 17, 1),
    ]  # fmt: skip


def test_produced_and_aired_new_and_repeat_stand_apart() -> None:
    (tin,) = [row for row in make_week().programmes if row.programme == "tin"]
    assert (tin.produced_dmin, tin.planned, tin.airings, tin.new_dmin, tin.repeat_dmin) == (10, 5, 4, 30, 10)
    assert tin.after is not None
    assert (tin.after.integrated_lufs, tin.stations_played) == (-23.0, 2)


def test_campaign_is_compared_with_its_baseline_week_against_week() -> None:
    (row,) = make_week().campaigns
    assert (row.airings, row.new_dmin) == (1, 10)
    assert row.comparison is not None
    # 2 minutes in 14 days before; in the 2 days that it has here its own minute and two of the column it is compared by
    assert (row.comparison.before_dmin, row.comparison.before_days) == (20, 14)
    assert (row.comparison.after_dmin, row.comparison.after_days) == (30, 2)
    assert row.comparison.before_per_week_min() == 1.0
    assert row.comparison.after_per_week_min() == 10.5
    change = row.comparison.change_percent()
    assert change is not None
    assert round(change) == 950
    for before_dmin, before_min in ((0, 0.0), (None, None)):  # nothing was aired; nothing is known
        other = dataclasses.replace(row.comparison, before_dmin=before_dmin)
        assert (other.before_per_week_min(), other.change_percent()) == (before_min, None)


def test_campaign_that_ends_in_the_period_is_compared_over_its_own_days() -> None:
    period = PeriodSum(make_names(), MONDAY, SUNDAY, START + timedelta(days=7))  # it ends on Tuesday
    period.add_station(A, [make_outcome("1", A, WHOLE), make_outcome("2", A, WHOLE, hours=3 * 24)])
    (row,) = close(period).campaigns
    assert row.comparison is not None
    assert (row.comparison.after_dmin, row.comparison.after_days) == (10, 2)


def test_airing_of_campaign_and_compared_column_counts_once() -> None:
    both = make_outcome("1", A, WHOLE, campaign=CAMPAIGN.id)
    assert sum_campaign_ms(CAMPAIGN, [both, make_outcome("2", A, WHOLE, column="nong-nghiep")]) == 60_000


def test_scope_leaves_other_stations_and_campaigns_out() -> None:
    one = make_week(Scope(stations=frozenset({A}), title="Xã A"))
    assert [row.station for row in one.stations] == [A]
    assert one.total.played_dmin == 10
    campaign = make_week(Scope(campaign=CAMPAIGN.id))
    assert (campaign.total.planned, campaign.total.played_dmin, campaign.pending) == (1, 10, 0)
    assert len(campaign.stations) == 2


def test_silent_station_is_on_the_list_to_telephone() -> None:
    (call,) = make_week().calls
    assert (call.name, call.phone, call.airings, call.causes) == ("Xã A", "0912 345 678", 1, ())


def test_who_has_to_be_telephoned_and_why() -> None:
    refused, missed = (Verdict.NOT_PLAYED, Cause.REFUSED, 0), (Verdict.NOT_PLAYED, Cause.STATION_OFF, 0)
    not_ours = (Verdict.NOT_PLAYED, Cause.NOT_PUBLISHED, 0)
    told = {}
    for name, judged, breaks in (
        ("all heard", [WHOLE, WHOLE], ()),
        ("half missed", [WHOLE, missed], ()),
        ("mostly missed", [WHOLE, missed, missed], ()),
        ("the centre gave nothing", [WHOLE, not_ours, not_ours], ()),
        ("refused", [WHOLE, WHOLE, refused], ()),
        ("broken chain", [WHOLE], ("journal: log aa: line 9 follows line 7",)),
    ):
        period = PeriodSum(make_names(), MONDAY, SUNDAY, START + timedelta(days=7), Scope(frozenset({A})))
        period.add_station(A, [make_outcome(str(number), A, one) for number, one in enumerate(judged)])
        report = period.close([], {A: breaks} if breaks else {}, {}, {})
        calls = list_annexes(report, make_names(), VIETNAMESE)[7]
        told[name] = [row[2] for row in calls.list_texts(VIETNAMESE)]
    assert told == {
        "all heard": [],
        "half missed": [],
        "mostly missed": ["Phát chưa được nửa thời lượng theo lịch"],
        "the centre gave nothing": [],
        "refused": ["Đài từ chối tệp"],
        "broken chain": ["Nhật ký không liền mạch (nhật ký, dòng 9 đứng ngay sau dòng 7)"],
    }


def test_too_many_airings_are_summed_and_not_listed() -> None:
    report = make_week(max_listed=4)
    assert (report.unlisted, report.outcomes, report.differences) == (5, (), ())
    assert report.total.planned == 5
    assert [(row.cause, row.airings, row.stations) for row in report.causes] == [(Cause.STATION_OFF, 1, ("Xã A",))]
    annexes = list_annexes(report, make_names(), VIETNAMESE)
    assert [annex.slug for annex in annexes if "quá nhiều để liệt kê" in "".join(annex.notes)] == [
        "sai-lech", "luot-phat",
    ]  # fmt: skip


def test_emergency_order_is_counted_and_is_no_stranger() -> None:
    period = PeriodSum(make_names(), MONDAY, SUNDAY, START)
    order = dataclasses.replace(make_airing("order-lu-quet-01"), station=A)
    told = make_entry(Happening.END, order, output_ms=20_000, ending=Ending.COMPLETE)
    stranger = dataclasses.replace(told, airing=AiringId("x"))
    journal = {(A, entry.airing): [entry] for entry in (told, stranger)}
    period.add_station(A, [], unplanned=match_unplanned([], journal))
    report = close(period)
    assert [(row.station, row.order, row.played_ms) for row in report.emergencies] == [(A, "order-lu-quet-01", 20_000)]
    assert report.total.emergencies == 1
    assert [(one.airing.id, one.verdict, one.played_ms) for one in report.unplanned] == [
        ("x", Verdict.NOT_PLANNED, 20_000)
    ]
    assert (report.total.others, report.total.others_dmin, report.total.planned) == (1, 3, 0)
    annexes = {one.slug: one.list_texts(VIETNAMESE) for one in list_annexes(report, make_names(), VIETNAMESE)}
    for slug in ("sai-lech", "luot-phat"):
        ((*_, verdict, seconds, cause),) = [row[:8] for row in annexes[slug]]
        assert (verdict, seconds, cause) == ("Ngoài kế hoạch", "20", "Không có trong kế hoạch của trung tâm")
    assert annexes["theo-xa"][0][-1] == "Ngoài kế hoạch 1 lượt, 0,3 phút"


def test_communes_own_item_stands_in_its_own_annex_and_counts_in_no_other_figure() -> None:
    period = PeriodSum(make_names(), MONDAY, SUNDAY, START)
    own = dataclasses.replace(make_airing("local-hop-thon-20231009-1-0a1b2c3d"), station=A, title="Họp thôn")
    told = dataclasses.replace(
        make_entry(Happening.END, own, output_ms=90_000, ending=Ending.COMPLETE), title="Họp thôn", is_local=True
    )
    unplanned = match_unplanned([], {(A, own.id): [told]})
    period.add_station(A, [make_outcome("1", A, WHOLE)], unplanned=unplanned)
    report = close(period)
    assert [(row.name, row.title, row.played_ms) for row in report.local] == [("Xã A", "Họp thôn", 90_000)]
    assert (report.unplanned, report.total.planned, report.total.played_dmin) == ((), 1, 10)
    annex = next(one for one in list_annexes(report, make_names(), VIETNAMESE) if one.slug == "noi-dung-xa")
    assert annex.list_texts(VIETNAMESE) == [("09/10/2023", "17:00:00", "17:00:00", "Xã A", "Họp thôn", "90")]

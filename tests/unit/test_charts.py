"""The charts of a report: every bar and cell tells the figure that it draws."""

from __future__ import annotations

import dataclasses
import re
from datetime import date, timedelta
from html import unescape

from broadcaster.airtime.charts import BLUE, LIGHT, SHADES, SHOWN_ROWS, WHITE, Chart, draw_charts
from broadcaster.airtime.figures import Report
from broadcaster.airtime.reconcile import Cause, Outcome, Verdict
from broadcaster.airtime.weekly import sum_report
from broadcaster.airtime.words import VIETNAMESE
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from tests.unit.makers import AN_NONG, START, ZONE, make_airing, make_schedules
from tests.unit.test_documents import make_schedules_of_34, make_week

MONDAY = date(2023, 10, 9)


def make_report(outcomes: list[Outcome], days: int = 1, stations: tuple[Station, ...] | None = None) -> Report:
    schedules = make_schedules(stations=stations)
    last_on = MONDAY + timedelta(days=days - 1)
    return sum_report(schedules, MONDAY, last_on, START, outcomes, [], [], {}, pending=0)


def make_outcome(verdict: Verdict, played_ms: int, number: int = 0, station: StationId = AN_NONG) -> Outcome:
    airing = dataclasses.replace(make_airing(f"a{number}", START, 60_000), station=station)
    return Outcome(airing, verdict, Cause.NONE, played_ms, None, None, "")


def list_texts(chart: Chart) -> list[str]:
    without_tips = re.sub("<title>.*?</title>", "", chart.svg)
    return [unescape(text) for text in re.findall("<text[^>]*>(.*?)</text>", without_tips)]


def list_fills(chart: Chart) -> list[str]:
    return re.findall('<rect[^>]*fill="(.*?)"', chart.svg)


def test_bars_tell_the_minutes_of_their_rows() -> None:
    report = make_week(make_schedules_of_34(), 1)
    by_station, by_column, by_day, _ = draw_charts(report, ZONE, VIETNAMESE)
    told = [f"{VIETNAMESE.format_minutes(row.played_dmin)} / {VIETNAMESE.format_minutes(row.planned_dmin)}"
            for row in report.stations]  # fmt: skip
    assert list_texts(by_station)[1::2] == told
    assert list_texts(by_column)[0::2] == ["Thời sự", "Nông nghiệp"]
    assert list_texts(by_day)[0::2] == [f"{day:02d}/10" for day in range(9, 16)]


def test_what_no_journal_tells_of_is_marked_and_never_drawn_as_missing() -> None:
    *_, gaps = draw_charts(make_report([make_outcome(Verdict.NO_JOURNAL, 0)]), ZONE, VIETNAMESE)
    assert list_fills(gaps) == ["#fff"]
    assert "?" in list_texts(gaps)
    *_, gaps = draw_charts(make_report([make_outcome(Verdict.NOT_PLAYED, 0)]), ZONE, VIETNAMESE)
    assert list_fills(gaps) == [SHADES[-1]]
    assert "?" not in list_texts(gaps)
    both = [make_outcome(Verdict.FULL, 60_000), make_outcome(Verdict.NO_JOURNAL, 0, 1)]
    *_, gaps = draw_charts(make_report(both), ZONE, VIETNAMESE)
    assert list_fills(gaps) == [SHADES[0]]
    assert "?" in list_texts(gaps)
    by_station, _, by_day, _ = draw_charts(make_report(both), ZONE, VIETNAMESE)
    for chart in (by_station, by_day):
        widths = re.findall('width="([0-9.]+)" height="[0-9.]+" fill', chart.svg)
        assert list_fills(chart) == [LIGHT, WHITE, BLUE]
        assert float(widths[0]) == 2 * float(widths[1]) == 2 * float(widths[2])


def test_long_periods_are_drawn_by_week_and_many_stations_by_the_worst() -> None:
    stations = tuple(Station(StationId(f"xa-{n}"), f"Xã có tên rất dài & <lạ> số {n} trong huyện") for n in range(100))
    outcomes = [
        make_outcome(Verdict.SHORT, 60_000 - 600 * number, number, station.id)
        for number, station in enumerate(stations)
    ]
    by_station, _, by_week, gaps = draw_charts(make_report(outcomes, 60, stations), ZONE, VIETNAMESE)
    assert by_week.title == VIETNAMESE.chart_by_week
    assert list_texts(by_week)[0] == "2023-W41"
    assert by_station.note == gaps.note == f"Chỉ vẽ {SHOWN_ROWS} đài thiếu nhiều nhất trong 100 đài."
    names = list_texts(by_station)[0::2]
    assert len(names) == SHOWN_ROWS
    assert all(len(name) <= 30 for name in names)
    assert re.search("&amp; &lt;lạ&gt; số 99", by_station.svg)


def test_period_without_airings_has_no_charts() -> None:
    assert draw_charts(make_report([]), ZONE, VIETNAMESE) == []

"""The report of the sample campaign week: what its made-up faults must come to, added up by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from broadcaster.centre.editions import write_report
from broadcaster.centre.reports import order_week
from tests.sample_week import MADE_AT, MONDAY, fill_week, init_sample


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    workspace, schedules = init_sample(tmp_path_factory.mktemp("week"))
    with workspace.open_record() as record:
        fill_week(workspace, record, schedules)
        files = write_report(workspace, record, schedules, order_week(MONDAY), MADE_AT).files
    return {path.stem.removeprefix("bao-cao-2023-W40-"): read_rows(path) for path in files.csv}


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_fault_stands_at_its_station(tables: dict[str, list[dict[str, str]]]) -> None:
    counts = ("CT theo lịch", "Phát đủ", "Phát thiếu", "Không phát", "Chưa có nhật ký")
    rows = {row["Xã, thị trấn"]: [row[name] for name in counts] for row in tables["theo-xa"]}
    assert len(rows) == 35
    faults = {name: found for name, found in rows.items() if found[0] != found[1]}
    assert faults == {
        # Off from Tuesday 17:04 until Wednesday 6:00: the news cut short, two programmes and the repeat not played.
        "Xã Đồng Lợi": ["52", "45", "1", "6", "0"],
        # No journal since Thursday noon.
        "Xã Thọ Tân": ["52", "25", "0", "0", "27"],
        # Nothing of Saturday and Sunday delivered: three times five airings, the ident with each.
        "Xã Dân Lý": ["52", "37", "0", "15", "0"],
        # The player failed in both airings of one Sunday programme's day.
        "Xã Bình Sơn": ["52", "50", "2", "0", "0"],
        "TỔNG CỘNG": ["1.768", "1.717", "3", "21", "27"],
    }


def test_column_and_campaign_count_what_was_made_and_what_was_heard(tables: dict[str, list[dict[str, str]]]) -> None:
    news, digital, *_ = tables["chuyen-muc"]
    assert (news["Số CT"], news["Số tin, bài"], news["Phút sản xuất"]) == ("7", "42", "59,5")
    campaign, total = tables["dot-tuyen-truyen"]
    assert total["Tổng phút"] == campaign["Tổng phút"]
    assert [campaign[name] for name in list(digital)[2:]] == list(digital.values())[2:]
    assert (campaign["Số CT"], campaign["Phút sản xuất"], campaign["Số xã đã phát/tổng số xã"]) == (
        "7",
        "36,4",
        "34/34",
    )


def test_causes_tell_power_from_delivery_from_silence(tables: dict[str, list[dict[str, str]]]) -> None:
    causes: dict[str, set[str]] = {}
    for row in tables["sai-lech"]:
        causes.setdefault(row["Xã"], set()).add(row["Nguyên nhân"])
    assert causes["Xã Đồng Lợi"] == {"Đài tắt hoặc mất điện"}
    assert causes["Xã An Nông"] == {"Bắt đầu muộn"}
    assert causes["Xã Bình Sơn"] == {"Thiết bị phát lỗi"}
    assert "Chưa thu được nhật ký" in causes["Xã Thọ Tân"]
    assert "Đài chưa nhận được tệp" in causes["Xã Dân Lý"]

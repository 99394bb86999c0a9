"""Numbers, dates and the words of a report, the Vietnamese way (Decree 30/2020/NĐ-CP). Pure."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcaster.airtime.reconcile import Cause, Verdict

VERDICTS = {
    Verdict.FULL: "Phát đủ",
    Verdict.LATE: "Phát đủ, sai giờ",
    Verdict.SHORT: "Phát thiếu",
    Verdict.CUT: "Bị cắt (khẩn cấp)",
    Verdict.NOT_PLAYED: "Không phát",
    Verdict.NO_JOURNAL: "Chưa có nhật ký",
}

CAUSES = {
    Cause.NONE: "",
    Cause.NOT_PUBLISHED: "Trung tâm chưa ban hành kế hoạch phát",
    Cause.PLAN_NOT_DELIVERED: "Đài chưa nhận kế hoạch phát",
    Cause.NOT_DELIVERED: "Đài chưa nhận được tệp",
    Cause.REFUSED: "Đài từ chối tệp",
    Cause.STATION_OFF: "Đài tắt hoặc mất điện",
    Cause.STARTED_LATE: "Bắt đầu muộn",
    Cause.CUT: "Nhường bản tin khẩn cấp",
    Cause.STOPPED: "Dừng để phát mục sau",
    Cause.PLAYER: "Thiết bị phát lỗi",
    Cause.CLOCK_OFF: "Đồng hồ đài sai",
    Cause.QUIET_HOURS: "Rơi vào giờ yên tĩnh",
    Cause.NO_JOURNAL_YET: "Chưa thu được nhật ký",
}


def format_number(value: float, decimals: int = 0) -> str:
    """Write a number with a point between thousands and a comma before decimals.

    >>> format_number(1340), format_number(12.5, 1)
    ('1.340', '12,5')
    """
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def format_minutes(tenths: int) -> str:
    """Write tenths of a minute as minutes.

    >>> format_minutes(13405), format_minutes(20)
    ('1.340,5', '2')
    """
    return format_number(tenths / 10, 1 if tenths % 10 else 0)


def format_date(on: date) -> str:
    """Write a date.

    >>> format_date(date(2023, 10, 9))
    '09/10/2023'
    """
    return f"{on:%d/%m/%Y}"


def format_long_date(on: date) -> str:
    """Write a date for the head of an official document: a zero before days under 10 and months 1 and 2 only.

    >>> format_long_date(date(2023, 10, 9)), format_long_date(date(2024, 2, 12)), format_long_date(date(2024, 3, 1))
    ('ngày 09 tháng 10 năm 2023', 'ngày 12 tháng 02 năm 2024', 'ngày 01 tháng 3 năm 2024')
    """
    month = f"{on.month:02d}" if on.month <= 2 else str(on.month)
    return f"ngày {on.day:02d} tháng {month} năm {on.year}"


def format_clock(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write the wall time of an instant to the second; "" for None."""
    return "" if moment is None else f"{moment.astimezone(zone):%H:%M:%S}"

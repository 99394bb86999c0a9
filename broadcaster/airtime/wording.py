"""The words of a report in each language, and numbers and dates as it writes them. Pure.

Sources:
    Decree 30/2020/NĐ-CP for the Vietnamese document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcaster.airtime.reconcile import Cause, Verdict


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words. Heads of a table stand in the order of its columns; `annexes` are sheet, title and file
    name."""

    code: str
    stem: str
    title: str
    thousands: str
    decimal: str
    verdicts: Mapping[Verdict, str]
    causes: Mapping[Cause, str]
    station_heads: tuple[str, ...]
    theme_heads: tuple[str, ...]
    campaign_heads: tuple[str, ...]
    difference_heads: tuple[str, ...]
    programme_heads: tuple[str, ...]
    hour_heads: tuple[str, ...]
    emergency_heads: tuple[str, ...]
    call_heads: tuple[str, ...]
    local_heads: tuple[str, ...]
    annexes: tuple[tuple[str, str, str], ...]
    weekdays: tuple[str, ...]
    total: str
    nothing: str
    vehicle: str
    declared: str
    correction: str
    phone: str
    charts: str
    chart_by_station: str
    chart_by_column: str
    chart_by_day: str
    chart_by_week: str
    chart_gaps: str
    chart_left_out: str
    planned: str
    aired: str
    aired_new: str
    aired_again: str
    all_heard: str
    half_missing: str
    nothing_heard: str
    no_journal_yet: str

    def format_number(self, value: float, decimals: int = 0) -> str:
        """Write a number.

        >>> VIETNAMESE.format_number(1340), VIETNAMESE.format_number(12.5, 1), ENGLISH.format_number(1340.5, 1)
        ('1.340', '12,5', '1,340.5')
        """
        return f"{value:,.{decimals}f}".translate(str.maketrans(",.", self.thousands + self.decimal))

    def format_minutes(self, tenths: int) -> str:
        """Write tenths of a minute as minutes.

        >>> VIETNAMESE.format_minutes(13405), VIETNAMESE.format_minutes(20), ENGLISH.format_minutes(13405)
        ('1.340,5', '2', '1,340.5')
        """
        return self.format_number(tenths / 10, 1 if tenths % 10 else 0)

    def format_long_date(self, on: date) -> str:
        """Write a date for the head of a document: a zero before days under 10 and months 1 and 2 only.

        >>> VIETNAMESE.format_long_date(date(2023, 10, 9)), VIETNAMESE.format_long_date(date(2024, 2, 12))
        ('ngày 09 tháng 10 năm 2023', 'ngày 12 tháng 02 năm 2024')
        >>> VIETNAMESE.format_long_date(date(2024, 3, 1)), ENGLISH.format_long_date(date(2024, 3, 1))
        ('ngày 01 tháng 3 năm 2024', '1 March 2024')
        """
        if self.code == "en":
            return f"{on.day} {ENGLISH_MONTHS[on.month - 1]} {on.year}"
        month = f"{on.month:02d}" if on.month <= 2 else str(on.month)
        return f"ngày {on.day:02d} tháng {month} năm {on.year}"


ENGLISH_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                  "November", "December")  # fmt: skip


def format_date(on: date) -> str:
    """Write a date as both languages do.

    >>> format_date(date(2023, 10, 9))
    '09/10/2023'
    """
    return f"{on:%d/%m/%Y}"


def format_clock(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write the wall time of an instant to the second; "" for None."""
    return "" if moment is None else f"{moment.astimezone(zone):%H:%M:%S}"


def format_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant as date and wall time to the minute; "" for None."""
    return "" if moment is None else f"{moment.astimezone(zone):%d/%m/%Y %H:%M}"


VIETNAMESE = Wording(
    code="vi",
    stem="bao-cao",
    title="Báo cáo thời lượng phát sóng",
    thousands=".",
    decimal=",",
    verdicts={
        Verdict.FULL: "Phát đủ",
        Verdict.LATE: "Phát đủ, sai giờ",
        Verdict.SHORT: "Phát thiếu",
        Verdict.CUT: "Bị cắt (khẩn cấp)",
        Verdict.STAND_IN: "Phát chương trình thay thế",
        Verdict.NOT_PLAYED: "Không phát",
        Verdict.NO_JOURNAL: "Chưa có nhật ký",
    },
    causes={
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
        Cause.GAVE_WAY: "Nhường nội dung ưu tiên hơn",
        Cause.NOT_MEANT: "Thử hoặc diễn tập",
        Cause.NO_JOURNAL_YET: "Chưa thu được nhật ký",
    },
    station_heads=(
        "STT", "Xã, thị trấn", "Số cụm loa", "CT theo lịch", "Phát đủ", "Phát thiếu", "Không phát", "Chưa có nhật ký",
        "Phút theo lịch", "Phút thực phát", "Tỷ lệ %", "Khẩn cấp", "Ghi chú",
    ),
    theme_heads=(
        "STT", "Chuyên mục", "Số CT", "Số tin, bài", "Phút sản xuất", "Lượt phát", "Phút phát mới", "Phút phát lại",
        "Tổng phút", "Số xã đã phát/tổng số xã",
    ),
    campaign_heads=(
        "STT", "Đợt tuyên truyền", "Số CT", "Số tin, bài", "Phút sản xuất", "Lượt phát", "Phút phát mới",
        "Phút phát lại", "Tổng phút", "Số xã đã phát/tổng số xã", "Phút/tuần kỳ nền", "Phút/tuần trong kỳ",
        "Tăng, giảm %",
    ),
    difference_heads=(
        "Ngày", "Giờ lịch", "Giờ thực", "Xã", "Chương trình", "Loại sai lệch", "Lệch (giây)", "Nguyên nhân",
    ),
    programme_heads=(
        "STT", "Chương trình", "Chuyên mục", "Ngày", "Phút sản xuất", "Lượt theo lịch", "Lượt phát", "Phút phát mới",
        "Phút phát lại", "Số xã đã phát", "Độ lớn trước → sau (LUFS)", "Đỉnh (dBTP)",
    ),
    hour_heads=(
        "Thứ", "Khung giờ", "Lượt theo lịch", "Không phát hoặc chưa rõ", "Phút theo lịch", "Phút thực phát", "Tỷ lệ %",
    ),
    emergency_heads=("Ngày", "Giờ", "Xã", "Bản tin khẩn cấp", "Đã phát (giây)"),
    call_heads=("Xã", "Điện thoại", "Lượt chưa có nhật ký", "Nhật ký đến", "Liên lạc lần cuối"),
    local_heads=("Ngày", "Giờ lịch", "Giờ thực", "Xã", "Nội dung của xã", "Đã phát (giây)"),
    annexes=(
        ("Phụ lục I", "Phụ lục I. Theo xã, thị trấn", "theo-xa"),
        ("Phụ lục II", "Phụ lục II. Theo chuyên mục", "chuyen-muc"),
        ("Phụ lục III", "Phụ lục III. Theo đợt tuyên truyền", "dot-tuyen-truyen"),
        ("Phụ lục IV", "Phụ lục IV. Sai lệch so với lịch", "sai-lech"),
        ("Phụ lục V", "Phụ lục V. Theo chương trình", "chuong-trinh"),
        ("Phụ lục VI", "Phụ lục VI. Theo khung giờ", "khung-gio"),
        ("Phụ lục VII", "Phụ lục VII. Bản tin khẩn cấp", "khan-cap"),
        ("Phụ lục VIII", "Phụ lục VIII. Đài cần gọi điện", "can-goi"),
        ("Phụ lục IX", "Phụ lục IX. Nội dung của xã", "noi-dung-xa"),
        ("Lượt phát", "Mọi lượt phát trong kỳ", "luot-phat"),
    ),
    weekdays=("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật"),
    total="TỔNG CỘNG",
    nothing="Không có.",
    vehicle="Xe lưu động",
    declared="Tự khai {airings} lượt, {minutes} phút",
    correction="Bản {edition}, thay bản {earlier} lập lúc {at}: nhật ký về muộn đã sửa thời lượng thực phát từ "
    "{before} thành {after} phút.",
    phone="ĐT",
    charts="Biểu đồ",
    chart_by_station="Thời lượng theo xã, thị trấn (phút)",
    chart_by_column="Thời lượng theo chuyên mục (phút)",
    chart_by_day="Theo lịch và thực phát từng ngày (phút)",
    chart_by_week="Theo lịch và thực phát từng tuần (phút)",
    chart_gaps="Thời lượng còn thiếu theo xã và thời gian",
    chart_left_out="Chỉ vẽ {shown} đài thiếu nhiều nhất trong {all} đài.",
    planned="theo lịch",
    aired="thực phát",
    aired_new="phát mới",
    aired_again="phát lại",
    all_heard="phát đủ",
    half_missing="thiếu một nửa",
    nothing_heard="không phát",
    no_journal_yet="chưa có nhật ký",
)  # fmt: skip

ENGLISH = Wording(
    code="en",
    stem="airtime-report",
    title="Airtime report",
    thousands=",",
    decimal=".",
    verdicts={
        Verdict.FULL: "Played in full",
        Verdict.LATE: "In full, off time",
        Verdict.SHORT: "Short",
        Verdict.CUT: "Cut by an emergency",
        Verdict.STAND_IN: "Another in its place",
        Verdict.NOT_PLAYED: "Not played",
        Verdict.NO_JOURNAL: "No journal yet",
    },
    causes={
        Cause.NONE: "",
        Cause.NOT_PUBLISHED: "The centre published no plan",
        Cause.PLAN_NOT_DELIVERED: "The plan had not reached the station",
        Cause.NOT_DELIVERED: "The file had not reached the station",
        Cause.REFUSED: "The station refused the file",
        Cause.STATION_OFF: "Station off or without power",
        Cause.STARTED_LATE: "Started late",
        Cause.CUT: "Gave way to an emergency",
        Cause.STOPPED: "Stopped for the next item",
        Cause.PLAYER: "The player failed",
        Cause.CLOCK_OFF: "The station's clock is off",
        Cause.QUIET_HOURS: "Fell into quiet hours",
        Cause.GAVE_WAY: "Gave way to another item",
        Cause.NOT_MEANT: "Test or exercise",
        Cause.NO_JOURNAL_YET: "No journal collected yet",
    },
    station_heads=(
        "No.", "Commune", "Loudspeaker clusters", "Planned", "In full", "Short", "Not played", "No journal yet",
        "Minutes planned", "Minutes aired", "Share %", "Emergencies", "Note",
    ),
    theme_heads=(
        "No.", "Column", "Programmes", "News items", "Minutes produced", "Airings", "Minutes new", "Minutes repeated",
        "Minutes in all", "Communes aired/all",
    ),
    campaign_heads=(
        "No.", "Campaign", "Programmes", "News items", "Minutes produced", "Airings", "Minutes new",
        "Minutes repeated", "Minutes in all", "Communes aired/all", "Minutes a week before", "Minutes a week in it",
        "Change %",
    ),
    difference_heads=(
        "Date", "Planned", "Real", "Commune", "Programme", "Difference", "By (s)", "Cause",
    ),
    programme_heads=(
        "No.", "Programme", "Column", "Date", "Minutes produced", "Planned", "Airings", "Minutes new",
        "Minutes repeated", "Communes aired", "Loudness before → after (LUFS)", "Peak (dBTP)",
    ),
    hour_heads=("Weekday", "Hour", "Planned", "Not played or unknown", "Minutes planned", "Minutes aired", "Share %"),
    emergency_heads=("Date", "Time", "Commune", "Emergency message", "Played (s)"),
    call_heads=("Commune", "Telephone", "Airings without a journal", "Journal until", "Last reached"),
    local_heads=("Date", "Planned", "Real", "Commune", "The commune's own item", "Played (s)"),
    annexes=(
        ("Annex I", "Annex I. By commune", "by-commune"),
        ("Annex II", "Annex II. By column", "by-column"),
        ("Annex III", "Annex III. By campaign", "by-campaign"),
        ("Annex IV", "Annex IV. Differences from the plan", "differences"),
        ("Annex V", "Annex V. By programme", "by-programme"),
        ("Annex VI", "Annex VI. By hour", "by-hour"),
        ("Annex VII", "Annex VII. Emergency messages", "emergencies"),
        ("Annex VIII", "Annex VIII. Stations to be telephoned", "to-call"),
        ("Annex IX", "Annex IX. The communes' own items", "communes-own"),
        ("Airings", "All airings of the period", "airings"),
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    total="TOTAL",
    nothing="None.",
    vehicle="Vehicle",
    declared="Self-declared: {airings} airings, {minutes} minutes",
    correction="Edition {edition}, in place of edition {earlier} made at {at}: journals that came late changed the "
    "minutes heard from {before} to {after}.",
    phone="tel.",
    charts="Charts",
    chart_by_station="Airtime by commune (minutes)",
    chart_by_column="Airtime by column (minutes)",
    chart_by_day="Planned and aired, day by day (minutes)",
    chart_by_week="Planned and aired, week by week (minutes)",
    chart_gaps="What is missing, by commune and time",
    chart_left_out="Only the {shown} stations with the most missing, of {all}.",
    planned="planned",
    aired="aired",
    aired_new="new",
    aired_again="repeated",
    all_heard="all heard",
    half_missing="half missing",
    nothing_heard="nothing heard",
    no_journal_yet="no journal yet",
)  # fmt: skip

WORDINGS = {words.code: words for words in (VIETNAMESE, ENGLISH)}

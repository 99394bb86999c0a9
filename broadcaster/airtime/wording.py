"""What a language has to say for a report, and numbers and dates as it writes them. Pure.

Sources:
    Decree 30/2020/NĐ-CP for the Vietnamese document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from broadcaster.airtime.reconcile import Cause, Verdict

NAMED_BREAKS = 3


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words. Heads of a table stand in the order of its columns; `annexes` are sheet, title and file
    name. `breaks` are the findings on journals as `wire` words them, and how a reader is told."""

    code: str
    stem: str
    title: str
    motto: tuple[str, ...]
    number: str
    letter: str
    subject: str
    recipients: str
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
    call_silent: str
    call_broken: str
    call_missed: str
    local_heads: tuple[str, ...]
    airing_heads: tuple[str, ...]
    annexes: tuple[tuple[str, str, str], ...]
    weekdays: tuple[str, ...]
    total: str
    nothing: str
    vehicle: str
    declared: str
    typed_in: str
    others: str
    no_column: str
    correction: str
    attached: str
    note_stations: str
    note_themes: str
    note_campaigns: str
    note_loudness: str
    note_unplanned: str
    baseline: str
    unlisted: str
    more_stations: str
    more_places: str
    journal: str
    breaks: tuple[tuple[str, str], ...]
    phone: str
    charts: str
    communes: str
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
    period: str
    since: str

    def call_communes(self, name: str) -> Wording:
        """Call the communes of annex I as an office does, in Vietnamese; "" leaves the words as they are.

        >>> from broadcaster.airtime.words import VIETNAMESE
        >>> words = VIETNAMESE.call_communes("xã, phường")
        >>> words.station_heads[1], words.annexes[0][1]
        ('Xã, phường', 'Thời lượng phát sóng theo xã, phường')
        """
        if not name or not self.communes:
            return self
        (sheet, title, slug), *annexes = self.annexes
        number, _, *heads = self.station_heads
        return replace(
            self,
            station_heads=(number, name[:1].upper() + name[1:], *heads),
            annexes=((sheet, title.replace(self.communes, name), slug), *annexes),
            chart_by_station=self.chart_by_station.replace(self.communes, name),
        )

    def tell_breaks(self, found: Sequence[str]) -> str:
        """Tell what was found on a station's journal: the first places, and how many more.

        >>> from broadcaster.airtime.words import VIETNAMESE
        >>> VIETNAMESE.tell_breaks(["journal: log aa: line 9 follows line 7"])
        'nhật ký, dòng 9 đứng ngay sau dòng 7'
        """
        told = "; ".join(map(self._tell_break, found[:NAMED_BREAKS]))
        more = len(found) - NAMED_BREAKS
        return f"{told}; {self.more_places.format(more=more)}" if more > 0 else told

    def _tell_break(self, text: str) -> str:
        """Tell a finding in a language's words; one that has none stays as it was found."""
        file, _, found = text.partition(": ")
        place = self.journal if file == "journal" else file
        for pattern, told in self.breaks:
            if match := re.fullmatch(pattern, found):
                return f"{place}, {told.format(*match.groups())}"
        return text

    def format_number(self, value: float, decimals: int = 0) -> str:
        """Write a number.

        >>> from broadcaster.airtime.words import ENGLISH, VIETNAMESE
        >>> VIETNAMESE.format_number(1340), VIETNAMESE.format_number(12.5, 1), ENGLISH.format_number(1340.5, 1)
        ('1.340', '12,5', '1,340.5')
        """
        return f"{value:,.{decimals}f}".translate(str.maketrans(",.", self.thousands + self.decimal))

    def format_minutes(self, tenths: int) -> str:
        """Write tenths of a minute as minutes.

        >>> from broadcaster.airtime.words import ENGLISH, VIETNAMESE
        >>> VIETNAMESE.format_minutes(13405), VIETNAMESE.format_minutes(20), ENGLISH.format_minutes(13405)
        ('1.340,5', '2', '1,340.5')
        """
        return self.format_number(tenths / 10, 1 if tenths % 10 else 0)

    def format_period(self, first_on: date, last_on: date) -> str:
        """Write a span of dates.

        >>> from broadcaster.airtime.words import ENGLISH, VIETNAMESE
        >>> VIETNAMESE.format_period(date(2023, 10, 2), date(2023, 10, 8))
        'ngày 02/10/2023 đến ngày 08/10/2023'
        >>> ENGLISH.format_period(date(2023, 10, 2), date(2023, 10, 8))
        '02/10/2023 to 08/10/2023'
        """
        return self.period.format(first=format_date(first_on), last=format_date(last_on))

    def format_long_date(self, on: date) -> str:
        """Write a date for the head of a document: a zero before days under 10 and months 1 and 2 only.

        >>> from broadcaster.airtime.words import ENGLISH, VIETNAMESE
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
    return "" if moment is None else moment.astimezone(zone).isoformat(" ", "seconds")[11:19]


def format_moment(moment: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant as date and wall time to the minute; "" for None."""
    return "" if moment is None else f"{moment.astimezone(zone):%d/%m/%Y %H:%M}"

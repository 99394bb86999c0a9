"""What the templates of letter and page may name: a report's figures and tables in a language's words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from broadcaster.airtime.annex import Annex
from broadcaster.airtime.annexes import name_share, name_station
from broadcaster.airtime.charts import draw_charts
from broadcaster.airtime.figures import CauseRow, Report, ThemeRow
from broadcaster.airtime.wording import Wording, format_date
from broadcaster.core.schedules import ReportHead, Schedules

NAMED_STATIONS = 10
LETTER_ANNEXES = 4


def list_page_values(
    report: Report, schedules: Schedules, words: Wording, annexes: Sequence[Annex]
) -> dict[str, object]:
    """Give what the templates of the page and of the letter may name.

    `head`, `recipients`, `scope` (which stations or campaign, "" for all), `period`, `made_on`; `report` with its
    figures, `number` to write one, and minutes written already; `silent`, `causes`, `unplanned`, `breaks` for what went
    wrong, `campaigns`; tables as `…_heads`, `…_rows` and `…_total`; `annexes`, `charts`, `correction_note`.
    """
    head = schedules.centre.report
    made_on = words.format_long_date(report.made_at.astimezone(schedules.centre.zone).date())
    stations, columns, campaigns, differences = annexes[:LETTER_ANNEXES]
    return {
        "words": words,
        "report": report,
        "head": head,
        "recipients": head.recipients,
        "scope": report.scope.title,
        "period": words.format_period(report.first_on, report.last_on),
        "made_on": made_on,
        "attached": _name_letter(head, made_on, report.centre, words),
        "station_heads": stations.heads,
        "station_rows": stations.list_texts(words),
        "total_row": stations.list_total(words),
        "theme_heads": columns.heads,
        "column_rows": columns.list_texts(words),
        "column_total": columns.list_total(words),
        "campaign_heads": campaigns.heads,
        "campaign_rows": campaigns.list_texts(words),
        "campaign_total": campaigns.list_total(words),
        "difference_heads": differences.heads,
        "difference_rows": differences.list_texts(words),
        "annexes": [annex for annex in annexes if not annex.is_long],
        "planned_minutes": words.format_minutes(report.total.planned_dmin),
        "played_minutes": words.format_minutes(report.total.played_dmin),
        "declared_minutes": words.format_minutes(report.total.declared_dmin),
        "produced_minutes": words.format_minutes(sum(row.produced_dmin for row in report.columns)),
        "share": name_share(report.total, words),
        "differing": sum(row.airings for row in report.causes),
        "causes": [_tell_cause(row, words) for row in report.causes],
        "campaigns": [_tell_campaign(row, words) for row in report.campaigns],
        "silent": [
            f"{row.name} ({words.phone} {row.phone})" if row.phone else row.name for row in report.calls if row.airings
        ],
        "unplanned": [
            (row.name, words.format_number(row.others), words.format_minutes(row.others_dmin))
            for row in report.stations
            if row.others
        ],
        "breaks": [
            (name_station(schedules, station), words.tell_breaks(found)) for station, found in report.breaks.items()
        ],
        "charts": draw_charts(report, schedules.centre.zone, words.call_communes(head.communes)),
        "correction_note": _note_correction(report, schedules, words),
        "number": words.format_number,
    }


def _name_letter(head: ReportHead, made_on: str, centre: str, words: Wording) -> str:
    """Name the letter that an annex belongs to, its number still to be written."""
    return words.attached.format(number=head.number_suffix or "BC", date=made_on, body=head.issuing_body or centre)


def _tell_cause(row: CauseRow, words: Wording) -> tuple[str, str, str]:
    """Give a cause, how many airings, and at which stations: the first ten by name."""
    names = ", ".join(row.stations[:NAMED_STATIONS])
    more = len(row.stations) - NAMED_STATIONS
    if more > 0:
        names += " " + words.more_stations.format(more=words.format_number(more))
    return words.causes[row.cause], words.format_number(row.airings), names


def _tell_campaign(row: ThemeRow, words: Wording) -> dict[str, object]:
    """Give a campaign's figures as text; before, after and change are "" without a baseline to compare with."""
    found = row.comparison
    change = found.change_percent() if found else None
    before_min = found.before_per_week_min() if found else None
    return {
        "name": row.name,
        "airings": words.format_number(row.airings),
        "minutes": words.format_minutes(row.new_dmin + row.repeat_dmin),
        "new": words.format_minutes(row.new_dmin),
        "repeat": words.format_minutes(row.repeat_dmin),
        "stations": f"{row.stations_played}/{row.stations_total}",
        "baseline": words.format_period(found.first_on, found.last_on) if found else "",
        "before": "" if before_min is None else words.format_number(before_min, 1),
        "after": words.format_number(found.after_per_week_min(), 1) if found else "",
        "change": "" if change is None else words.format_number(abs(change), 1),
        "is_more": change is not None and change >= 0,
    }


def _note_correction(report: Report, schedules: Schedules, words: Wording) -> str:
    """Say which edition this one takes the place of, and how the minutes heard changed; "" for a first edition."""
    found = report.correction
    if found is None:
        return ""
    at = found.made_at.astimezone(schedules.centre.zone)
    before = next((c.before for c in found.changes if not c.station and c.figure == "played_dmin"), None)
    played_dmin = report.total.played_dmin
    return words.correction.format(
        edition=report.edition,
        earlier=found.edition,
        at=f"{at:%H:%M} {format_date(at.date())}",
        before=words.format_minutes(played_dmin if before is None else before),
        after=words.format_minutes(played_dmin),
    )

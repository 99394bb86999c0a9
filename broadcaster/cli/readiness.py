"""`broadcaster readiness`: slot by slot, what is there, approved and delivered, and who is missing."""

from __future__ import annotations

from datetime import timedelta

import click

from broadcaster.centre.slots_ready import read_slots_ready
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import print_json, print_table
from broadcaster.core.time import read_date

SHOWN_STATIONS = 5


@click.command("readiness")
@click.option("--date", "on", help="One date, 2023-10-09 or 09/10/2023; today and tomorrow otherwise.")
@json_option
@click.pass_context
def readiness(context: click.Context, on: str | None, as_json: bool) -> None:
    """Show for every slot that is still to come what it plays, what it misses, and who does not hold it yet.

    Exit code 1 when a slot has nothing to play or a station of it does not hold everything.
    """
    with open_desk(context) as desk:
        zone = desk.schedules.centre.zone
        today = desk.now_at().astimezone(zone).date()
        dates = [read_date(on)] if on else [today, today + timedelta(days=1)]
        found = read_slots_ready(desk.record, desk.schedules, dates, desk.now_at())
    if as_json:
        print_json([
            {"slot": one.occurrence.slot.id, "start_at": one.occurrence.start_at.isoformat(), "ready": one.is_ready(),
             "programmes": [item.id for item in one.occurrence.items], "missing": one.missing,
             "stations": len(one.stations), "delivered": len(one.holding),
             "lacking": [station.id for station in one.lacking]}
            for one in found
        ])  # fmt: skip
    else:
        rows = []
        for one in found:
            names = [station.name for station in one.lacking]
            more = f" and {len(names) - SHOWN_STATIONS} more" if len(names) > SHOWN_STATIONS else ""
            at = one.occurrence.start_at.astimezone(zone)
            rows.append((f"{at:%a %d/%m %H:%M}", one.occurrence.slot.id, "yes" if one.is_ready() else "NO",
                         len(one.occurrence.items), ", ".join(one.missing), f"{len(one.holding)}/{len(one.stations)}",
                         ", ".join(names[:SHOWN_STATIONS]) + more))  # fmt: skip
        heads = ("At", "Slot", "Ready", "Programmes", "Misses", "Delivered", "Not at")
        print_table("", heads, rows, right=(3, 5))
        click.echo(f"{sum(one.is_ready() for one in found)} of {len(found)} slots are ready")
    context.exit(0 if all(one.is_ready() for one in found) else 1)

"""`broadcaster collect`: fetch the journals."""

from __future__ import annotations

import click

from broadcaster.centre.collector import collect_stations
from broadcaster.cli.context import json_option, open_desk
from broadcaster.cli.screen import name_station, print_json


@click.command()
@json_option
@click.pass_context
def collect(context: click.Context, as_json: bool) -> None:
    """Fetch receipts, journals and status of every connected station. Exit code 1 when one was not reached."""
    with open_desk(context) as desk:
        names = {station.id: station.name for station in desk.schedules.stations}
        connected = [one for one in desk.schedules.stations if one.is_connected()]
        found = collect_stations(desk.workspace, desk.record, desk.schedules, connected, desk.clock)
    failed = {station: error for station, error in found.items() if not isinstance(error, int)}
    if as_json:
        print_json({s: v if isinstance(v, int) else {"error": type(v).__name__, "message": v.message}
                    for s, v in found.items()})  # fmt: skip
    else:
        for station, error in failed.items():
            click.echo(f"{names[station]}: {error.message}\n    {name_station(error.hint, station)}", err=True)
        lines = sum(value for value in found.values() if isinstance(value, int))
        click.echo(f"{lines} new lines from {len(found) - len(failed)} of {len(found)} connected stations")
    context.exit(1 if failed else 0)

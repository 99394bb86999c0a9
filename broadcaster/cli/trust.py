"""`broadcaster trust`: a person pins the host key of a station, its first one or another than before."""

from __future__ import annotations

import getpass

import click

from broadcaster.centre.trust import HostKeys, confirm_host_key, fetch_host_keys
from broadcaster.cli.context import open_desk
from broadcaster.cli.stations import require_stations

AT_THE_BOX = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


@click.command()
@click.argument("station")
@click.option("--preview", is_flag=True, help="Only show both keys; change nothing.")
@click.option("--fingerprint", help="The fingerprint read at the box itself (SHA256:…); nothing is asked then.")
@click.pass_context
def trust(context: click.Context, station: str, preview: bool, fingerprint: str | None) -> None:
    """Show the host key that STATION shows now beside the pinned one, if any, and pin it when you confirm.

    A station that showed another key is stopped: nothing is sent or fetched until then. Confirm only what somebody has
    read at the box itself, by telephone if need be.
    """
    with open_desk(context) as desk:
        require_stations(desk, (station,))
        chosen = next(one for one in desk.schedules.stations if one.id == station)
        keys = fetch_host_keys(desk.record, chosen)
        _print_keys(keys)
        if keys.is_same() and not keys.is_stopped:
            click.echo("it is the pinned key and the station is not stopped: nothing to confirm")
            return
        if preview:
            click.echo("nothing was changed: this is the preview")
            return
        if fingerprint is None:
            click.confirm("Did somebody read exactly this fingerprint at the box itself?", abort=True)
            fingerprint = keys.shown_fingerprint
        confirm_host_key(desk.workspace, desk.record, keys, fingerprint, getpass.getuser(), desk.now_at())
    click.echo(f"confirmed: {chosen.name} goes on")


def _print_keys(keys: HostKeys) -> None:
    click.echo(f"{keys.station.name} ({keys.station.id}), {keys.station.host} port {keys.station.port}")
    click.echo(f"  pinned    {keys.pinned.partition(' ')[0]:20} {keys.pinned_fingerprint or 'none yet'}")
    click.echo(f"  shown now {keys.shown.split()[0]:20} {keys.shown_fingerprint}")
    click.echo(f"  stopped   {'yes' if keys.is_stopped else 'no'}")
    click.echo(f"  at the box itself this prints its own: {AT_THE_BOX}")

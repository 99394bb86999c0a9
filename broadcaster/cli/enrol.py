"""`broadcaster station enrol`: what a new box needs goes out, its keys come back."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from broadcaster.centre.checklist import CHECKLISTS
from broadcaster.centre.enrol import LOOPBACK, enrol_station, read_box_reply, take_reply
from broadcaster.cli.context import Desk, open_desk
from broadcaster.cli.stations import require_stations
from broadcaster.core.model import Station
from broadcaster.link.host_key import format_fingerprint


@click.group()
def station() -> None:
    """Enrol new stations."""


@station.command()
@click.argument("name", metavar="STATION")
@click.option("--tunnel", "with_tunnel", is_flag=True, help="The box cannot be reached from outside: it calls in.")
@click.option(
    "--reply",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file that the set-up box wrote: pins its host key, lets its tunnel in.",
)
@click.option("--fingerprint", help="With --reply: as read at the box itself (SHA256:…); nothing is asked then.")
@click.option(
    "--language",
    type=click.Choice(sorted(CHECKLISTS)),
    default="vi",
    show_default=True,
    help="Language of the checklist: Vietnamese or English.",
)
@click.pass_context
def enrol(
    context: click.Context, name: str, with_tunnel: bool, reply: Path | None, fingerprint: str | None, language: str
) -> None:
    """Write the file that makes a box STATION, and print the checklist for setting it up; with --reply, pin that box.

    The file goes to the box with the program; `install-station.sh` there does the rest and writes the reply. No
    private key ever leaves the machine that it was made on.
    """
    with open_desk(context) as desk:
        require_stations(desk, (name,))
        chosen = next(one for one in desk.schedules.stations if one.id == name)
        if reply is not None:
            _take(desk, chosen, reply, fingerprint)
            return
        done = enrol_station(desk.workspace, desk.schedules, chosen, language, with_tunnel=with_tunnel)
    click.echo(done.checklist)
    click.echo(f"to carry: {done.path}\nto print: {done.checklist_path}")


def _take(desk: Desk, chosen: Station, path: Path, fingerprint: str | None) -> None:
    reply = read_box_reply(path, chosen)
    shown = format_fingerprint(chosen.id, reply.host_key)
    click.echo(f"{chosen.name} ({chosen.id})")
    if chosen.host_key is not None:
        click.echo(f"  pinned until now  {format_fingerprint(chosen.id, chosen.host_key)}")
    click.echo(f"  in the reply      {shown}")
    if fingerprint is None:
        click.confirm("Did somebody read exactly this fingerprint at the box itself?", abort=True)
        fingerprint = shown
    take_reply(desk.workspace, desk.record, chosen, reply, fingerprint, getpass.getuser(), desk.now_at())
    click.echo(f"pinned: {chosen.name} is enrolled")
    if reply.tunnel_key is not None:
        click.echo(f"its tunnel is let in; it answers on {LOOPBACK} port {chosen.port} within half a minute")
    elif chosen.host is None:
        click.echo("Next: write its address as `host` into schedules/stations.yaml")

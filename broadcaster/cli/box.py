"""`broadcaster-station install` and `uninstall`: set up a box from its enrolment, bring it up to date, take it down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from broadcaster.station import box_files
from broadcaster.station.box_steps import Step
from broadcaster.station.install import install as install_box
from broadcaster.station.install import list_steps, read_own_enrolment, require_root
from broadcaster.station.uninstall import list_removals
from broadcaster.station.uninstall import uninstall as uninstall_box
from broadcaster.wire.enrolment import Reply, write_reply
from broadcaster.wire.signature import make_fingerprint, read_public_key

preview_option = click.option("--preview", is_flag=True, help="Only show what would be done; change nothing.")


@click.command()
@click.argument("enrolment", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@preview_option
def install(enrolment: Path | None, preview: bool) -> None:
    """Set up this box as the station of ENROLMENT, the file that `broadcaster station enrol` wrote at the centre.

    Accounts, folders, SSH for the centre, services, time zone, and a tunnel where the file says so. As root. Done
    again it brings everything up to date and starts the agent anew when nothing sounds; ENROLMENT may then be left
    out. Settings that were changed here stay.
    """
    require_root()
    read = read_own_enrolment(enrolment or box_files.ENROLMENT)
    if preview:
        _preview(list_steps(read))
        return
    done = install_box(read, click.echo)
    click.echo("the services run" if done.is_started else "systemd does not run here: the services start with the box")
    carried = _write_beside(enrolment, done.reply)
    click.echo(f"\nThis box is the station {read.name} ({read.station}). Its fingerprint, to be read to the centre:")
    click.echo(f"  {make_fingerprint(read_public_key(done.reply.host_key))}")
    click.echo(f"To be brought or sent to the centre, it holds no secret: {carried}")
    click.echo("Now: sudo broadcaster-station check --sound")


@click.command()
@preview_option
@click.option("--with-records", is_flag=True, help="Diaries, receipts and masters are removed too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(preview: bool, with_records: bool, yes: bool) -> None:
    """Take this box down: services, access for the centre, keys, settings and accounts go. As root.

    Diaries, receipts and masters stay and become root's, unless --with-records is given.
    """
    require_root()
    enrolment = read_own_enrolment()
    if preview:
        _preview(list_removals(enrolment, with_records=with_records))
        return
    if not yes:
        lost = "its diaries, receipts and masters are lost" if with_records else "its diaries and masters stay"
        click.confirm(f"Take down the station {enrolment.name}? Nothing plays here any more; {lost}", abort=True)
    uninstall_box(enrolment, click.echo, with_records=with_records)
    click.echo("the box is taken down; the program itself is removed with its folder (rm -r /opt/broadcaster)")


def _preview(steps: Iterable[Step]) -> None:
    for step in steps:
        click.echo(f"{'ok    ' if step.is_done() else 'to do '}{step.what}")
    click.echo("nothing was changed: this is the preview")


def _write_beside(enrolment: Path | None, reply: Reply) -> Path:
    """Write the reply beside the enrolment, on the same stick; where that cannot be, the box's own copy is named."""
    if enrolment is None:
        return box_files.REPLY
    path = enrolment.with_name(f"{reply.station}-reply.json")
    try:
        path.write_bytes(write_reply(reply))
    except OSError:
        return box_files.REPLY
    return path

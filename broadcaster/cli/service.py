"""`broadcaster run` and `demo`: the centre as a service, and the whole way on one machine."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from broadcaster.centre.service import CentreService
from broadcaster.centre.telling import tell_test
from broadcaster.cli.context import open_desk
from broadcaster.core.errors import InputError
from broadcaster.demo.show import run_demo


@click.command("run")
@click.pass_context
def run_service(context: click.Context) -> None:
    """Run the centre as a service: publish, push, collect, watch, and report on Monday. SIGTERM stops it cleanly."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)  # what it says of duties, we say in our words
    with open_desk(context) as desk:
        CentreService(desk.workspace, desk.record, desk.schedules, desk.clock).run()


@click.command("alarm-test")
@click.pass_context
def test_alarm(context: click.Context) -> None:
    """Tell a test alarm now, by webhook and e-mail, as far as centre.yaml sets them."""
    with open_desk(context) as desk:
        ways = tell_test(desk.schedules.centre)
    if not ways:
        raise InputError(
            "nobody is told of alarms", hint="set alarm_webhook or mail.alarms_to in schedules/centre.yaml"
        )
    for way in ways:
        click.echo(f"told {way}")


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for everything the demo makes.")
@click.pass_context
def demo(context: click.Context, keep: Path | None) -> None:
    """Do the whole way on this machine: three stations on loopback, real recordings, real playing, a real report."""
    run_demo(context.find_object(Path), keep)

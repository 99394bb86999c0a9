"""The technician's command: `broadcaster`."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster import __version__
from broadcaster.centre.workspace import ENVIRONMENT
from broadcaster.cli.boundary import run_command
from broadcaster.cli.programmes import programme
from broadcaster.cli.report import collect, report
from broadcaster.cli.service import demo, run_service
from broadcaster.cli.stations import push, status
from broadcaster.cli.timetable import timetable
from broadcaster.cli.workspace import check, init, key


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="broadcaster")
@click.option(
    "--workspace",
    "-w",
    type=click.Path(path_type=Path),
    help=f"Folder with audio/ and schedules/. Otherwise ${ENVIRONMENT}, or this folder or one above it.",
)
@click.pass_context
def cli(context: click.Context, workspace: Path | None) -> None:
    """Get radio programmes to every commune's loudspeakers, and know what was really heard.

    \b
    A day at the centre:
      broadcaster programme add FILE --column thoi-su    master and tag a recording
      broadcaster timetable show                         see what plays where and when
      broadcaster timetable publish                      sign today's and tomorrow's plans
      broadcaster push                                   send what stations miss
      broadcaster status                                 who is ready for the next slot
      broadcaster collect                                fetch the journals
      broadcaster report weekly --week 2023-W41          what was really heard
    `broadcaster run` does all but the first by itself.
    """
    context.obj = workspace


for command in (init, check, key, programme, timetable, push, status, collect, report, run_service, demo):
    cli.add_command(command)


def run() -> None:
    """Run the command and end the process with its exit code."""
    run_command(cli, "broadcaster")


if __name__ == "__main__":
    run()

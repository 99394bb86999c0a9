"""The technician's command: `broadcaster`."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path

import click

from broadcaster import __version__
from broadcaster.cli.boundary import run_command
from broadcaster.core.errors import ToolMissingError

COMMANDS = {
    "init": "workspace:init",
    "check": "workspace:check",
    "key": "workspace:key",
    "programme": "programmes:programme",
    "timetable": "timetable:timetable",
    "emergency": "emergency:emergency",
    "cap": "cap:cap",
    "user": "approvals:user",
    "submit": "approvals:submit",
    "approve": "approvals:approve",
    "reject": "approvals:reject",
    "approvals": "approvals:approvals",
    "audit": "approvals:audit",
    "push": "stations:push",
    "status": "stations:status",
    "trust": "trust:trust",
    "station": "enrol:station",
    "readiness": "readiness:readiness",
    "collect": "collect:collect",
    "usb": "usb:usb",
    "journal": "journal:journal",
    "report": "report:report",
    "airtime": "airtime:airtime",
    "alarm-test": "service:test_alarm",
    "run": "service:run_service",
    "demo": "service:demo",
}


YOUNG_OBJECTS = 100_000


class LateGroup(click.Group):
    """Loads a command's module when it is called: `status` need not wait for the sound libraries of `programme`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None when there is none of that name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        try:
            command = getattr(importlib.import_module(f"broadcaster.cli.{module}"), name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("broadcaster"):
                raise
            raise ToolMissingError(
                f"`broadcaster {cmd_name}` needs the package {error.name!r}",
                hint="this is a station's installation; at the centre: pip install 'broadcaster[centre]'",
            ) from error
        return command if isinstance(command, click.Command) else None


@click.group(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="broadcaster")
@click.option(
    "--workspace",
    "-w",
    type=click.Path(path_type=Path),
    help="Folder with audio/ and schedules/. Otherwise $BROADCASTER_WORKSPACE, or this folder or one above it.",
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


def run() -> None:
    """Run the command and end the process with its exit code.

    The garbage collector looks after 100,000 new objects, not after 700: what a command makes (airings, lines, rows)
    has no cycles and is let go of without it, and a report of a region lost a sixth of its time to looks that found
    nothing. It is not switched off: the service runs for months.
    """
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    run_command(cli, "broadcaster")


if __name__ == "__main__":
    run()

"""`broadcaster init`, `check` and `key`: make a workspace, find all that is wrong in it, show the centre's key."""

from __future__ import annotations

from pathlib import Path

import click

from broadcaster.centre.check import Finding, check_workspace
from broadcaster.centre.workspace import find_workspace, init_workspace
from broadcaster.cli.context import json_option
from broadcaster.cli.screen import print_json
from broadcaster.core.time import SystemClock


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make FOLDER a workspace with commented example files. What is there already stays as it is."""
    workspace, made = init_workspace(folder)
    for path in made:
        click.echo(f"made {path}")
    click.echo(f"{workspace.root} is a workspace. Next: edit schedules/, then `broadcaster check`.")


@click.command()
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Say all that is wrong in the workspace at once, and whether the kernel grants what bad lines need.

    Exit code 1 when something has to be corrected.
    """
    workspace = find_workspace(context.find_object(Path))
    findings = check_workspace(workspace, SystemClock().now_at())
    wrong = [finding for finding in findings if finding.is_wrong]
    if as_json:
        print_json([{"wrong": f.is_wrong, "what": f.message, "next": f.hint} for f in findings])
    else:
        for finding in sorted(findings, key=lambda one: not one.is_wrong):
            _echo_finding(finding)
        click.echo(f"{workspace.root}: {len(wrong)} to correct, {len(findings) - len(wrong)} to know")
    context.exit(1 if wrong else 0)


@click.command()
@click.pass_context
def key(context: click.Context) -> None:
    """Print the centre's public key: the line for a station's authorized_keys and settings."""
    click.echo(find_workspace(context.find_object(Path)).read_public_key())


def _echo_finding(finding: Finding) -> None:
    mark = click.style("wrong", fg="red") if finding.is_wrong else click.style("note", fg="yellow")
    click.echo(f"{mark}: {finding.message}")
    if finding.hint:
        click.echo(f"       {finding.hint}")

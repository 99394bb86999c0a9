"""The box's command: `broadcaster-station`."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import click

from broadcaster import __version__
from broadcaster.cli.boundary import run_command
from broadcaster.cli.box import install, uninstall
from broadcaster.cli.local import local
from broadcaster.core.errors import BrokenChainError, StationError, VerificationError
from broadcaster.core.time import SystemClock
from broadcaster.station.agent import Agent
from broadcaster.station.check import State, check_box
from broadcaster.station.check_install import become_agent, check_installation
from broadcaster.station.settings import DEFAULT_PATH, read_settings
from broadcaster.station.sound_test import try_sound
from broadcaster.station.stick_in import Taken, list_stations, open_stick, read_stick, take_in
from broadcaster.station.stick_out import write_back
from broadcaster.station.verify import verify_logs
from broadcaster.wire.status import FILE_NAME, STALE_AFTER, read_status

SOME_WRONG = 1
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="broadcaster-station")
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    help="The box's settings file.",
)
@click.pass_context
def cli(context: click.Context, settings: Path) -> None:
    """Receive, play and journal on a commune's box what its centre signed.

    `run` is the agent; `check` says in plain words what is wrong with the box; `status` what the agent is doing.
    """
    context.obj = settings


@cli.command("run")
@click.pass_obj
def run_agent(path: Path) -> None:
    """Run the agent until SIGTERM or Ctrl-C. It logs to standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Agent(read_settings(path)).run()


@cli.command()
@click.option("--sound", is_flag=True, help="Also play three rising notes, never in quiet hours.")
@json_option
@click.pass_obj
def check(path: Path, sound: bool, as_json: bool) -> int:
    """Say what is wrong with this box. Nothing is changed; nothing is heard without --sound.

    As root it also looks at accounts, keys, SSH and services, and at the rest as the agent sees it. Exit code 1 when
    something is wrong; what is only worth a look does not count.
    """
    findings = list(check_installation())
    become_agent()
    settings, now_at = read_settings(path), SystemClock().now_at()
    findings += check_box(settings, now_at)
    if sound:
        findings.append(try_sound(settings, now_at))
    if as_json:
        rows = [asdict(finding) | {"is_wrong": finding.state is State.WRONG} for finding in findings]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            click.echo(f"{finding.state.value:<6}{finding.what:<14}{finding.message}")
    return SOME_WRONG if any(finding.state is State.WRONG for finding in findings) else 0


@cli.command()
@json_option
@click.pass_obj
def status(path: Path, as_json: bool) -> int:
    """Say what the agent is doing, by its own last word.

    Exit code 1 when that word is older than 30 seconds: the agent does not run.
    """
    settings = read_settings(path)
    try:
        document = (settings.outbox / FILE_NAME).read_bytes()
    except OSError as error:
        raise StationError(
            f"{settings.outbox / FILE_NAME} cannot be read: {error.strerror}",
            hint="start the agent: broadcaster-station run",
        ) from error
    said = read_status(document)
    age = SystemClock().now_at() - said.at
    is_running = age < STALE_AFTER
    if as_json:
        fields = json.loads(document) | {"is_running": is_running}
        click.echo(json.dumps(fields, ensure_ascii=False, indent=1))
        return 0 if is_running else SOME_WRONG
    clock = "not synchronised" if said.clock_error_ms is None else f"off by {said.clock_error_ms} ms at most"
    rows = (
        ("station", said.station),
        ("agent", f"{said.version}, {'running' if is_running else f'silent for {age.total_seconds():.0f} s'}"),
        ("player", said.player),
        ("on air", said.playing or "nothing"),
        ("next start", said.next_at.astimezone().strftime("%d/%m/%Y %H:%M:%S %Z") if said.next_at else "none known"),
        ("plan", said.plan or "none"),
        ("masters", str(said.masters)),
        ("disk free", f"{said.disk_free_bytes // 10**6} MB"),
        ("clock", clock),
        ("trouble", said.trouble or "none"),
    )
    for name, text in rows:
        click.echo(f"{name:<12}{text}")
    return 0 if is_running else SOME_WRONG


@cli.command()
@click.pass_obj
def verify(path: Path) -> None:
    """Prove that the diary and the receipts are whole: a gap, an edit or a reordering ends with exit code 64.

    A change to the very last line, or lines taken off the end, leave no trace here; the centre, which collected
    them, finds it.
    """
    settings = read_settings(path)
    proofs = verify_logs(settings.outbox, settings.library)
    for proof in proofs:
        click.echo(f"{proof.what:<12}{proof.lines} lines in {proof.files} files, {len(proof.breaks)} breaks")
    breaks = [found for proof in proofs for found in proof.breaks]
    if breaks:
        raise BrokenChainError("\n".join(breaks), hint="keep the files as they are and tell the centre")


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def usb(path: Path, folder: Path) -> int:
    """Take in what the centre's stick mounted at FOLDER has for this box, and copy the diary onto it. Run it as root.

    The agent verifies each file as if it had come over the line, and its receipt is told. Exit code 1 when something
    was not verified; the diary is on the stick then all the same.
    """
    settings, clock = read_settings(path), SystemClock()
    with open_stick(folder, settings) as root:
        is_all_well = False
        try:
            contents = read_stick(root, settings)
        except VerificationError as error:
            click.echo(f"{error.message}\n{error.hint}", err=True)
        else:
            if contents is None:
                others = ", ".join(list_stations(root)) or "none"
                click.echo(f"nothing for {settings.station} is on this stick; it is for: {others}", err=True)
            else:
                click.echo(
                    f"written at the centre {contents.at.astimezone():%d/%m/%Y %H:%M}: {len(contents.files)} files"
                )
                is_all_well = take_in(root, contents, settings, clock, _tell_taken)
        written = write_back(root, settings, clock)
    click.echo(f"the diary is on the stick: {written.files} files; unmount it before it is pulled out")
    if not written.is_signed:
        click.echo(f"it is not signed: {settings.host_key} cannot be read; run it as root", err=True)
    return 0 if is_all_well else SOME_WRONG


def _tell_taken(taken: Taken) -> None:
    click.echo(f"{taken.name}  {taken.outcome}")


cli.add_command(install)
cli.add_command(uninstall)
cli.add_command(local)


def run() -> None:
    """Run the command and end the process with its exit code."""
    run_command(cli, "broadcaster-station")


if __name__ == "__main__":
    run()

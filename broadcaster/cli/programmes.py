"""`broadcaster programme`: add, list, show, remove, restore."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from broadcaster.centre.programmes import (
    ProgrammeWish,
    add_programme,
    check_wish,
    draw_programme,
    get_programme,
    remove_programme,
    restore_programme,
)
from broadcaster.centre.publish import list_publish_dates, publish_days
from broadcaster.cli.console import show_bar
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.screen import format_length, format_local, format_size, print_json, print_table
from broadcaster.core.errors import BroadcasterError, InputError
from broadcaster.core.files import write_atomic
from broadcaster.core.model import Master, Programme, ProgrammeKind
from broadcaster.core.time import read_date
from broadcaster.store.programmes import read_programmes


@click.group()
def programme() -> None:
    """Add, list, show, draw, remove and restore programmes."""


@programme.command("add")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--title", help="Title; the file's name otherwise. Only with one file.")
@click.option(
    "--id", "wanted_id", help="Id for commands and rundowns; made from the title otherwise. Only with one file."
)
@click.option("--column", help="Column (chuyên mục) of schedules/columns.yaml.")
@click.option("--campaign", help="Campaign of schedules/campaigns.yaml.")
@click.option("--language", default="vi", show_default=True, help="Language of the programme: vi, mtq, tai, km …")
@click.option("--stories", type=click.IntRange(0, 999), default=1, show_default=True,
              help="News items and articles (tin, bài) in it, for the report.")  # fmt: skip
@click.option("--date", "on", help="Date it belongs to, 2023-10-09 or 09/10/2023; today otherwise.")
@click.option("--ident", is_flag=True, help="It is an ident (đài hiệu) that frames programmes; needs no column.")
@json_option
@click.pass_context
def add(
    context: click.Context,
    files: tuple[Path, ...],
    title: str | None,
    wanted_id: str | None,
    column: str | None,
    campaign: str | None,
    language: str,
    stories: int,
    on: str | None,
    ident: bool,
    as_json: bool,
) -> None:
    """Master and tag recordings: loudness to the centre's target, true peak under its ceiling.

    FILES may be any sound or video format; of a video the sound is taken. The recording itself is never changed. Put
    `--` before names that begin with a hyphen.
    """
    if len(files) > 1 and (title or wanted_id):
        raise InputError("--title and --id name one programme", hint="add the files one by one")
    with open_desk(context) as desk:
        wish = ProgrammeWish(
            kind=ProgrammeKind.IDENT if ident else ProgrammeKind.PROGRAMME,
            title=title,
            id=wanted_id,
            column=column,
            campaign=campaign,
            language=language,
            stories=stories,
            on=read_date(on) if on else desk.now_at().astimezone(desk.schedules.centre.zone).date(),
        )
        check_wish(wish, desk.schedules)
        added, failed = _add_each(desk, files, wish)
    if as_json:
        print_json([_to_fields(one) for one in added])
    for one in [] if as_json else added:
        before, after = one.master.before, one.master.after
        click.echo(
            f"{one.id}: {one.title}, {format_length(one.master.duration_ms)}, "
            f"{before.integrated_lufs:.1f} → {after.integrated_lufs:.1f} LUFS, "
            f"{before.true_peak_dbtp:+.1f} → {after.true_peak_dbtp:+.1f} dBTP"
        )
        for note in _list_notes(one.master):
            click.echo(f"    {note}", err=True)
    if len(failed) == 1 and len(files) == 1:
        raise failed[0]
    for error in failed:
        click.echo(f"error: {error.message}\n hint: {error.hint}", err=True)
    context.exit(1 if failed else 0)


def _add_each(
    desk: Desk, files: tuple[Path, ...], wish: ProgrammeWish
) -> tuple[list[Programme], list[BroadcasterError]]:
    """Add file after file; one that cannot be used never stops the others."""
    added: list[Programme] = []
    failed: list[BroadcasterError] = []
    for number, path in enumerate(files, 1):
        with show_bar(f"[{number}/{len(files)}] {path.name}") as tell:
            try:
                added.append(
                    add_programme(desk.workspace, desk.record, desk.schedules, path, wish, desk.now_at(), tell)
                )
            except BroadcasterError as error:
                failed.append(error)
    return added, failed


@programme.command("list")
@click.option("--date", "on", help="Only those of one date.")
@json_option
@click.pass_context
def list_programmes(context: click.Context, on: str | None, as_json: bool) -> None:
    """List programmes, newest date last."""
    with open_desk(context) as desk, desk.record.read() as connection:
        found = read_programmes(connection, on=read_date(on) if on else None)
    found.sort(key=lambda one: (one.on, one.added_at))
    if as_json:
        print_json([_to_fields(one) for one in found])
        return
    rows = [
        (f"{one.on:%d/%m/%Y}", one.id, one.title, one.column or one.kind.value, one.campaign,
         format_length(one.master.duration_ms), f"{one.master.after.integrated_lufs:.1f}")
        for one in found
    ]  # fmt: skip
    print_table("", ("Date", "Id", "Title", "Column", "Campaign", "Length", "LUFS"), rows, right=(5, 6))


@programme.command("show")
@click.argument("name", metavar="ID")
@json_option
@click.pass_context
def show(context: click.Context, name: str, as_json: bool) -> None:
    """Show all that is known of one programme."""
    with open_desk(context) as desk:
        found = get_programme(desk.record, name)
        path = desk.workspace.get_master(found.master.sha256)
        zone = desk.schedules.centre.zone
    if as_json:
        print_json({**_to_fields(found), "path": str(path)})
        return
    master = found.master
    rows = (
        ("Id", found.id),
        ("Title", found.title),
        ("Column", found.column or "-"),
        ("Campaign", found.campaign or "-"),
        ("Language", found.language),
        ("Stories", str(found.stories)),
        ("Date", f"{found.on:%d/%m/%Y}"),
        ("Recording", found.source_name),
        ("Added", format_local(found.added_at, zone)),
        ("Length", format_length(master.duration_ms)),
        ("Loudness", f"{master.before.integrated_lufs:.1f} → {master.after.integrated_lufs:.1f} LUFS"),
        ("Range", f"{master.before.range_lu:.1f} → {master.after.range_lu:.1f} LU"),
        ("True peak", f"{master.before.true_peak_dbtp:+.1f} → {master.after.true_peak_dbtp:+.1f} dBTP"),
        ("Gain", f"{master.gain_db:+.1f} dB, limiter took off {master.limiter_db:.1f} dB at most"),
        *(("Note", note) for note in _list_notes(master)),
        ("Master", f"{path} ({format_size(master.size_bytes)})"),
    )
    for label, value in rows:
        click.echo(f"{label + ':':<11} {value}")


@programme.command("picture")
@click.argument("name", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="SVG file; ID.svg otherwise.")
@click.pass_context
def picture(context: click.Context, name: str, out: Path | None) -> None:
    """Draw a programme: waveform under the ceiling, loudness by second before and after, and the target."""
    with open_desk(context) as desk:
        drawn = draw_programme(desk.workspace, desk.record, desk.schedules, name)
    path = out or Path(f"{name}.svg")
    try:
        write_atomic(path, drawn.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"written to {path}; any web browser shows it")


@programme.command("remove")
@click.argument("names", metavar="ID…", nargs=-1, required=True)
@click.option("--unplan", is_flag=True, help="Also take it out of plans that are published but not on air.")
@click.pass_context
def remove(context: click.Context, names: tuple[str, ...], unplan: bool) -> None:
    """Remove programmes; never one that is on air or planned. `programme restore ID` undoes it."""
    with open_desk(context) as desk:
        for name in names:
            remove_programme(desk.record, name, desk.now_at(), unplan=unplan)
            click.echo(f"removed {name}; `broadcaster programme restore {name}` brings it back")
        if unplan:
            dates = list_publish_dates(desk.schedules, desk.now_at())
            publish_days(desk.workspace, desk.record, desk.schedules, dates, desk.now_at())
            click.echo("plans were published anew; `broadcaster push` sends them")


@programme.command("restore")
@click.argument("name", metavar="ID")
@click.pass_context
def restore(context: click.Context, name: str) -> None:
    """Bring back a removed programme."""
    with open_desk(context) as desk:
        found = restore_programme(desk.record, name, desk.now_at())
    click.echo(f"restored {found.id}: {found.title}")


def _list_notes(master: Master) -> list[str]:
    """Say in words what was chosen for a master, and what is wrong with its recording."""
    notes = [master.track_note] if master.track_note else []
    if master.is_kept:
        notes.append("it was as asked for: its frames were not touched")
    if master.profile.highpass_hz:
        notes.append(f"for the loudspeakers: no bass below {master.profile.highpass_hz} Hz")
    if master.profile.is_mono:
        notes.append("for the loudspeakers: both channels as their sum")
    return notes + [f"warning: {warning.message}" for warning in master.warnings]


def _to_fields(one: Programme) -> dict[str, object]:
    return dataclasses.asdict(one)

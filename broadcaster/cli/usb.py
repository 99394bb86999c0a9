"""`broadcaster usb`: plans and masters out, journals and receipts back, on a stick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from broadcaster.centre.deliver import Missing
from broadcaster.centre.emergency import choose_targets
from broadcaster.centre.stick_in import Imported, import_from_stick
from broadcaster.centre.stick_out import Exported, StickRoom, export_to_stick, is_same_disk, measure_room, read_carried
from broadcaster.cli.console import show_bar
from broadcaster.cli.context import Desk, json_option, open_desk
from broadcaster.cli.screen import format_error, format_local, format_size, print_json, print_table
from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import StationId
from broadcaster.delivery.push import PushListener

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def usb() -> None:
    """Reach stations that have no line: a USB stick carries plans and masters out, and journals back.

    What is on it is verified as over a line: signed plans, masters by their hash, receipts, chained journals. At the
    box, `broadcaster-station usb` takes it in.
    """


@usb.command("export")
@click.argument("folder", type=FOLDER)
@click.option(
    "--to", "names", multiple=True, required=True, help="Station, group or `all`; may be given several times."
)
@click.option("--preview", is_flag=True, help="Only say what would be on the stick, and whether it fits.")
@json_option
@click.pass_context
def export(context: click.Context, folder: Path, names: tuple[str, ...], preview: bool, as_json: bool) -> None:
    """Write to the stick mounted at FOLDER all that is published from today on and not yet confirmed.

    A master lies on it once, however many stations have it. What was broken off goes on when it is run again. Exit
    code 1 when something could not be written for a station.
    """
    with open_desk(context) as desk:
        chosen = choose_targets(desk.schedules, names, desk.now_at())
        carried = read_carried(desk.workspace, desk.record, desk.schedules, chosen, desk.now_at())
        room = measure_room(folder, carried)
        if not as_json and is_same_disk(folder, desk.workspace):
            click.echo(f"NOTE: {folder} lies on this computer's own disk: is the stick mounted?", err=True)
        if preview:
            _print_preview(desk, carried, room, as_json=as_json)
            context.exit(0 if room.is_enough() else 1)
        with nullcontext(None) if as_json else show_bar("writing the stick") as show:
            counter = _make_counter(carried, show) if show else None
            results = export_to_stick(desk.workspace, desk.record, carried, folder, desk.clock, counter)
    failed = [one for one in results if one.error is not None]
    if as_json:
        print_json([_exported_fields(one) for one in results])
    else:
        rows = [
            (one.station.id, one.station.name, one.plans, one.masters, format_size(one.written_bytes), _tell(one.error))
            for one in results
        ]
        print_table("", ("Station", "Name", "Plans", "Masters", "Written", "Result"), rows, right=(2, 3, 4))
        click.echo(f"{len(results) - len(failed)} of {len(results)} stations are whole on the stick")
        click.echo("unmount it before it is pulled out; it is delivered when a stick brings the receipts back")
    context.exit(1 if failed else 0)


@usb.command("import")
@click.argument("folder", type=FOLDER)
@json_option
@click.pass_context
def import_(context: click.Context, folder: Path, as_json: bool) -> None:
    """Collect receipts and journals from the stick mounted at FOLDER. Doing it twice changes nothing.

    An outbox is taken whole or not at all, and only when it is signed with the host key that is pinned for the box.
    Exit code 1 when one could not be taken, or does not hold together.
    """
    with open_desk(context) as desk:
        results = import_from_stick(desk.workspace, desk.record, desk.schedules, folder, desk.clock)
        zone = desk.schedules.centre.zone
    if as_json:
        print_json([_imported_fields(one) for one in results])
    else:
        rows = [(one.station, one.new_lines, format_local(one.as_of, zone), _describe(one)) for one in results]
        print_table("", ("Station", "New lines", "As of", "Result"), rows, right=(1,))
    context.exit(1 if any(one.error or one.breaks for one in results) else 0)


def _make_counter(carried: Sequence[Missing], show: Callable[[float], None]) -> PushListener:
    """Turn what is told of single files into the share of the whole that is done."""
    total_bytes = sum(one.size_bytes for one in carried) or 1
    done: dict[tuple[StationId, str], int] = {}

    def tell(station: StationId, name: str, done_bytes: int, _total_bytes: int) -> None:
        done[station, name] = done_bytes
        show(min(1.0, sum(done.values()) / total_bytes))

    return tell


def _print_preview(desk: Desk, carried: Sequence[Missing], room: StickRoom, *, as_json: bool) -> None:
    if as_json:
        stations = [
            {"station": one.station.id, "plans": [p.name for p in one.plans], "masters": [m.name for m in one.masters],
             "bytes": one.size_bytes, "first_needed_at": one.first_needed_at}
            for one in carried
        ]  # fmt: skip
        print_json({"need_bytes": room.need_bytes, "free_bytes": room.free_bytes, "stations": stations})
        return
    zone = desk.schedules.centre.zone
    rows = [
        (one.station.id, one.station.name, len(one.plans), len(one.masters), format_size(one.size_bytes),
         format_local(one.first_needed_at, zone))
        for one in carried
    ]  # fmt: skip
    print_table("", ("Station", "Name", "Plans", "Masters", "Size", "Needed at"), rows, right=(2, 3, 4))
    need, free = format_size(room.need_bytes), format_size(room.free_bytes)
    verdict = "it fits" if room.is_enough() else "it does NOT fit"
    click.echo(f"up to {need} to write, each master once; {free} free: {verdict}")
    click.echo("nothing was written: this is the preview")


def _describe(one: Imported) -> str:
    if one.error is not None:
        return _tell(one.error)
    if one.as_of is None:
        return "the stick has not been at its box yet"
    told = [f"does not hold together: {text}" for text in one.breaks]
    return "\n".join(told) or ("collected" if one.new_lines else "nothing new")


def _tell(error: BroadcasterError | None) -> str:
    if error is None:
        return "whole"
    return format_error(error)


def _exported_fields(one: Exported) -> dict[str, object]:
    return {
        "station": one.station.id,
        "plans": one.plans,
        "masters": one.masters,
        "bytes": one.written_bytes,
        "error": type(one.error).__name__ if one.error else None,
        "message": one.error.message if one.error else "",
    }


def _imported_fields(one: Imported) -> dict[str, object]:
    return {
        "station": one.station,
        "new_lines": one.new_lines,
        "as_of": one.as_of,
        "breaks": one.breaks,
        "error": type(one.error).__name__ if one.error else None,
        "message": one.error.message if one.error else "",
    }

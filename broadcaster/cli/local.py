"""`broadcaster-station local`: the commune's own items, added with a preview of what they meet."""

from __future__ import annotations

import getpass
import json
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from broadcaster.core.errors import InputError, InUseError, StationError, UnknownNameError
from broadcaster.core.ids import choose_nearest, compose, is_id, plan_id
from broadcaster.core.model import Priority, QuietHours
from broadcaster.core.time import DAYS, SystemClock, read_date
from broadcaster.station.collide import Occurrence, list_dates, match_collisions
from broadcaster.station.ladder import list_planned
from broadcaster.station.library import Library
from broadcaster.station.local_items import MAX_PIECES, LocalItem, expand_local
from broadcaster.station.settings import StationSettings, read_settings
from broadcaster.station.take_in import take_in

ZONE_PATH = Path("/etc/localtime")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@click.group()
def local() -> None:
    """Add, list and remove the commune's own items (nội dung của xã).

    They play beside the centre's plan, are written into the diary and collected, and stand in the centre's report as
    the commune's own. Normal ones wait for what plays; priority ones come before the centre's normal programme; an
    emergency comes before all.
    """


def _read_at(_context: click.Context, _parameter: click.Parameter, value: str) -> time:
    try:
        return time.fromisoformat(value if len(value) > 4 else f"0{value}")
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a time of day such as 06:30") from error


def _read_on(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    return None if value is None else read_date(value)


def _read_days(_context: click.Context, _parameter: click.Parameter, value: str | None) -> frozenset[int]:
    names = [] if value is None else [name.strip().lower() for name in value.split(",")]
    if names == ["all"]:
        return frozenset(range(7))
    wrong = [name for name in names if name not in DAYS]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not one of {', '.join(DAYS)}, all")
    return frozenset(DAYS.index(name) for name in names)


@local.command("add")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--at", callback=_read_at, required=True, metavar="HH:MM", help="Wall time of its start.")
@click.option(
    "--on", callback=_read_on, metavar="DATE", help="The one date on which it plays (2026-11-25, 25/11/2026)."
)
@click.option("--days", callback=_read_days, metavar="DAYS", help="Days of the week, such as mon,thu; or all.")
@click.option("--from", "starts_on", callback=_read_on, metavar="DATE", help="With --days: the first date.")
@click.option("--to", "ends_on", callback=_read_on, metavar="DATE", help="With --days: the last date.")
@click.option("--title", default="", help="As the diary names it; the file's name when left out.")
@click.option("--priority", is_flag=True, help="Before the centre's normal programme, also over it (ưu tiên).")
@click.option("--first", is_flag=True, help="With --priority: also before the centre's priority items.")
@click.option("--volume", type=click.IntRange(0, 130), default=100, show_default=True, help="Per cent.")
@click.option("--yes", is_flag=True, help="Take it without asking.")
@click.pass_obj
def add(
    path: Path,
    source: Path,
    at: time,
    on: date | None,
    days: frozenset[int],
    starts_on: date | None,
    ends_on: date | None,
    title: str,
    priority: bool,
    first: bool,
    volume: int,
    yes: bool,
) -> None:
    """Add a sound file, or a folder whose files play one after the other in the order of their names.

    Shows first when it plays, how long it is and what it meets in the next two weeks; nothing is planned before it is
    confirmed.
    """
    if (on is None) == (not days):
        raise click.UsageError("name either --on DATE or --days, and not both")
    if on is not None and (starts_on or ends_on):
        raise click.UsageError("--from and --to go with --days")
    if first and not priority:
        raise click.UsageError("--first goes with --priority")
    settings, library = _open(path)
    now_at = SystemClock().now_at()
    draft = LocalItem(
        id=_choose_id(library, title or source.stem),
        title=compose(title or source.stem),
        pieces=(),
        at=at,
        zone=_choose_zone(library),
        on=on,
        days=days,
        starts_on=starts_on,
        ends_on=ends_on,
        priority=Priority.PRIORITY if priority else Priority.NORMAL,
        goes_first=first,
        volume=volume,
        added_at=now_at,
        added_by=getpass.getuser(),
    )
    if not list_dates(draft, now_at) and draft.is_over(now_at):
        raise InputError("all its dates are over", hint="name a date from today on")
    item = _take_pieces(draft, source, settings, library)
    click.echo(f"{item.id}: {item.title}, {_describe_when(item)}, {_minutes(item.sum_ms())}, {_describe_rank(item)}")
    _show_occurrences(_match(item, settings, library, now_at), item, library)
    if not yes and not click.confirm("Take it?", default=False):
        click.echo("nothing was planned")
        return
    with library.own.change():
        if any(one.id == item.id for one in library.own.items):
            raise InUseError(f"another item {item.id} was added meanwhile", hint="add it again")
        library.own.write_items((*library.own.items, item))
    click.echo(f"taken; take it away again with: broadcaster-station local remove {item.id}")


@local.command("list")
@json_option
@click.pass_obj
def list_items(path: Path, as_json: bool) -> None:
    """List the commune's items with what they meet in the next two weeks, and the fallback pieces."""
    settings, library = _open(path)
    now_at = SystemClock().now_at()
    rows = [(item, _match(item, settings, library, now_at)) for item in library.own.items]
    if as_json:
        fields = [
            {
                "id": item.id, "title": item.title, "when": _describe_when(item), "seconds": item.sum_ms() / 1000,
                "priority": item.priority.value, "first": item.goes_first, "added_by": item.added_by,
                "next_at": found[0].start_at.isoformat() if found else None,
                "meets": [text for one in found for text in one.meets],
            }
            for item, found in rows
        ]  # fmt: skip
        fallback = [{"file": name, "seconds": one.piece.duration_ms / 1000}
                    for name, one in sorted(library.own.fallback.items())]  # fmt: skip
        click.echo(json.dumps({"items": fields, "fallback": fallback}, ensure_ascii=False, indent=1))
        return
    for item, found in rows:
        when = f"next {_local(found[0].start_at, item)}" if found else "over"
        click.echo(f"{item.id}: {item.title}, {_describe_when(item)}, {_minutes(item.sum_ms())}, "
                   f"{_describe_rank(item)}, {when}")  # fmt: skip
        for text in dict.fromkeys(text for one in found for text in one.meets):
            click.echo(f"    {text}")
    if not rows:
        click.echo("no items of the commune's own")
    for name, one in sorted(library.own.fallback.items()):
        click.echo(f"fallback: {name}, {_minutes(one.piece.duration_ms)}")


@local.command("remove")
@click.argument("item_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
@click.pass_obj
def remove(path: Path, item_id: str, yes: bool) -> None:
    """Take an item out of the plan. What has sounded stays in the diary; what sounds now goes on to its end."""
    _, library = _open(path)
    item = next((one for one in library.own.items if one.id == item_id), None)
    if item is None:
        near = choose_nearest(item_id, [one.id for one in library.own.items])
        raise UnknownNameError(
            f"there is no item {item_id!r}" + (f"; did you mean {near!r}?" if near else ""),
            hint="broadcaster-station local list shows them",
        )
    click.echo(f"{item.id}: {item.title}, {_describe_when(item)}")
    if not yes and not click.confirm("Remove it?", default=False):
        click.echo("nothing was changed")
        return
    with library.own.change():
        library.own.write_items(tuple(one for one in library.own.items if one.id != item_id))
    click.echo("removed")


def _open(path: Path) -> tuple[StationSettings, Library]:
    settings = read_settings(path)
    library = Library(settings.library, settings.centre_key, settings.station)
    if not settings.library.is_dir():
        raise StationError(f"{settings.library} is not there", hint="start the agent once: broadcaster-station run")
    library.load_plans()
    library.own.load()
    if library.own.trouble:
        raise StationError(library.own.trouble)
    return settings, library


def _take_pieces(draft: LocalItem, source: Path, settings: StationSettings, library: Library) -> LocalItem:
    files = sorted(one for one in source.iterdir() if one.is_file() and one.name[:1] != ".") if source.is_dir() else []
    files = files if source.is_dir() else [source]
    if not files or len(files) > MAX_PIECES:
        raise InputError(f"{source} holds {len(files)} files", hint=f"a folder of 1 to {MAX_PIECES} sound files")
    named = draft.title if len(files) == 1 else ""
    pieces = tuple(take_in(library, file, settings.reserve_bytes, named) for file in files)
    return replace(draft, pieces=pieces)


def _choose_id(library: Library, title: str) -> str:
    """Choose a name that no item bears."""
    stem = plan_id(title)[:40].strip("-") or "muc"
    taken = {item.id for item in library.own.items}
    names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if is_id(name) and name not in taken)


def _choose_zone(library: Library) -> str:
    """Choose the zone of the newest plan; where none is held, the machine's."""
    newest = max((held.plan for held in library.plans.values()), key=lambda plan: plan.on, default=None)
    if newest is not None:
        return newest.zone
    _, _, name = str(ZONE_PATH.resolve()).partition("zoneinfo/")
    return name or "Asia/Ho_Chi_Minh"


def _list_quiet(settings: StationSettings, library: Library) -> tuple[QuietHours, ...]:
    newest = max((held.plan for held in library.plans.values()), key=lambda plan: plan.on, default=None)
    return (newest.quiet_hours if newest else ()) + settings.quiet_hours


def _match(item: LocalItem, settings: StationSettings, library: Library, now_at: datetime) -> list[Occurrence]:
    quiet = _list_quiet(settings, library)
    plans = [held.plan for held in library.plans.values()]
    others = [one for one in library.own.items if one.id != item.id]
    dates = list_dates(item, now_at)
    known = [*list_planned(plans, settings.quiet_hours), *expand_local(others, settings.station, quiet, dates)]
    return match_collisions(item, settings.station, known, quiet, now_at)


def _show_occurrences(found: list[Occurrence], item: LocalItem, library: Library) -> None:
    for one in found:
        click.echo(f"  {_local(one.start_at, item)}-{one.end_at.astimezone(ZoneInfo(item.zone)):%H:%M}"
                   f"{'' if one.meets else '  free'}")  # fmt: skip
        for text in one.meets:
            click.echo(f"    {text}")
    days = [held.plan.on for held in library.plans.values()]
    known = f"up to {max(days):%d/%m/%Y}" if days else "not at all"
    click.echo(f"  the centre's plan is known here {known}; later days are looked at when they come")


def _local(moment: datetime, item: LocalItem) -> str:
    return f"{moment.astimezone(ZoneInfo(item.zone)):%d/%m/%Y %H:%M}"


def _minutes(length_ms: int) -> str:
    minutes, seconds = divmod(round(length_ms / 1000), 60)
    return f"{minutes} min {seconds:02d} s"


def _describe_when(item: LocalItem) -> str:
    if item.on is not None:
        return f"{item.on:%d/%m/%Y} {item.at:%H:%M}"
    days = "every day" if len(item.days) == len(DAYS) else ",".join(DAYS[day] for day in sorted(item.days))
    bounds = "".join(f" {word} {on:%d/%m/%Y}" for word, on in (("from", item.starts_on), ("to", item.ends_on)) if on)
    return f"{days} {item.at:%H:%M}{bounds}"


def _describe_rank(item: LocalItem) -> str:
    if item.priority is not Priority.PRIORITY:
        return "normal"
    return "priority, also before the centre's" if item.goes_first else "priority"

"""Programmes: from a recording in a folder to a mastered row in the record, and away again."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import InputError, InUseError, ProgrammeFileError, UnknownNameError
from broadcaster.core.files import hash_file
from broadcaster.core.ids import CampaignId, ColumnId, ProgrammeId, compose, is_id, plan_id, suggest_nearest
from broadcaster.core.model import Programme, ProgrammeKind, TagSet
from broadcaster.core.schedules import Schedules
from broadcaster.mastering.master import make_master
from broadcaster.mastering.picture import draw_picture
from broadcaster.store.engine import Record
from broadcaster.store.programmes import (
    read_curve,
    read_future_use,
    read_ids,
    read_programme,
    read_programmes,
    write_audit,
    write_programme,
    write_removal,
    write_return,
)


@dataclass(frozen=True, slots=True)
class ProgrammeWish:
    """What the technician says of a recording. `title` None: the file's name; `id` None: made from the title."""

    kind: ProgrammeKind
    title: str | None
    id: str | None
    column: str | None
    campaign: str | None
    language: str
    on: date
    stories: int = 1


def check_wish(wish: ProgrammeWish, schedules: Schedules) -> None:
    """Check that column and campaign exist and fit, before long work begins.

    Raises:
        UnknownNameError: No such column or campaign; the nearest name is in the hint.
        InputError: A programme without a column, or an id that is none.
    """
    columns = {str(column.id): column.name for column in schedules.columns}
    campaigns = {str(campaign.id): campaign.name for campaign in schedules.campaigns}
    if wish.column is None and wish.kind is ProgrammeKind.PROGRAMME:
        known = ", ".join(columns)
        raise InputError("a programme needs a column", hint=f"name one with --column ({known}), or say --ident")
    for what, name, names in (("column", wish.column, columns), ("campaign", wish.campaign, campaigns)):
        if name is not None and name not in names:
            hint = suggest_nearest(name, names, f"known are: {', '.join(names) or 'none'}")
            raise UnknownNameError(f"there is no {what} {name!r} in schedules/", hint=hint)
    if wish.id is not None and not is_id(wish.id):
        raise InputError(f"{wish.id!r} cannot be an id", hint="small letters a-z, digits and hyphens")


def add_programme(
    workspace: Workspace,
    record: Record,
    schedules: Schedules,
    source: Path,
    wish: ProgrammeWish,
    now_at: datetime,
    progress: Callable[[float], None] | None = None,
) -> Programme:
    """Master a recording and keep it as a programme.

    Args:
        workspace: Where the master goes.
        record: Where the row goes.
        schedules: Target, centre's name, names of columns and campaigns.
        source: The recording; it is only read.
        wish: What it is.
        now_at: When it is added.
        progress: Told the share done, 0 to 1.

    Raises:
        InputError: The recording or what was said of it cannot be used. Nothing has been kept.
        MasteringError: No master could be made. Nothing has been kept.
    """
    check_wish(wish, schedules)
    workspace.clear_leftovers(now_at)
    source_sha256 = hash_file(source)
    title = compose(wish.title or source.stem)
    with record.read() as connection:
        known = read_programmes(connection, on=wish.on)
        taken = read_ids(connection)
    for other in known:
        if other.source_sha256 == source_sha256 and other.column == wish.column and other.title == title:
            raise ProgrammeFileError(
                f"{source.name} is there already as {other.id!r} ({other.title}, {other.on:%d/%m/%Y})",
                hint="give another --date or --column, or remove the one that is there",
            )
    name = _choose_id(wish, title, taken)
    column = next((c.name for c in schedules.columns if c.id == wish.column), "")
    campaign = next((c.name for c in schedules.campaigns if c.id == wish.campaign), "")
    tags = TagSet(
        title=title,
        centre=schedules.centre.name,
        column=column,
        on=wish.on,
        language=wish.language,
        programme=name,
        campaign=campaign,
    )
    master = make_master(source, workspace.masters, schedules.centre.target, tags, progress)
    programme = Programme(
        id=name,
        title=title,
        kind=wish.kind,
        column=None if wish.column is None else ColumnId(wish.column),
        campaign=None if wish.campaign is None else CampaignId(wish.campaign),
        language=wish.language,
        on=wish.on,
        source_name=source.name,
        source_sha256=source_sha256,
        master=master,
        added_at=now_at,
        stories=wish.stories,
    )
    with record.write() as connection:
        write_programme(connection, programme)
        write_audit(connection, now_at, getpass.getuser(), "programme added", name, source.name)
    return programme


def get_programme(record: Record, name: str) -> Programme:
    """Give a programme by its id.

    Raises:
        UnknownNameError: There is none; the nearest id is in the hint.
    """
    with record.read() as connection:
        found = read_programme(connection, ProgrammeId(name))
        names = [] if found else [programme.id for programme in read_programmes(connection)]
    if found is None:
        hint = suggest_nearest(name, names, "`broadcaster programme list` shows all")
        raise UnknownNameError(f"there is no programme {name!r}", hint=hint)
    return found


def draw_programme(workspace: Workspace, record: Record, schedules: Schedules, name: str) -> str:
    """Draw a programme's master as SVG: waveform and ceiling, loudness by second before and after, and the target.

    Raises:
        UnknownNameError: There is no such programme.
        InputError: Its master is not in the workspace.
        MasteringError: It cannot be decoded.
    """
    programme = get_programme(record, name)
    with record.read() as connection:
        before_lufs = read_curve(connection, programme.master.sha256)
    column = next((one.name for one in schedules.columns if one.id == programme.column), "")
    label = " · ".join(part for part in (column, f"{programme.on:%d/%m/%Y}") if part)
    path = workspace.get_master(programme.master.sha256)
    return draw_picture(path, programme.master, before_lufs, schedules.centre.target, programme.title, label)


def remove_programme(record: Record, name: str, now_at: datetime, *, unplan: bool) -> Programme:
    """Remove a programme; its master and its row stay, so that `restore_programme` can bring it back.

    Args:
        record: Where the row is.
        name: The programme's id.
        now_at: The present.
        unplan: Remove it also when it is planned; the next publishing takes it out of the plans. What is on air is
            never removed.

    Raises:
        UnknownNameError: There is none.
        InUseError: It is on air, or planned without `unplan`. Nothing has been changed.
    """
    programme = get_programme(record, name)
    with record.write() as connection:
        uses = read_future_use(connection, programme.id, now_at)
        on_air = [station for station, start_at in uses if start_at <= now_at]
        if on_air:
            raise InUseError(f"{name!r} is on air at {len(on_air)} stations", hint="wait until it has ended")
        if uses and not unplan:
            stations = len({station for station, _ in uses})
            raise InUseError(
                f"{name!r} is planned: {len(uses)} airings at {stations} stations, first {uses[0][1].isoformat()}",
                hint="`programme remove --unplan` takes it out of the plans as well",
            )
        write_removal(connection, programme.id, now_at)
        write_audit(connection, now_at, getpass.getuser(), "programme removed", name, "")
    return programme


def restore_programme(record: Record, name: str, now_at: datetime) -> Programme:
    """Bring a removed programme back.

    Raises:
        UnknownNameError: No such programme was ever removed.
    """
    with record.write() as connection:
        if not write_return(connection, ProgrammeId(name)):
            raise UnknownNameError(f"there is no removed programme {name!r}")
        write_audit(connection, now_at, getpass.getuser(), "programme restored", name, "")
    return get_programme(record, name)


def _choose_id(wish: ProgrammeWish, title: str, taken: set[str]) -> ProgrammeId:
    if wish.id is not None:
        if wish.id in taken:
            raise InputError(f"the id {wish.id!r} was given before", hint="choose another --id")
        return ProgrammeId(wish.id)
    stem = plan_id(title)[:48] or "programme"
    if wish.kind is ProgrammeKind.PROGRAMME:
        stem = f"{stem}-{wish.on:%Y%m%d}"
    number = 1
    name = stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return ProgrammeId(name)

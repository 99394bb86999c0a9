"""What is wrong with this box, in plain words: settings, key, folders, disk, clock, player, plan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from broadcaster.core.errors import StationError
from broadcaster.core.programs import find_ffmpeg
from broadcaster.station.agent import make_player
from broadcaster.station.clock import read_clock_error_ms
from broadcaster.station.ladder import list_planned
from broadcaster.station.library import Library
from broadcaster.station.player_mpv import MpvPlayer, try_output
from broadcaster.station.settings import StationSettings
from broadcaster.station.silence import find_sounding

BAD_CLOCK_MS = 1000


class State(StrEnum):
    """How a thing stands: right, worth a look, or wrong."""

    OK = "ok"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: State
    message: str


def check_box(settings: StationSettings, now_at: datetime) -> Iterator[Finding]:
    """Look at everything the agent needs. Nothing is changed, nothing is heard."""
    yield Finding("settings", State.OK, f"{settings.path}: station {settings.station}")
    yield Finding("centre's key", State.OK, " ".join(settings.centre_key.split()[:2]))
    yield _check_folder("inbox", settings.inbox)
    yield _check_folder("outbox", settings.outbox)
    yield _check_clock()
    yield _check_player(settings)
    found = _check_folder("library", settings.library)
    yield found
    if found.state is State.WRONG:
        return
    library = Library(settings.library, settings.centre_key, settings.station)
    yield _check_disk(settings, library)
    yield from _check_plan(settings, library, now_at)


def _check_folder(what: str, path: Path) -> Finding:
    try:
        is_there = path.is_dir()
    except OSError as error:  # a folder above it is closed
        return Finding(what, State.WRONG, f"{path} cannot be reached: {error.strerror}")
    if not is_there:
        return Finding(what, State.WRONG, f"{path} is not there; docs/station-box.md says how a box is set up")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding(what, State.WRONG, f"{path} is closed to this account: it must read, write and delete there")
    return Finding(what, State.OK, str(path))


def _check_disk(settings: StationSettings, library: Library) -> Finding:
    free_mb, reserve_mb = library.free_bytes() // 10**6, settings.reserve_bytes // 10**6
    if free_mb <= reserve_mb:
        return Finding("disk", State.WRONG, f"{free_mb} MB free, {reserve_mb} MB are kept free: masters are refused")
    return Finding("disk", State.OK, f"{free_mb} MB free, {reserve_mb} MB of them are kept free")


def _check_clock() -> Finding:
    error_ms = read_clock_error_ms()
    if error_ms is None:
        return Finding("clock", State.LOOK, "not synchronised: set up systemd-timesyncd or chrony")
    if error_ms > BAD_CLOCK_MS:
        return Finding("clock", State.LOOK, f"synchronised, but may be off by {error_ms} ms")
    return Finding("clock", State.OK, f"synchronised, off by {error_ms} ms at most")


def _check_player(settings: StationSettings) -> Finding:
    try:
        player = make_player(settings)
        if isinstance(player, MpvPlayer):
            sounding = find_sounding(settings.outbox)
            if sounding:  # the device may be open for one process alone
                return Finding("player", State.OK, f"{player.name}: in use, {sounding}")
            try_output(settings.output)
            return Finding("player", State.OK, f"{player.name}: opens")
        return Finding("player", State.OK, f"{player.name}, {find_ffmpeg()}")
    except StationError as error:
        return Finding("player", State.WRONG, f"{error.message}; {error.hint}" if error.hint else error.message)


def _check_plan(settings: StationSettings, library: Library, now_at: datetime) -> Iterator[Finding]:
    if library.plans_folder.is_dir():
        library.load_plans()
    for trouble in library.troubles:
        yield Finding("plan", State.WRONG, trouble)
    plans = [held.plan for held in library.plans.values()]
    today = [plan for plan in plans if plan.on == now_at.astimezone(ZoneInfo(plan.zone)).date()]
    if not today:
        yield Finding("plan today", State.LOOK, "none is held: nothing will play today")
        return
    planned = list_planned(today, settings.quiet_hours)
    missing = {one.airing.sha256 for one in planned if one.end_at() > now_at} - library.list_masters()
    text = f"revision {today[0].revision}, {len(planned)} airings"
    if missing:
        yield Finding("plan today", State.LOOK, f"{text}; {len(missing)} masters have not come yet")
    else:
        yield Finding("plan today", State.OK, f"{text}, every master is held")

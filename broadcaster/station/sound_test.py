"""An audible test of the sound device: three rising notes, as loud as a programme, never in quiet hours."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from broadcaster.core.errors import PlayerError
from broadcaster.station.check import Finding, State
from broadcaster.station.library import Library
from broadcaster.station.player_mpv import play_notes
from broadcaster.station.settings import StationSettings
from broadcaster.station.silence import find_sounding

WHAT = "sound test"


def try_sound(settings: StationSettings, now_at: datetime) -> Finding:
    """Play three notes into the sound device that programmes play into.

    Nothing is played in quiet hours, the box's own or those of a plan that it holds, nor while something sounds.
    """
    sounding = find_sounding(settings.outbox)
    if sounding:
        return Finding(WHAT, State.LOOK, f"not tried: {sounding}")
    try:
        if _is_quiet(settings, now_at):
            return Finding(WHAT, State.LOOK, "not tried: these are quiet hours")
        play_notes(settings.output, settings.volume)
    except OSError as error:
        return Finding(WHAT, State.LOOK, f"not tried: the plans with their quiet hours cannot be read ({error})")
    except PlayerError as error:
        return Finding(WHAT, State.WRONG, f"{error.message}; {error.hint}" if error.hint else error.message)
    return Finding(
        WHAT,
        State.LOOK,
        "three rising notes were played: if nobody heard them look at amplifier, cable and `alsamixer`",
    )


def _is_quiet(settings: StationSettings, now_at: datetime) -> bool:
    library = Library(settings.library, settings.centre_key, settings.station)
    if library.plans_folder.is_dir():
        library.load_plans()
    if any(quiet.has(now_at.astimezone().time()) for quiet in settings.quiet_hours):
        return True
    plans = [held.plan for held in library.plans.values()]
    return any(
        quiet.has(now_at.astimezone(ZoneInfo(plan.zone)).time())
        for plan in plans
        if plan.on == now_at.astimezone(ZoneInfo(plan.zone)).date()
        for quiet in plan.quiet_hours
    )

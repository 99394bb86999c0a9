"""Whether something sounds, by the agent's own last word: a programme is not cut by an upgrade or a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from broadcaster.core.errors import BroadcasterError
from broadcaster.wire.status import FILE_NAME, STALE_AFTER, read_status

SOON_S = 60.0
LOOK_S = 2.0


def find_sounding(outbox: Path) -> str:
    """Find out what sounds now or within a minute; "" when nothing does, or no agent runs."""
    try:
        status = read_status((outbox / FILE_NAME).read_bytes())
    except (OSError, BroadcasterError):
        return ""
    now_at = datetime.now(UTC)
    if abs(now_at - status.at) > STALE_AFTER:
        return ""
    if status.playing:
        return f"{status.playing!r} sounds"
    is_near = status.next_at is not None and (status.next_at - now_at).total_seconds() < SOON_S
    return "an item begins within a minute" if is_near else ""


def wait_for_silence(outbox: Path, tell: Callable[[str], None]) -> None:
    """Wait until nothing sounds and nothing is about to; told is what is waited for."""
    told = ""
    while sounding := find_sounding(outbox):
        if sounding != told:
            tell(f"wait  {sounding}")
            told = sounding
        time.sleep(LOOK_S)

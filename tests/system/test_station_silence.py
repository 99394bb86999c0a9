"""An upgrade and a sound test wait for a programme: what sounds is known by the agent's own last word."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcaster.core.ids import LogId, StationId
from broadcaster.station.silence import find_sounding, wait_for_silence
from broadcaster.wire.status import StationStatus, write_status


def write_word(outbox: Path, *, playing: str = "", next_s: float | None = None, age_s: float = 0) -> None:
    now_at = datetime.now(UTC)
    status = StationStatus(
        StationId("an-nong"), LogId("0123456789abcdef"), now_at - timedelta(seconds=age_s), "0.1.0", "mpv", 3, 10**9, 1,
        "", playing, None if next_s is None else now_at + timedelta(seconds=next_s), "",
    )  # fmt: skip
    (outbox / "status.json").write_bytes(write_status(status))


@pytest.mark.parametrize(
    ("playing", "next_s", "age_s", "said"),
    [
        ("Thời sự", None, 0, "'Thời sự' sounds"),
        ("", 40, 0, "an item begins within a minute"),
        ("", 90, 0, ""),
        ("", None, 0, ""),
        ("Thời sự", None, 60, ""),  # that agent runs no more
    ],
)
def test_what_sounds_is_the_agents_own_word(
    tmp_path: Path, playing: str, next_s: float | None, age_s: float, said: str
) -> None:
    write_word(tmp_path, playing=playing, next_s=next_s, age_s=age_s)
    assert find_sounding(tmp_path) == said


def test_where_no_agent_ever_ran_nothing_sounds(tmp_path: Path) -> None:
    assert find_sounding(tmp_path) == ""
    (tmp_path / "status.json").write_bytes(b"{")
    assert find_sounding(tmp_path) == ""


def test_an_upgrade_waits_until_the_programme_has_ended_and_says_so_once(tmp_path: Path) -> None:
    write_word(tmp_path, playing="Thời sự")
    told: list[str] = []
    waiting = threading.Thread(target=wait_for_silence, args=(tmp_path, told.append))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive()
    write_word(tmp_path)
    waiting.join(60)
    assert not waiting.is_alive()
    assert told == ["wait  'Thời sự' sounds"]

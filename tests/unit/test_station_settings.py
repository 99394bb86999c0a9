"""A box's settings: what is right is read, what is wrong is named."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from broadcaster.core.errors import StationConfigError
from broadcaster.core.model import QuietHours
from broadcaster.station.settings import PlayerKind, read_settings

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGy2BgLxzxN94kYHUCfuU7fwwr/8t9bGTRPPUohxim58 centre"
RIGHT = {
    "station": '"an-nong"', "centre_key": f'"{KEY}"', "inbox": '"/srv/b/inbox"', "outbox": '"/srv/b/outbox"',
    "library": '"/var/lib/b"',
}  # fmt: skip


def write_file(folder: Path, fields: dict[str, str | None]) -> Path:
    path = folder / "station.toml"
    merged = {name: value for name, value in {**RIGHT, **fields}.items() if value is not None}
    path.write_text("".join(f"{name} = {value}\n" for name, value in merged.items()))
    return path


def test_short_file_is_enough(tmp_path: Path) -> None:
    settings = read_settings(write_file(tmp_path, {}))
    assert (settings.station, settings.inbox, settings.centre_key) == ("an-nong", Path("/srv/b/inbox"), KEY)
    assert (settings.player, settings.output, settings.volume) == (PlayerKind.AUTO, "auto", 100)
    assert (settings.reserve_bytes, settings.quiet_hours) == (200_000_000, ())
    assert settings.journal_bytes == 500_000_000


def test_every_field_is_read(tmp_path: Path) -> None:
    fields: dict[str, str | None] = {
        "player": '"pcm"', "output": '"null"', "volume": "70", "reserve_mb": "0",
        "quiet_hours": '[{from = "22:00", to = "04:30"}]',
    }  # fmt: skip
    settings = read_settings(write_file(tmp_path, fields))
    assert (settings.player, settings.output, settings.volume) == (PlayerKind.PCM, "null", 70)
    assert (settings.reserve_bytes, settings.quiet_hours) == (0, (QuietHours(time(22), time(4, 30)),))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("station", None, "'station' is missing, expected a text"),
        ("station", '"An Nông"', "expected a station's id"),
        ("centre_key", '"ssh-rsa AAAA"', "expected the line that `broadcaster key` prints"),
        ("inbox", '"inbox"', "expected a whole path"),
        ("outbox", '"/srv/b/inbox"', "three folders"),
        ("library", '"/srv/b/inbox/library"', "none inside another"),
        ("player", '"vlc"', "expected mpv, pcm or auto"),
        ("output", "5", "expected a text"),
        ("volume", "131", "expected a whole number from 0 to 130"),
        ("volume", "true", "expected a whole number"),
        ("reserve_mb", "-1", "expected a whole number"),
        ("quiet_hours", '"22:00"', "expected a list such as"),
        ("quiet_hours", '[{from = "22:00"}]', "expected a list such as"),
        ("quiet_hours", '[{from = "25:00", to = "04:30"}]', "expected a list such as"),
        ("quiet_hours", "[{from = 22:00:00, to = 04:30:00}]", "expected a list such as"),
        ("volum", "5", "'volum' is unknown; did you mean 'volume'?"),
        ("volume", "[", "is not TOML"),
    ],
)
def test_wrong_field_is_named_with_file_and_what_was_expected(
    tmp_path: Path, field: str, value: str | None, told: str
) -> None:
    path = write_file(tmp_path, {field: value})
    with pytest.raises(StationConfigError) as caught:
        read_settings(path)
    assert str(path) in caught.value.message
    assert told in caught.value.message


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StationConfigError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")

"""The commune's own items and fallback pieces on a real box: the command, the real agent, real sound files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from broadcaster.core.files import hash_file
from broadcaster.core.programs import find_ffmpeg
from broadcaster.core.time import SystemClock
from broadcaster.station.library import Library
from broadcaster.station.take_in import FallbackTaker, take_in
from broadcaster.wire.journal import Ending, Happening, StandIn
from tests.station_box import AN_NONG, ZONE_NAME, StationBox, make_plan, wait_until
from tests.station_simulator import FakeClock
from tests.system.test_station_agent import running, soon
from tests.unit.makers import make_airing


def make_sound(path: Path, seconds: float, tone_hz: int = 330) -> Path:
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"sine={tone_hz}:d={seconds}"]
    subprocess.run([*command, str(path)], check=True)
    return path


def call(settings: Path, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "local", *words]
    return subprocess.run(command, input=answer, capture_output=True, check=False, text=True)


@pytest.fixture
def box(tmp_path: Path) -> StationBox:
    return StationBox(tmp_path / "box")


@pytest.fixture
def library(box: StationBox) -> Library:
    library = Library(box.library, box.key_line, AN_NONG)
    library.open()
    return library


def test_item_is_previewed_confirmed_played_and_journalled_as_the_communes_own(box: StationBox, tmp_path: Path) -> None:
    sound = make_sound(tmp_path / "Họp thôn 3.ogg", 1.5)
    settings = box.write_settings()
    airing = replace(make_airing("centre", soon(3600)), title="Thời sự")
    box.send_plan(make_plan(airing.start_at.astimezone(ZoneInfo(ZONE_NAME)).date(), [airing]))
    with running(box, settings):
        wait_until(lambda: any((box.library / "plans").glob("*.json")))
        at = (airing.start_at + timedelta(seconds=10)).astimezone(ZoneInfo(ZONE_NAME))
        words = ("add", str(sound), "--at", f"{at:%H:%M:%S}", "--on", f"{at:%d/%m/%Y}")
        refused = call(settings, *words, answer="n\n")
        assert "Họp thôn 3" in refused.stdout
        assert "it waits for the end of the centre's normal programme 'Thời sự'" in refused.stdout
        assert "nothing was planned" in refused.stdout
        assert not (box.library / "own.json").exists()
        start = soon(6).astimezone(ZoneInfo(ZONE_NAME))
        taken = call(
            settings, "add", str(sound), "--at", f"{start:%H:%M:%S}", "--on", f"{start:%Y-%m-%d}", "--priority", "--yes"
        )
        assert taken.returncode == 0, taken.stderr
        assert "  free" in taken.stdout
        wait_until(lambda: len(box.read_journal()) == 2)
    first, end = box.read_journal()
    assert (first.title, first.is_local, end.is_local, end.ending) == ("Họp thôn 3", True, True, Ending.COMPLETE)
    assert first.airing.startswith(f"local-hop-thon-3-{start:%Y%m%d}-1-")
    assert abs((end.started_at or end.at) - start) < timedelta(seconds=2)
    assert 1200 <= end.output_ms <= 1700
    listed = json.loads(call(settings, "list", "--json").stdout)
    assert [(item["id"], item["priority"]) for item in listed["items"]] == [("hop-thon-3", "priority")]
    assert "did you mean 'hop-thon-3'?" in call(settings, "remove", "hop-thon", "--yes").stderr
    assert call(settings, "remove", "hop-thon-3", "--yes").returncode == 0
    assert "no items" in call(settings, "list").stdout


def test_folder_becomes_one_item_in_the_order_of_names(box: StationBox, tmp_path: Path) -> None:
    folder = tmp_path / "Ca nhạc"
    folder.mkdir()
    for name, seconds in (("2 hai.wav", 1.0), ("1 một.wav", 2.0)):
        make_sound(folder / name, seconds)
    settings = box.write_settings()
    taken = call(settings, "add", str(folder), "--at", "06:00", "--days", "sat,sun", "--yes")
    assert taken.returncode == 0, taken.stderr
    (item,) = json.loads((box.library / "own.json").read_bytes())["items"]
    assert [piece["title"] for piece in item["pieces"]] == ["1 một", "2 hai"]
    assert [round(piece["duration_ms"] / 1000) for piece in item["pieces"]] == [2, 1]
    assert all((box.library / f"{piece['sha256']}.mp3").exists() for piece in item["pieces"])
    assert "ca-nhac: Ca nhạc, sat,sun 06:00, 0 min 03 s, normal" in taken.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "06:00"), "name either --on DATE or --days"),
        (("--at", "6h", "--on", "2099-01-01"), "is not a time of day"),
        (("--at", "06:00", "--days", "thu2"), "'thu2' is not one of mon"),
        (("--at", "06:00", "--on", "2020-01-01"), "all its dates are over"),
        (("--at", "06:00", "--on", "2099-01-01", "--first"), "--first goes with --priority"),
        (("--at", "06:00", "--on", "2099-01-01"), "cannot be read as sound"),
    ],
)
def test_wrong_items_are_refused_with_what_is_wrong(
    box: StationBox, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "a.mp3").write_bytes(b"no sound" * 1000)
    done = call(box.write_settings(), "add", str(tmp_path / "a.mp3"), *words, "--yes")
    assert done.returncode not in (0, 70)
    assert message in done.stderr
    assert not (box.library / "own.json").exists()


def test_communes_files_are_brought_to_the_loudness_of_masters_and_never_make_room(
    library: Library, tmp_path: Path
) -> None:
    piece = take_in(library, make_sound(tmp_path / "nhỏ.wav", 5.0), 0)
    path = library.master_path(piece.sha256)
    assert hash_file(path) == piece.sha256
    said = subprocess.run(
        [find_ffmpeg(), "-nostdin", "-i", str(path), "-af", "ebur128", "-f", "null", "-"], capture_output=True,
        check=True,
    )  # fmt: skip
    loudness = float(said.stderr.decode().rsplit("I:", 1)[1].split()[0])
    assert loudness == pytest.approx(-16, abs=1.5)
    later = datetime.now(UTC) + timedelta(days=30)
    assert library.list_removable(later) == [piece.sha256]
    taker = FallbackTaker(tmp_path, library, SystemClock(), 0)
    taker.clock = FakeClock(datetime.now(UTC) + timedelta(minutes=1))
    taker.refresh()
    assert library.list_removable(later) == []


def test_fallback_folder_is_followed_file_by_file(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "fallback"
    folder.mkdir()
    taker = FallbackTaker(folder, library, FakeClock(datetime.now(UTC) + timedelta(minutes=1)), 0)
    make_sound(folder / "b.wav", 1.0)
    make_sound(folder / "a.mp3", 2.0)
    (folder / "ảnh.jpg").write_bytes(b"no sound")
    (folder / "link.wav").symlink_to("/etc/passwd")
    taker.refresh()
    assert [sub.title for sub in library.own.list_substitutes()] == ["a", "b"]
    assert "ảnh.jpg cannot be read as sound" in taker.trouble
    again = Library(library.folder, library.centre_key, library.station)
    again.open()
    assert again.own.list_substitutes() == library.own.list_substitutes()
    for name in ("a.mp3", "ảnh.jpg"):
        (folder / name).unlink()
    taker.refresh()
    assert [sub.title for sub in library.own.list_substitutes()] == ["b"]
    assert taker.trouble == ""


def test_real_agent_fills_a_missing_masters_time_from_the_fallback_folder(box: StationBox, tmp_path: Path) -> None:
    folder = tmp_path / "fallback"
    folder.mkdir()
    make_sound(folder / "Nhạc nền.ogg", 20.0)
    settings = box.write_settings(fallback=str(folder))
    with running(box, settings):
        wait_until((box.library / "fallback.json").exists, 60)
        airing = make_airing("a", soon(4), 2000)
        box.send_plan(make_plan(airing.start_at.astimezone(ZoneInfo(ZONE_NAME)).date(), [airing]))
        wait_until(lambda: len(box.read_journal()) == 2)
    start, end = box.read_journal()
    assert [line.happening for line in (start, end)] == [Happening.START, Happening.END]
    assert (start.stand_in, start.title, end.ending) == (StandIn.FALLBACK, "Nhạc nền", Ending.STOPPED)
    assert end.note == "the time of what it stood for was over"
    assert 1500 <= end.output_ms <= 2500

"""One suite over both players: what the station may rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broadcaster.core.errors import PlayerError, UnplayableError
from broadcaster.core.programs import find_ffmpeg
from broadcaster.station.player import Cue, Player
from broadcaster.station.player_mpv import MpvPlayer, try_output
from broadcaster.station.player_pcm import PcmPlayer
from tests.station_box import make_master

SECONDS = 1.5


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_master(tmp_path_factory.mktemp("tone"), SECONDS)[0]


@pytest.fixture(params=[MpvPlayer, PcmPlayer], ids=["mpv", "pcm"])
def player(request: pytest.FixtureRequest) -> Iterator[Player]:
    make: Callable[[str], Player] = request.param
    player = make("null")
    yield player
    player.close()


def play_out(cue: Cue) -> None:
    until_s = time.monotonic() + 20
    while not cue.is_finished():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_player_counts_all_that_it_gave_out(player: Player, tone: Path) -> None:
    cue = player.prepare(tone, 0, 100)
    assert cue.output_ms() == 0
    assert not cue.is_finished()
    cue.start()
    play_out(cue)
    assert SECONDS * 1000 - 200 <= cue.output_ms() <= SECONDS * 1000 + 100


def test_player_takes_as_long_as_the_sound_is(player: Player, tone: Path) -> None:
    cue = player.prepare(tone, 0, 100)
    began_s = time.monotonic()
    cue.start()
    play_out(cue)
    assert time.monotonic() - began_s >= SECONDS - 0.05


def test_player_joins_in_the_middle(player: Player, tone: Path) -> None:
    cue = player.prepare(tone, 1000, 100)
    cue.start()
    play_out(cue)
    assert 300 <= cue.output_ms() <= 700


def test_player_stops_in_mid_sound_and_plays_the_next(player: Player, tone: Path) -> None:
    cue = player.prepare(tone, 0, 100)
    cue.start()
    while cue.output_ms() < 200:
        assert not cue.is_finished()
    cue.stop()
    cue.stop()
    stopped_ms = cue.output_ms()
    assert 200 <= stopped_ms < SECONDS * 1000
    following = player.prepare(tone, 1000, 50)
    following.start()
    play_out(following)
    assert cue.output_ms() == stopped_ms
    assert following.output_ms() >= 300


def test_unused_cue_is_put_away(player: Player, tone: Path) -> None:
    player.prepare(tone, 0, 100).stop()
    cue = player.prepare(tone, 1200, 100)
    cue.start()
    play_out(cue)


def test_player_refuses_what_is_not_sound_and_plays_on(player: Player, tone: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp3"
    junk.write_text(f"#EXTM3U\n{tone}\n")  # a playlist must not open what it names
    with pytest.raises(UnplayableError):
        player.prepare(junk, 0, 100)
    with pytest.raises(UnplayableError):
        player.prepare(tmp_path / "missing.mp3", 0, 100)
    cue = player.prepare(tone, 1200, 100)
    cue.start()
    play_out(cue)


def test_truncated_file_gives_out_less(player: Player, tone: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(tone.read_bytes()[: tone.stat().st_size // 2])
    cue = player.prepare(cut, 0, 100)
    cue.start()
    play_out(cue)
    assert 0 < cue.output_ms() < SECONDS * 1000 - 500


def test_killed_mpv_is_an_error_and_the_next_cue_plays(tone: Path) -> None:
    player = MpvPlayer("null")
    try:
        cue = player.prepare(tone, 0, 100)
        cue.start()
        assert not cue.is_finished()
        assert player.pid is not None
        os.kill(player.pid, signal.SIGKILL)
        with pytest.raises(PlayerError):
            play_out(cue)
        following = player.prepare(tone, 1200, 100)
        following.start()
        play_out(following)
    finally:
        player.close()


def test_hung_mpv_is_killed_and_replaced(tone: Path) -> None:
    player = MpvPlayer("null")
    try:
        cue = player.prepare(tone, 0, 100)
        cue.start()
        hung = player.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(PlayerError):
            play_out(cue)
        player.prepare(tone, 0, 100).stop()
        assert player.pid != hung
    finally:
        player.close()


def test_missing_sound_device_is_told() -> None:
    with pytest.raises(PlayerError, match="does not open"):
        try_output("alsa/no-such-device")
    try_output("null")


@dataclass
class Horn:
    """A sound card for ALSA: it takes sound out of a FIFO at the pace of real time, until it is lost."""

    fifo: Path
    is_stuck: threading.Event = field(default_factory=threading.Event)
    is_gone: threading.Event = field(default_factory=threading.Event)

    def play(self) -> None:
        with self.fifo.open("rb", buffering=0) as sound:
            while not self.is_gone.is_set() and sound.read(192_000 // 50):
                time.sleep(0.02)
                while self.is_stuck.is_set() and not self.is_gone.is_set():
                    time.sleep(0.02)


@pytest.fixture
def horn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Horn]:
    made = Horn(tmp_path / "horn")
    os.mkfifo(made.fifo)
    (tmp_path / ".asoundrc").write_text(
        f'pcm.horn {{ type file; slave.pcm "null"; file "{made.fifo}"; format "raw" }}\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    thread = threading.Thread(target=made.play)
    thread.start()
    yield made
    made.is_gone.set()
    os.close(os.open(made.fifo, os.O_RDWR))  # lets go of a reader that waits for the first writer
    thread.join()


@pytest.mark.parametrize("how", ["is_stuck", "is_gone"])
def test_sound_device_that_is_lost_in_mid_sound_is_an_error_and_counts_no_more(
    horn: Horn, tmp_path: Path, how: str
) -> None:
    """A card that hangs blocks mpv; one that is pulled out may swallow the rest of the file at once."""
    long = make_master(tmp_path, 30.0)[0]
    player = MpvPlayer("alsa/horn")
    try:
        cue = player.prepare(long, 0, 100)
        cue.start()
        while cue.output_ms() < 1000:
            assert not cue.is_finished()
            time.sleep(0.05)
        getattr(horn, how).set()
        with pytest.raises(PlayerError) as told:
            play_out(cue)
        assert not isinstance(told.value, UnplayableError)
        assert 1000 <= cue.output_ms() < 6000
    finally:
        player.close()


def test_sound_file_holds_what_sounded_at_its_volume(tone: Path, tmp_path: Path) -> None:
    peaks = []
    for number, volume in enumerate((100, 50)):
        path = tmp_path / f"{number}.wav"
        player = PcmPlayer(str(path))
        for _ in range(2):
            cue = player.prepare(tone, 1000, volume)
            cue.start()
            play_out(cue)
        player.close()
        with wave.open(str(path)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (48000, 2, 2)
            assert abs(sound.getnframes() - 48000) < 10_000
            frames = memoryview(sound.readframes(sound.getnframes())).cast("h")
            peaks.append(max(frames))
    assert peaks[1] / peaks[0] == pytest.approx(0.125, rel=0.1)


def make_hole(folder: Path) -> Path:
    """Make two seconds of a tone and fourteen of silence behind it."""
    path = folder / "hole.mp3"
    subprocess.run(
        [find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=440:r=48000:d=2",
         "-af", "apad=pad_dur=14", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k", str(path)],
        check=True,
    )  # fmt: skip
    return path


def test_silence_is_an_error_and_counts_for_nothing(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broadcaster.station.player.LONGEST_SILENCE_MS", 1000)
    cue = player.prepare(make_hole(tmp_path), 0, 50)
    cue.start()
    with pytest.raises(UnplayableError, match="silence for"):
        play_out(cue)
    assert 1200 <= cue.output_ms() <= 2700
    cue.stop()


def test_pause_is_no_error_but_an_item_without_any_sound_is(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broadcaster.station.player.SHORTEST_SILENCE_MS", 500)
    hole = make_hole(tmp_path)
    cue = player.prepare(hole, 1000, 100)
    cue.start()
    until_s = time.monotonic() + 4
    while time.monotonic() < until_s:
        assert not cue.is_finished()
        time.sleep(0.05)
    cue.stop()
    mute = player.prepare(hole, 15_000, 100)
    mute.start()
    with pytest.raises(UnplayableError, match="silence for"):
        play_out(mute)
    assert mute.output_ms() == 0


def test_lost_sound_device_is_not_the_masters_fault(tone: Path) -> None:
    player = MpvPlayer("alsa/no-such-device")
    try:
        with pytest.raises(PlayerError, match="audio output") as told:
            player.prepare(tone, 0, 100)
        assert not isinstance(told.value, UnplayableError)
    finally:
        player.close()

"""What really sounded, read from the PCM that the agent wrote, not from its diary: content, place, length, volume."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest

from broadcaster.core.files import hash_file
from broadcaster.core.ids import AiringId
from broadcaster.core.model import Airing, StartRule
from broadcaster.core.programs import find_ffmpeg
from broadcaster.station.player import choose_gain
from broadcaster.station.sound_file import HEAD_BYTES, RATE_HZ
from broadcaster.wire.journal import Ending, Happening
from broadcaster.wire.order import EmergencyOrder
from tests.station_box import ZONE_NAME, StationBox, make_airing_of, make_plan, wait_until
from tests.system.test_station_agent import running, soon
from tests.system.test_station_orders import ORDER, send_order
from tests.unit.makers import make_airing

Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Master:
    """A real MP3 with a sound that is like no other, and that sound."""

    path: Path
    seconds: float
    sound: Sound


def make_noise(folder: Path, seconds: float, seed: int) -> Master:
    path = folder / f"noise-{seed}.mp3"
    source = f"anoisesrc=c=pink:a=0.3:seed={seed}:r=48000:d={seconds}"
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-ac", "2", "-b:a", "128k"]
    subprocess.run([*command, str(path)], check=True)
    path = path.rename(folder / f"{hash_file(path)}.mp3")
    raw = subprocess.run(
        [find_ffmpeg(), "-nostdin", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "2", "-ar", "48000", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    return Master(path, seconds, read_mono(raw))


def read_mono(raw: bytes) -> Sound:
    samples = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<i2").reshape(-1, 2)
    return np.asarray(samples.mean(axis=1) / 32768, dtype=np.float64)


def read_sounded(path: Path) -> Sound:
    return read_mono(path.read_bytes()[HEAD_BYTES:])


def find_place_s(part: Sound, whole: Sound) -> tuple[float, float]:
    """Find where (s) a part lies in a whole, and how well it fits there (normalised correlation, 1 is the same)."""
    size = 1 << (len(part) + len(whole) - 1).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size))
    place = int(np.argmax(np.fft.irfft(spectrum, size)[: len(whole) - len(part) + 1]))
    found = whole[place : place + len(part)]
    fit = float(np.dot(found, part) / (np.linalg.norm(found) * np.linalg.norm(part)))
    return place / RATE_HZ, fit


def cut(sound: Sound, from_s: float, seconds: float) -> Sound:
    return sound[round(from_s * RATE_HZ) : round((from_s + seconds) * RATE_HZ)]


def measure_gain(sounded: Sound, master: Sound) -> float:
    return float(np.linalg.norm(sounded) / np.linalg.norm(master))


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> list[Master]:
    folder = tmp_path_factory.mktemp("masters")
    return [make_noise(folder, seconds, seed) for seed, seconds in ((1, 3.0), (2, 2.0), (3, 12.0))]


@dataclass
class Setup:
    box: StationBox
    wav: Path
    settings: Path

    def deliver(self, *pairs: tuple[Airing, Master]) -> list[Airing]:
        airings = [make_airing_of(airing, master.path, master.seconds) for airing, master in pairs]
        on = airings[0].start_at.astimezone(ZoneInfo(ZONE_NAME)).date()
        self.box.send_plan(make_plan(on, airings))
        for _, master in pairs:
            self.box.send_bytes(master.path.read_bytes())
        return airings


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    box = StationBox(tmp_path / "box")
    wav = tmp_path / "sounded.wav"
    return Setup(box, wav, box.write_settings(player="pcm", output=str(wav)))


def test_items_sound_whole_in_order_from_their_second_and_as_loud_as_asked(setup: Setup, masters: list[Master]) -> None:
    box = setup.box
    with running(box, setup.settings):
        first = make_airing("first", soon(4))
        second = replace(
            make_airing("second", first.start_at + timedelta(seconds=3)), start_rule=StartRule.AFTER, volume=50
        )
        setup.deliver((first, masters[0]), (second, masters[1]))
        wait_until(lambda: setup.wav.exists() and setup.wav.stat().st_size > HEAD_BYTES)
        heard_at = datetime.now(UTC)
        wait_until(lambda: len(box.read_journal()) == 4)
    sounded = read_sounded(setup.wav)
    place_s, fit = find_place_s(cut(masters[0].sound, 0, 3.0), sounded)
    assert fit > 0.99
    assert place_s < 0.002
    place_s, fit = find_place_s(cut(masters[1].sound, 0, 2.0), sounded)
    assert fit > 0.99
    assert abs(place_s - len(masters[0].sound) / RATE_HZ) < 0.005
    assert len(sounded) / RATE_HZ == pytest.approx((len(masters[0].sound) + len(masters[1].sound)) / RATE_HZ, abs=0.01)
    assert measure_gain(cut(sounded, 0, 2.9), cut(masters[0].sound, 0, 2.9)) == pytest.approx(1, abs=0.02)
    quiet = measure_gain(cut(sounded, place_s, 1.9), cut(masters[1].sound, 0, 1.9))
    assert quiet == pytest.approx(choose_gain(50), rel=0.05)
    told = box.read_journal()[1]
    assert told.started_at is not None
    assert first.start_at <= told.started_at <= heard_at


def test_item_that_is_joined_late_sounds_from_the_place_that_the_diary_names(
    setup: Setup, masters: list[Master]
) -> None:
    box = setup.box
    airing = make_airing("a", soon(-3))
    setup.deliver((airing, masters[2]))
    with running(box, setup.settings):
        wait_until(lambda: len(box.read_journal()) == 2, 30)
    start, end = box.read_journal()
    joined_s = float(start.note.removeprefix("joined ").split(" s ")[0])
    sounded = read_sounded(setup.wav)
    place_s, fit = find_place_s(cut(sounded, 0.2, 1.8), masters[2].sound)  # a decoder needs some frames after a seek
    assert fit > 0.99
    assert place_s - 0.2 == pytest.approx(joined_s, abs=0.1)
    assert len(sounded) / RATE_HZ == pytest.approx(end.output_ms / 1000, abs=0.05)


def make_order(master: Master, seconds: float = 60) -> EmergencyOrder:
    now_at = datetime.now(UTC)
    return replace(
        ORDER, issued_at=now_at, expires_at=now_at + timedelta(seconds=seconds), sha256=hash_file(master.path),
        size_bytes=master.path.stat().st_size, duration_ms=round(master.seconds * 1000),
    )  # fmt: skip


def start_long_item(setup: Setup, masters: list[Master]) -> None:
    """Let the long item sound, with the order's master already there."""
    setup.box.send_bytes(masters[0].path.read_bytes())
    setup.deliver((make_airing("a", soon(3)), masters[2]))
    wait_until(lambda: setup.wav.exists() and setup.wav.stat().st_size > 2 * RATE_HZ * 4)


def test_order_sounds_whole_in_the_middle_and_the_item_goes_on_where_it_was_cut(
    setup: Setup, masters: list[Master]
) -> None:
    box = setup.box
    with running(box, setup.settings):
        start_long_item(setup, masters)
        send_order(box, make_order(masters[0]))
        wait_until(lambda: len(box.read_journal()) == 6, 40)
    ends = [line for line in box.read_journal() if line.happening is Happening.END]
    assert [line.ending for line in ends] == [Ending.CUT_BY_EMERGENCY, Ending.COMPLETE, Ending.COMPLETE]
    sounded = read_sounded(setup.wav)
    order_s, fit = find_place_s(cut(masters[0].sound, 0.1, 2.8), sounded)
    assert fit > 0.99
    cut_s = ends[0].output_ms / 1000
    assert order_s - 0.1 == pytest.approx(cut_s, abs=0.05)
    before_s, fit = find_place_s(cut(sounded, 0.1, cut_s - 0.3), masters[2].sound)
    assert (round(before_s, 2), fit > 0.99) == (0.1, True)
    after_s, fit = find_place_s(cut(sounded, order_s + 3.2, 2.0), masters[2].sound)
    assert fit > 0.99
    assert after_s == pytest.approx(cut_s + 0.3, abs=0.2)
    assert sum(line.output_ms for line in ends if line.airing == "a") == pytest.approx(12_000, abs=300)


def test_kill_in_the_middle_of_an_order_never_sounds_it_again_and_the_item_goes_on(
    setup: Setup, masters: list[Master]
) -> None:
    box = setup.box
    playing = box.library / "playing.json"
    with running(box, setup.settings) as agent:
        start_long_item(setup, masters)
        send_order(box, make_order(masters[0]))
        wait_until(lambda: b"order-" in (playing.read_bytes() if playing.exists() else b""))
        begun_bytes = setup.wav.stat().st_size
        wait_until(lambda: setup.wav.stat().st_size > begun_bytes + RATE_HZ * 4)
        agent.kill()
        agent.wait()
    with running(box, setup.settings):
        wait_until(lambda: len(box.read_journal()) == 6, 40)
    lines = box.read_journal()
    assert [(line.airing, line.happening, line.ending) for line in lines] == [
        (AiringId("a"), Happening.START, None),
        ("order-lu-quet-01", Happening.START, None),
        ("a", Happening.END, Ending.CUT_BY_EMERGENCY),
        ("order-lu-quet-01", Happening.END, Ending.INTERRUPTED),
        ("a", Happening.START, None),
        ("a", Happening.END, Ending.COMPLETE),
    ]
    sounded = read_sounded(setup.wav)
    order_s, fit = find_place_s(cut(masters[0].sound, 0.1, 0.6), sounded)
    assert fit > 0.99
    rest = cut(sounded, order_s + 3.5, 60)
    assert find_place_s(cut(masters[0].sound, 0.1, 0.6), rest)[1] < 0.3  # not a second time
    cut_s, lost_ms = lines[2].output_ms / 1000, lines[3].output_ms
    assert 0 <= lost_ms <= 3000
    tail_s, fit = find_place_s(cut(sounded, len(sounded) / RATE_HZ - 2.5, 2.0), masters[2].sound)
    assert fit > 0.99
    assert tail_s == pytest.approx(9.5, abs=0.2)
    assert cut_s + lines[5].output_ms / 1000 == pytest.approx(12, abs=0.3)
    assert not playing.exists()
    assert json.loads((box.outbox / "status.json").read_bytes())["playing"] in ("", "Tin")

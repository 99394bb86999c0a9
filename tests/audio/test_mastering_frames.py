"""Frames: what passes bit for bit, and seams that cannot be told from any other place."""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import Master, MasteringTarget, TagSet
from broadcaster.core.time import SystemClock
from broadcaster.mastering import attempt
from broadcaster.mastering.attempt import Encoding
from broadcaster.mastering.child import FfmpegChild
from broadcaster.mastering.encode import encode_spooled, encode_stretch
from broadcaster.mastering.info_header import count_frames, plan_info_header
from broadcaster.mastering.join import Stream, choose_seam
from broadcaster.mastering.load import check_source, read_sound
from broadcaster.mastering.master import make_master, measure_source
from broadcaster.mastering.mpeg_frames import match_announced_frames, match_frame
from broadcaster.mastering.render import Renderer
from broadcaster.mastering.setting import Setting
from broadcaster.mastering.sound import HEADROOM_DB, list_samples
from broadcaster.mastering.spool import Spool
from broadcaster.mastering.tag import read_tags

TARGET = MasteringTarget()
TAGS = TagSet("Bản tin", "Đài", "Chuyên mục", date(2023, 10, 9), "vi", ProgrammeId("ban-tin"))
TALK = Path(__file__).parents[2] / "audio" / "Câu chuyện chuyển đổi số.mp3"
OLD = (1_600_000_000, 1_600_000_000)
Samples = npt.NDArray[np.float64]


def decode(path: Path) -> Samples:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", f"file:{path}", "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    return np.frombuffer(done.stdout, dtype="<f4").reshape(-1, 2).astype(np.float64)


def skip_tag(data: bytes) -> bytes:
    assert data[:3] == b"ID3"
    return data[10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]) :]


def list_frames(data: bytes) -> list[bytes]:
    at, frames = 0, []
    while at < len(data):
        frame = match_frame(data, at)
        assert frame is not None
        frames.append(data[at : at + frame.size_bytes])
        at += frame.size_bytes
    return frames


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Master]:
    folder = tmp_path_factory.mktemp("finished")
    source = Path(shutil.copy(TALK, folder / "talk.mp3"))
    os.utime(source, OLD)
    (folder / "masters").mkdir()
    master = make_master(source, folder / "masters", TARGET, TAGS)
    return folder / "masters" / f"{master.sha256}.mp3", master


def test_finished_master_passes_bit_for_bit_and_only_its_tags_change(
    tmp_path: Path, finished: tuple[Path, Master]
) -> None:
    old, first = finished
    rubbish = b"TAG" + "Bản tin".encode("cp1258", "replace").ljust(125, b"\0")
    source = tmp_path / "again.mp3"
    source.write_bytes(old.read_bytes() + rubbish)
    os.utime(source, OLD)
    (tmp_path / "masters").mkdir()
    tags = TagSet("Tên mới", "Đài", "Chuyên mục", date(2023, 10, 9), "vi", ProgrammeId("ten-moi"))
    again = make_master(source, tmp_path / "masters", TARGET, tags)
    made = tmp_path / "masters" / f"{again.sha256}.mp3"
    assert skip_tag(made.read_bytes()) == skip_tag(old.read_bytes())
    assert read_tags(made)["TIT2"] == "Tên mới"
    assert (again.gain_db, again.limiter_db) == (0.0, 0.0)
    assert again.duration_ms == first.duration_ms
    assert again.after.integrated_lufs == pytest.approx(again.before.integrated_lufs, abs=0.01)


@pytest.mark.parametrize("fault", ["another rate", "cut in a frame", "other frames inside", "other target"])
def test_finished_master_with_a_fault_is_encoded_again(
    tmp_path: Path, finished: tuple[Path, Master], fault: str
) -> None:
    data = finished[0].read_bytes()
    target = TARGET
    if fault == "another rate":
        target = MasteringTarget(bitrate_kbps=160)
    if fault == "other target":
        target = MasteringTarget(loudness_lufs=-18.0)
    if fault == "cut in a frame":
        data = skip_tag(data)
        data = b"".join(list_frames(data)[1:])[:-100]
    if fault == "other frames inside":
        data += encode_stretch(map(list_samples, read_sound(check_source(TALK, SystemClock()))), 192)[: 600 * 30]
    source = tmp_path / "a.mp3"
    source.write_bytes(data)
    os.utime(source, OLD)
    (tmp_path / "masters").mkdir()
    master = make_master(source, tmp_path / "masters", target, TAGS)
    assert skip_tag((tmp_path / "masters" / f"{master.sha256}.mp3").read_bytes()) != skip_tag(finished[0].read_bytes())
    assert master.after.integrated_lufs == pytest.approx(target.loudness_lufs, abs=0.2)


def test_header_that_announces_a_wrong_length_does_not_pass_with_the_frames(
    tmp_path: Path, finished: tuple[Path, Master]
) -> None:
    data = bytearray(skip_tag(finished[0].read_bytes()))
    at = data.index(b"Info")
    data[at + 8 : at + 12] = struct.pack(">I", 200_000)
    source = tmp_path / "a.mp3"
    source.write_bytes(data)
    os.utime(source, OLD)
    (tmp_path / "masters").mkdir()
    master = make_master(source, tmp_path / "masters", TARGET, TAGS)
    made = skip_tag((tmp_path / "masters" / f"{master.sha256}.mp3").read_bytes())
    assert match_announced_frames(made) == len(list_frames(made)) - 1


def test_master_is_as_long_as_its_recording_to_the_sample(finished: tuple[Path, Master]) -> None:
    path, master = finished
    frames = list_frames(skip_tag(path.read_bytes()))
    assert match_announced_frames(frames[0]) == len(frames) - 1
    sounding = len(decode(path))
    assert sounding == round(master.before.duration_s * 44_100)
    assert master.duration_ms == round(sounding / 44.1)


def test_seams_differ_from_one_piece_no_more_than_any_other_place(tmp_path: Path) -> None:
    setting = Setting(4.0, None)
    with tempfile.TemporaryFile(buffering=0) as file, tempfile.TemporaryFile(buffering=0) as room:
        spool = Spool(file)
        before = measure_source(check_source(TALK, SystemClock()), lambda _: None, spool=spool).reading
        with ThreadPoolExecutor(2) as workers:
            encoding = Encoding(spool, before, TARGET, workers, room, is_limited=True)
            joined = tmp_path / "joined.mp3"
            done = encoding.write(joined, setting, lambda _: None)
        whole = tmp_path / "whole.mp3"
        frames = encode_stretch(Renderer(spool, before, setting).read(0, spool.frames), TARGET.bitrate_kbps)
        whole.write_bytes(plan_info_header(frames, TARGET.bitrate_kbps, spool.frames, len(frames)) + frames)
        source = np.concatenate([list_samples(piece, HEADROOM_DB + 4.0) for piece in spool.read(0, spool.frames)])
    ours, theirs = decode(joined), decode(whole)
    assert len(ours) == len(theirs) == len(source) == round(done.after.duration_s * 44_100)
    # LAME turns the sound down; what is left over then is what encoding adds. In stretches of 20 ms:
    level = float((ours * source).sum() / (source * source).sum())
    noise = [sum_noise(sound - level * source) for sound in (ours, theirs)]
    difference_db = 10 * np.log10(noise[0] / noise[1])
    count = count_frames(len(source))
    parts = max(1, round(count / 1152))
    assert parts > 2
    audible = noise[1] > np.median(noise[1]) / 100
    seams = [count * n // parts * 1152 // 882 for n in range(1, parts)]
    near = np.zeros(len(difference_db), dtype=bool)
    for seam in seams:
        near[seam - 3 : seam + 40] = True
    assert abs(difference_db[near & audible]).max() <= max(1.0, abs(difference_db[~near & audible]).max())
    assert abs(difference_db[near & audible].mean()) < 0.5


@pytest.mark.parametrize("refused", [{1}, {2, 3}, {1, 2, 3, 4, 5, 6, 7}])
def test_where_no_seam_fits_the_encoder_goes_on_through_the_next_stretch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: set[int]
) -> None:
    setting = Setting(4.0, None)
    bounds: list[int] = []

    def refuse(earlier: Stream, later: Stream, start: int, end: int) -> int | None:
        if start not in bounds:
            bounds.append(start)
        return None if bounds.index(start) + 1 in refused else choose_seam(earlier, later, start, end)

    monkeypatch.setattr(attempt, "choose_seam", refuse)
    with tempfile.TemporaryFile(buffering=0) as file, tempfile.TemporaryFile(buffering=0) as room:
        spool = Spool(file)
        before = measure_source(check_source(TALK, SystemClock()), lambda _: None, spool=spool).reading
        joined = tmp_path / "joined.mp3"
        with ThreadPoolExecutor(2) as workers:
            encoding = Encoding(spool, before, TARGET, workers, room, is_limited=True)
            after = encoding.write(joined, setting, lambda _: None).after
        whole = encode_spooled(spool, 0, spool.frames + 9999, 4.0 + HEADROOM_DB, TARGET.bitrate_kbps)
    frames = list_frames(joined.read_bytes())
    assert len(frames) == 1 + count_frames(spool.frames)
    assert after.duration_s == spool.frames / 44_100
    if len(refused) > 2:  # one piece
        assert b"".join(frames[1:]) == whole[: sum(map(len, frames[1:]))]


def sum_noise(error: Samples) -> Samples:
    whole = len(error) - len(error) % 882
    return np.asarray(np.square(error[:whole]).reshape(-1, 882 * 2).sum(axis=1) + 1e-12)


def test_ffmpeg_runs_with_limits_on_memory_and_computing() -> None:
    with FfmpegChild(["-v", "level+error", "-f", "s16le", "-i", "pipe:0", "-f", "null", "-"]) as child:
        assert resource.prlimit(child.pid, resource.RLIMIT_AS)[0] <= 2 << 30
        assert resource.prlimit(child.pid, resource.RLIMIT_CPU)[0] <= 3600
        assert child.wait_end() == 0


def test_wave_file_of_more_than_4_gb_is_opened_and_streamed(tmp_path: Path) -> None:
    path, size_bytes = tmp_path / "long.wav", 5_000_000_000
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, size_bytes + 72, size_bytes, size_bytes // 4, 0)
    path.write_bytes(b"RF64\xff\xff\xff\xffWAVE" + ds64 + form + b"data\xff\xff\xff\xff")
    os.truncate(path, path.stat().st_size + size_bytes)  # a hole: it takes no room
    os.utime(path, OLD)
    source = check_source(path, SystemClock())
    assert source.announced_s == pytest.approx(size_bytes / 176_400)
    pieces = read_sound(source)
    assert next(pieces).duration_seconds == 1.0
    pieces.close()

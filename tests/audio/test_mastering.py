"""Masters of real files, measured by a second meter: ffmpeg's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import unicodedata
import wave
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from broadcaster.core.errors import (
    BroadcasterError,
    DecodeError,
    EncodeError,
    MasterMissedError,
    ProgrammeFileError,
    SilentProgrammeError,
    TagError,
    UnstableFileError,
)
from broadcaster.core.files import hash_file
from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import Master, MasteringTarget, TagSet
from broadcaster.core.programs import find_ffmpeg
from broadcaster.core.time import SystemClock
from broadcaster.mastering.child import FfmpegChild
from broadcaster.mastering.load import check_source, has_settled, read_sound
from broadcaster.mastering.master import make_master, measure_source
from broadcaster.mastering.tag import read_tags, write_tags

TARGET = MasteringTarget()
TAGS = TagSet(
    title=unicodedata.normalize("NFD", "Chuyển đổi số: vì sao?"),
    centre="Đài Truyền thanh huyện Triệu Sơn",
    column="Chuyên mục Chuyển đổi số",
    on=date(2023, 10, 9),
    language="vi",
    programme=ProgrammeId("chuyen-doi-so-vi-sao"),
    campaign="ngay-chuyen-doi-so",
)
SPEECH = "anoisesrc=d=8:c=pink:a=0.5:seed=7:r=44100,tremolo=f=4:d=0.9,lowpass=f=4000"


def run_ffmpeg(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-y", *arguments], capture_output=True, text=True, check=True
    )
    return done.stderr


def make_sound(path: Path, *options: str, graph: str = SPEECH) -> Path:
    run_ffmpeg("-f", "lavfi", "-i", graph, *options, f"file:{path}")
    os.utime(path, (1_600_000_000, 1_600_000_000))  # old enough to be taken at once
    return path


def measure_by_ffmpeg(path: Path) -> tuple[float, float]:
    words = run_ffmpeg("-i", f"file:{path}", "-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-")
    loudness = re.findall(r"I:\s+(\S+) LUFS", words)[-1]
    peak = re.findall(r"Peak:\s+(\S+) dBFS", words)[-1]
    return float(loudness), float(peak)


def read_by_ffprobe(path: Path) -> dict[str, object]:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-show_entries",
        "format=duration,nb_streams:format_tags",
        "-of",
        "json",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    found: dict[str, object] = json.loads(done.stdout)["format"]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "masters"
    made.mkdir()
    return made


def require_good(master: Master, folder: Path, target: MasteringTarget = TARGET) -> Path:
    path = folder / f"{master.sha256}.mp3"
    assert [file.name for file in folder.iterdir()] == [path.name]
    assert hash_file(path) == master.sha256
    assert path.stat().st_size == master.size_bytes
    assert path.stat().st_mode & 0o777 == 0o644
    loudness_lufs, peak_dbtp = measure_by_ffmpeg(path)
    assert abs(loudness_lufs - target.loudness_lufs) <= 0.2
    assert peak_dbtp <= target.ceiling_dbtp
    assert master.after.integrated_lufs == pytest.approx(loudness_lufs, abs=0.1)
    return path


@pytest.mark.parametrize(
    ("name", "options", "has_limiter"),
    [
        ("quiet.wav", ("-af", "volume=-30dB"), None),
        ("clipped.wav", ("-af", "volume=30dB", "-c:a", "pcm_s16le"), False),
        ("float.wav", ("-af", "volume=8dB", "-c:a", "pcm_f32le"), False),
        ("24bit.wav", ("-c:a", "pcm_s24le", "-ar", "96000"), None),
        ("rf64.wav", ("-rf64", "always"), None),
        ("mono.mp3", ("-ac", "1", "-b:a", "64k"), None),
        ("telephone.amr", ("-ac", "1", "-ar", "8000", "-c:a", "pcm_s16le", "-f", "wav"), None),
        ("surround.mkv", ("-ac", "6", "-c:a", "ac3"), None),
        ("aac.m4a", (), None),
        ("aac.aac", ("-f", "adts"), None),
        ("opus.ogg", ("-c:a", "libopus", "-ar", "48000"), None),
        ("vorbis.ogg", ("-c:a", "libvorbis"), None),
        ("flac.flac", ("-sample_fmt", "s32"), None),
        ("windows.wma", (), None),
        ("program.mpg", ("-c:a", "mp2", "-f", "mpeg"), None),
        ("stream.ts", ("-c:a", "aac", "-f", "mpegts"), None),
    ],
)
def test_every_form_becomes_a_master_at_the_target(
    tmp_path: Path, folder: Path, name: str, options: tuple[str, ...], has_limiter: bool | None
) -> None:
    source = make_sound(tmp_path / name, *options)
    master = make_master(source, folder, TARGET, TAGS)
    require_good(master, folder)
    assert master.duration_ms == pytest.approx(8000, abs=120)
    if has_limiter is not None:
        assert (master.limiter_db > 0) == has_limiter


def test_peaks_far_above_the_loudness_are_limited_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    graph = "aevalsrc='0.03*sin(440*2*PI*t)+0.9*sin(1500*2*PI*t)*lt(mod(t,2),0.005)':d=12:s=44100"
    source = make_sound(tmp_path / "dynamic.wav", "-ac", "2", graph=graph)
    target = MasteringTarget(loudness_lufs=-20.0, ceiling_dbtp=-2.0)
    master = make_master(source, folder, target, TAGS)
    require_good(master, folder, target)
    assert master.limiter_db > 5
    assert master.before.true_peak_dbtp == pytest.approx(measure_by_ffmpeg(source)[1], abs=0.2)


def test_sound_is_taken_from_a_video_clip(tmp_path: Path, folder: Path) -> None:
    clip = tmp_path / "clip.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=d=5:s=64x64", "-f", "lavfi", "-i", SPEECH, "-t", "5", clip)
    require_good(make_master(clip, folder, TARGET, TAGS), folder)


@pytest.mark.parametrize("options", [("-c:a", "pcm_s16le"), ("-c:a", "flac")])
def test_true_peak_of_a_single_channel_is_told_as_the_recording_has_it(
    tmp_path: Path, folder: Path, options: tuple[str, ...]
) -> None:
    source = make_sound(tmp_path / f"mono.{'flac' if 'flac' in options else 'wav'}", "-ac", "1", *options)
    master = make_master(source, folder, TARGET, TAGS)
    loudness_lufs, peak_dbtp = measure_by_ffmpeg(source)
    assert master.before.integrated_lufs == pytest.approx(loudness_lufs, abs=0.1)
    assert master.before.true_peak_dbtp == pytest.approx(peak_dbtp, abs=0.2)
    told = read_tags(require_good(master, folder))
    assert any(str(round(master.before.true_peak_dbtp, 1)) in text for text in told.values())


def test_default_track_is_used_rather_than_the_first(tmp_path: Path) -> None:
    film = tmp_path / "two.mkv"
    low, high = "sine=200:d=3", "sine=1000:d=3,volume=-20dB"
    maps = ("-map", "0", "-map", "1", "-disposition:a:0", "0", "-disposition:a:1", "default")
    run_ffmpeg("-f", "lavfi", "-i", low, "-f", "lavfi", "-i", high, *maps, "-c:a", "flac", film)
    source = check_source(film, SystemClock())
    assert (source.track.index, source.track_count) == (1, 2)
    reading = measure_source(source, lambda _: None).reading
    assert reading.true_peak_dbtp < -35


@pytest.mark.parametrize("options", [("-c:a", "flac", "-ac", "2"), ("-b:a", "192k", "-ac", "2")])
def test_our_meter_agrees_with_that_of_ffmpeg(tmp_path: Path, options: tuple[str, ...]) -> None:
    form = "flac" if "flac" in options else "mp3"
    source = make_sound(tmp_path / f"a.{form}", *options, graph=SPEECH + ",volume='if(lt(t,4),0.1,1)':eval=frame")
    measured = measure_source(check_source(source, SystemClock()), lambda _: None)
    reading, audible_s = measured.reading, measured.audible_s
    loudness_lufs, peak_dbtp = measure_by_ffmpeg(source)
    assert reading.integrated_lufs == pytest.approx(loudness_lufs, abs=0.1)
    assert reading.true_peak_dbtp == pytest.approx(peak_dbtp, abs=0.2)
    assert audible_s > 7


def test_tags_are_read_back_by_a_second_reader(tmp_path: Path, folder: Path) -> None:
    master = make_master(make_sound(tmp_path / "a.wav"), folder, TARGET, TAGS)
    path = require_good(master, folder)
    fields = read_tags(path)
    assert fields["TIT2"] == "Chuyển đổi số: vì sao?"
    assert fields["TXXX:PROGRAMME_ID"] == "chuyen-doi-so-vi-sao"
    assert fields["TLEN"] == str(master.duration_ms)
    data = path.read_bytes()
    assert data[:5] == b"ID3\x03\0"
    assert data[-128:-125] != b"TAG"
    probed = read_by_ffprobe(path)
    assert probed["nb_streams"] == 1
    assert float(str(probed["duration"])) == pytest.approx(master.duration_ms / 1000, abs=0.06)  # two frames of delay
    known = probed["tags"]
    assert isinstance(known, dict)
    assert known["title"] == "Chuyển đổi số: vì sao?"
    assert known["artist"] == "Đài Truyền thanh huyện Triệu Sơn"
    assert known["album"] == "Chuyên mục Chuyển đổi số"
    assert str(known["date"]).startswith("2023")
    assert known["PROGRAMME_ID"] == "chuyen-doi-so-vi-sao"
    for name in ("CAMPAIGN", "LOUDNESS_BEFORE", "LOUDNESS_AFTER"):
        assert known[name] == fields[f"TXXX:{name}"]
    words = run_ffmpeg("-i", path, "-f", "null", "-")
    assert "Audio: mp3, 44100 Hz, stereo, fltp, 128 kb/s" in words


def test_same_recording_gives_the_same_bytes_and_progress_never_goes_back(tmp_path: Path) -> None:
    source = make_sound(tmp_path / "a.wav", "-af", "volume=12dB,alimiter")
    told: list[float] = []
    hashes = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        hashes.add(make_master(source, tmp_path / name, TARGET, TAGS, told.append if name == "one" else None).sha256)
    assert len(hashes) == 1
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    "name",
    [
        "-i.wav",
        "a b  c.wav",
        'it\'s "quoted" %d [1].wav',
        "http:a|b;c.wav",
        unicodedata.normalize("NFD", "Bản tin Thứ Hai — Đồng Lợi.wav"),
        "không có đuôi",
    ],
)
def test_any_name_can_be_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_sound(tmp_path / "plain.wav", "-t", "1").rename(name)
    source = check_source(Path(name), SystemClock())
    assert sum(piece.duration_seconds for piece in read_sound(source)) == pytest.approx(1.0)


def write_cut(path: Path, share: float) -> None:
    os.truncate(path, int(path.stat().st_size * share))


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_concat(path: Path) -> None:
    other = make_sound(path.with_name("other.wav"), "-t", "1")
    path.write_text(f"ffconcat version 1.0\nfile '{other}'\n")


def write_playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.ts\n")


def write_text(path: Path) -> None:
    path.write_text("Kính gửi: các xã, thị trấn\n" * 500)


def write_fifo(path: Path) -> None:
    os.mkfifo(path)


def write_link(path: Path) -> None:
    path.symlink_to(make_sound(path.with_name("real.wav"), "-t", "1"))


def write_folder(path: Path) -> None:
    path.mkdir()


def write_video_only(path: Path) -> None:
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-f", "mp4", path)


def write_silence(path: Path) -> None:
    make_sound(path, "-f", "wav", graph="anullsrc=d=3")


def write_direct_current(path: Path) -> None:
    make_sound(path, "-f", "wav", graph="aevalsrc=0.5:d=3")


def write_short(path: Path) -> None:
    make_sound(path, "-t", "0.3", "-f", "wav")


def write_cut_wav(path: Path) -> None:
    make_sound(path, "-f", "wav")
    write_cut(path, 0.6)


def write_cut_mp3(path: Path) -> None:
    make_sound(path, "-f", "mp3")
    write_cut(path, 0.6)


def write_cut_flac(path: Path) -> None:
    make_sound(path, "-f", "flac")
    write_cut(path, 0.6)


def write_cut_start_of_m4a(path: Path) -> None:
    make_sound(path, "-f", "ipod")
    write_cut(path, 0.6)


def write_cut_clip(path: Path) -> None:
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=d=8:s=64x64", "-f", "lavfi", "-i", SPEECH),
        *("-movflags", "+faststart", "-f", "mp4", path),
    )
    write_cut(path, 0.6)


def write_rubbish_flac(path: Path) -> None:
    path.write_bytes(b"fLaC" + np.random.default_rng(4).bytes(50_000))


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (write_nothing, ProgrammeFileError, "is empty"),
        (write_concat, ProgrammeFileError, "is not a sound or video file"),
        (write_playlist, ProgrammeFileError, "is not a sound or video file"),
        (write_text, ProgrammeFileError, "is not a sound or video file"),
        (write_fifo, ProgrammeFileError, "is not a regular file"),
        (write_link, ProgrammeFileError, "is a symbolic link"),
        (write_folder, ProgrammeFileError, "is not a regular file"),
        (write_video_only, ProgrammeFileError, "has no sound"),
        (write_short, ProgrammeFileError, "shorter than 0.4 s"),
        (write_silence, SilentProgrammeError, "is silent"),
        (write_direct_current, SilentProgrammeError, "is silent"),
        (write_cut_wav, DecodeError, r"is cut off at 4\.8 s of 8\.0 s"),
        (write_cut_mp3, DecodeError, r"is cut off at \d\.\d s of 8\.\d s"),
        (write_cut_flac, DecodeError, r"is cut off at \d\.\d s of 8\.0 s"),
        (write_cut_start_of_m4a, DecodeError, "damaged or cut off"),
        (write_cut_clip, DecodeError, "is cut off after"),
        (write_rubbish_flac, DecodeError, "bad.mp3"),
    ],
)
def test_bad_file_gives_one_clear_error_and_leaves_nothing(
    tmp_path: Path, folder: Path, write: object, error: type[BroadcasterError], words: str
) -> None:
    bad = tmp_path / "bad.mp3"
    assert callable(write)
    write(bad)
    with pytest.raises(error, match=words) as caught:
        make_master(bad, folder, TARGET, TAGS)
    assert str(bad) in str(caught.value)
    assert not list(folder.iterdir())


def test_wrong_length_in_an_mp3_header_does_not_make_the_file_unusable(tmp_path: Path) -> None:
    source = make_sound(tmp_path / "a.mp3", "-write_xing", "1")
    data = bytearray(source.read_bytes())
    at = data.index(b"Info") if b"Info" in data else data.index(b"Xing")
    data[at + 8 : at + 12] = struct.pack(">I", 200_000)
    source.write_bytes(data)
    reading = measure_source(check_source(source, SystemClock()), lambda _: None).reading
    assert reading.duration_s == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFFFFF, 100_000])
def test_wrong_length_in_a_wav_header_loses_no_sound(tmp_path: Path, claimed: int) -> None:
    source = make_sound(tmp_path / "a.wav")
    data = bytearray(source.read_bytes())
    at = data.index(b"data")
    data[at + 4 : at + 8] = struct.pack("<I", claimed)
    source.write_bytes(data)
    reading = measure_source(check_source(source, SystemClock()), lambda _: None).reading
    assert reading.duration_s == pytest.approx(8.0, abs=0.01)


class CopyingClock:
    """A clock in whose every wait somebody adds to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now_at(self) -> datetime:
        return datetime.fromtimestamp(self._path.stat().st_mtime, UTC)

    def sleep_s(self, seconds: float) -> None:
        assert seconds <= 1.0
        with self._path.open("ab") as file:
            file.write(b"more")


def test_file_that_is_still_being_copied_is_refused(tmp_path: Path, folder: Path) -> None:
    source = make_sound(tmp_path / "a.wav", "-t", "1")
    with pytest.raises(UnstableFileError):
        make_master(source, folder, TARGET, TAGS, clock=CopyingClock(source))
    assert not list(folder.iterdir())


def test_old_file_is_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    os.utime(path, (1_000_000, 1_000_000))
    assert has_settled(path, SystemClock())


def test_recording_that_changes_meanwhile_is_refused(tmp_path: Path, folder: Path) -> None:
    source = make_sound(tmp_path / "a.wav", "-t", "2")

    def change(share: float) -> None:
        if share > 0.5:
            with source.open("ab") as file:
                file.write(b"\0\0\0\0")

    with pytest.raises(UnstableFileError, match="changed while"):
        make_master(source, folder, TARGET, TAGS, change)
    assert not list(folder.iterdir())


def test_target_that_cannot_be_met_is_a_miss_and_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    source = make_sound(tmp_path / "clicks.wav", graph="aevalsrc='0.9*lt(mod(t,0.5),0.0005)':d=4:s=44100")
    with pytest.raises(MasterMissedError, match="after 6 attempts"):
        make_master(source, folder, MasteringTarget(loudness_lufs=-5.0), TAGS)
    assert not list(folder.iterdir())


def test_folder_that_is_missing_is_an_error_of_encoding(tmp_path: Path) -> None:
    with pytest.raises(EncodeError):
        make_master(make_sound(tmp_path / "a.wav", "-t", "1"), tmp_path / "nowhere", TARGET, TAGS)


def test_binary_from_the_wheel_serves_where_the_system_has_no_ffmpeg(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_sound(tmp_path / "a.m4a")
    system = shutil.which("ffmpeg")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert find_ffmpeg() != system
        master = make_master(source, folder, TARGET, TAGS)
        for write in (write_text, write_nothing):
            write(tmp_path / "bad.mp3")
            with pytest.raises(ProgrammeFileError):
                make_master(tmp_path / "bad.mp3", folder, TARGET, TAGS)
    require_good(master, folder)


def test_wave_file_of_the_standard_library_is_read_to_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    noise = np.random.default_rng(5).integers(-20_000, 20_000, 44_100 * 2, dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(noise.tobytes())
    data = b"".join(piece.raw_data for piece in read_sound(check_source(path, SystemClock())))
    samples = np.frombuffer(data, dtype="<i4") / 2**31 * 10 ** (12 / 20)
    assert samples == pytest.approx(noise / 2**15, abs=1e-6)


def test_ffmpeg_that_hangs_is_given_up_and_killed() -> None:
    arguments = ["-v", "level+error", "-f", "s16le", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    with pytest.raises(TimeoutError, match="gave nothing"), FfmpegChild(arguments, stall_s=0.2) as child:
        pid = child.pid
        child.read_bytes(1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ffmpeg_whose_output_nobody_reads_is_given_up() -> None:
    arguments = ["-v", "level+error", "-f", "s16le", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    with pytest.raises(TimeoutError, match="took nothing"), FfmpegChild(arguments, stall_s=0.5) as child:
        child.write_bytes(b"\0" * 20_000_000)


def test_file_that_takes_no_tags_is_an_error_of_tags(tmp_path: Path) -> None:
    with pytest.raises(TagError):
        write_tags(tmp_path, {"TIT2": "a"})
    (tmp_path / "bare.mp3").write_bytes(b"none")
    with pytest.raises(TagError):
        read_tags(tmp_path / "bare.mp3")

"""Strange but usable recordings: variable bit rates, great and wrong tags, telephone codecs, films with many tracks."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from broadcaster.core.model import Master
from broadcaster.mastering.master import make_master
from tests.audio.test_mastering import SPEECH, TAGS, TARGET, make_sound, measure_by_ffmpeg, require_good, run_ffmpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "masters"
    made.mkdir()
    return made


def master_of(source: Path, folder: Path, length_ms: int = 8000) -> Master:
    master = make_master(source, folder, TARGET, TAGS)
    require_good(master, folder)
    assert master.duration_ms == pytest.approx(length_ms, abs=120)
    return master


@pytest.mark.parametrize("options", [
    ("-q:a", "4"),
    ("-q:a", "4", "-write_xing", "0"),
    ("-b:a", "320k", "-write_xing", "0"),
    ("-b:a", "24k", "-ar", "16000", "-ac", "1"),
], ids=["vbr", "vbr without header", "cbr without header", "mpeg-2 mono"])  # fmt: skip
def test_mp3_of_any_bit_rate_with_or_without_header(tmp_path: Path, folder: Path, options: tuple[str, ...]) -> None:
    master_of(make_sound(tmp_path / "a.mp3", *options), folder)


def test_vbr_header_that_claims_less_than_there_is_loses_nothing(tmp_path: Path, folder: Path) -> None:
    source = make_sound(tmp_path / "a.mp3", "-q:a", "4")
    data = bytearray(source.read_bytes())
    at = data.index(b"Xing")
    data[at + 8 : at + 12] = struct.pack(">I", 20)
    source.write_bytes(data)
    master_of(source, folder)


def put_tag(source: Path, **frames: bytes) -> None:
    """Put an ID3v2.3 tag of such frames before a recording, as other programs wrote them."""
    body = b"".join(name[:4].encode() + len(data).to_bytes(4, "big") + bytes(2) + data for name, data in frames.items())
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    source.write_bytes(b"ID3\x03\0\0" + size + body + source.read_bytes())
    os.utime(source, (1_600_000_000, 1_600_000_000))


def read_by_ffprobe(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_great_tags_with_pictures_are_passed_over(tmp_path: Path, folder: Path) -> None:
    source = make_sound(tmp_path / "a.mp3", "-write_id3v1", "0", "-id3v2_version", "0")
    sound_like = b"\0x\0" + b"\xff\xfb\x90\x64" * 300_000
    put_tag(source, APIC=b"\0image/png\0\x03\0\x89PNG\r\n" + bytes(12 << 20), TXXX=sound_like)
    assert source.stat().st_size > 13 << 20
    master = master_of(source, folder)
    path = folder / f"{master.sha256}.mp3"
    assert path.stat().st_size < 1 << 20
    assert len(json.loads(read_by_ffprobe(path))["streams"]) == 1  # the picture is not sent to the communes


@pytest.mark.parametrize("title", [
    b"\0" + "B¶n tin ThÞ trÊn".encode("latin-1"),  # TCVN3
    b"\0" + "Baûn tin Thò traán".encode("latin-1"),  # VNI
    b"\0" + "B\xd2n tin Th\xf2 tr\xe2\xecn".encode("latin-1"),  # Windows-1258
    b"\x01\xff\xfeB",  # UTF-16 that breaks off
    b"\x03\xc3\x28\xff",  # no UTF-8
], ids=["tcvn3", "vni", "windows-1258", "cut utf-16", "no utf-8"])  # fmt: skip
def test_old_tags_in_a_wrong_encoding_are_never_believed(tmp_path: Path, folder: Path, title: bytes) -> None:
    source = make_sound(tmp_path / "a.mp3", "-write_id3v1", "0", "-id3v2_version", "0")
    put_tag(source, TIT2=title, TPE1=title, TALB=title, COMM=b"\0eng" + title, TCON=title)
    source.write_bytes(source.read_bytes() + b"TAG" + title[1:].ljust(30, b"\0")[:30] * 3 + bytes(35))
    os.utime(source, (1_600_000_000, 1_600_000_000))
    master = master_of(source, folder)
    path = folder / f"{master.sha256}.mp3"
    found = json.loads(read_by_ffprobe(path))["format"]["tags"]
    assert found["title"] == unicodedata.normalize("NFC", TAGS.title)
    assert (found["artist"], found["album"]) == (TAGS.centre, TAGS.column)
    assert "genre" not in found
    assert path.read_bytes()[-128:-125] != b"TAG"


def test_finished_master_keeps_its_frames_but_never_the_tags_that_somebody_put_there(
    tmp_path: Path, folder: Path
) -> None:
    first = master_of(make_sound(tmp_path / "a.wav"), folder)
    path = (folder / f"{first.sha256}.mp3").rename(tmp_path / "Bản tin.mp3")
    put_tag(path, TIT2=b"\0" + "B¶n tin".encode("latin-1"), TCON=b"\0Pop")
    second = master_of(path, folder)
    assert second.is_kept
    assert second.gain_db == 0
    found = json.loads(read_by_ffprobe(folder / f"{second.sha256}.mp3"))["format"]["tags"]
    assert found["title"] == unicodedata.normalize("NFC", TAGS.title)
    assert "genre" not in found


@pytest.mark.parametrize(("options", "name"), [
    (("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"), "điện thoại.wav"),
    (("-c:a", "pcm_u8", "-ar", "11025"), "8bit.wav"),
    (("-c:a", "pcm_f64le"), "float64.wav"),
])  # fmt: skip
def test_telephone_and_odd_samples(tmp_path: Path, folder: Path, options: tuple[str, ...], name: str) -> None:
    master_of(make_sound(tmp_path / name, *options), folder)


def test_recording_of_a_telephone(tmp_path: Path, folder: Path) -> None:
    source = tmp_path / "điện thoại.amr"
    dice = np.random.default_rng(7)
    frames = [bytes([0x3C]) + dice.bytes(31) for _ in range(400)]  # 20 ms each at 12.2 kbit/s; any bits are a sound
    source.write_bytes(b"#!AMR\n" + b"".join(frames))
    os.utime(source, (1_600_000_000, 1_600_000_000))
    master_of(source, folder)


@pytest.mark.parametrize("film", ["phim.mp4", "phim.mkv"])
def test_film_with_surround_and_several_tracks_says_what_it_took(tmp_path: Path, folder: Path, film: str) -> None:
    source = tmp_path / film
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=d=8:s=64x64", "-f", "lavfi", "-i", SPEECH, "-f", "lavfi", "-i",
               "sine=300:d=8", "-map", "0:v", "-map", "1:a", "-map", "2:a", "-ac:a:0", "6", "-c:a", "ac3",
               "-disposition:a:0", "default", "-disposition:a:1", "0", f"file:{source}")  # fmt: skip
    master = make_master(source, folder, TARGET, TAGS)
    assert master.track_note == "sound track 1 of 2 was taken (marked as default in the file)"
    loudness_lufs, _ = measure_by_ffmpeg(folder / f"{master.sha256}.mp3")
    assert abs(loudness_lufs - TARGET.loudness_lufs) <= 0.2


def test_one_second_is_enough(tmp_path: Path, folder: Path) -> None:
    master = master_of(make_sound(tmp_path / "a.wav", "-t", "1"), folder, 1000)
    assert [one.message for one in master.warnings] == ["it is only 1.0 s long"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_with_diacritics_in_either_form(tmp_path: Path, folder: Path, form: str) -> None:
    name = unicodedata.normalize("NFC" if form == "NFC" else "NFD", "Bản tin Xã Dân Lý – 10%.mp3")
    master_of(make_sound(tmp_path / name), folder)

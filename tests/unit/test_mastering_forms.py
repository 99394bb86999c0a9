"""Files known by their content, headers as ffmpeg words them, fields of a tag."""

from __future__ import annotations

import io
import unicodedata
from datetime import date

import pytest

from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import LoudnessReading, TagSet
from broadcaster.mastering.container import read_container
from broadcaster.mastering.header import Track, choose_track, match_header
from broadcaster.mastering.mpeg_frames import find_frame, is_cut_in_frame, match_announced_s, match_frame
from broadcaster.mastering.tag import plan_tags

FRAME = b"\xff\xfb\x90\x64" + b"\0" * 413  # MPEG-1 layer 3, 128 kbit/s, 44.1 kHz, joint stereo, no padding


@pytest.mark.parametrize(
    "data",
    [
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"#EXTM3U\n/etc/passwd\n",
        b"RIFF is a word, and this is a text",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"ID3" + b"\x03\0\0\0\0\0\x10" + b"\0" * 16 + b"#EXTM3U\nhttp://example.org/a.mp3\n",
        "Xin chào các xã".encode(),
        b"\x89PNG\r\n\x1a\n" + bytes(range(200)) * 10,
        b"\xff\xfb",
        b"\0" * 5000,
    ],
)
def test_playlists_texts_and_pictures_are_no_sound(data: bytes) -> None:
    assert read_container(io.BytesIO(data)) is None


def test_mp3_is_known_by_its_frames_behind_tags_and_rubbish() -> None:
    tag = b"ID3\x03\0\0\0\0\0\x10" + b"\0" * 16
    for data in (FRAME * 5, tag + FRAME * 5, tag + b"\0" * 1500 + FRAME * 5):
        container = read_container(io.BytesIO(data))
        assert container is not None
        assert container.demuxer == "mp3"


def test_frame_header_is_read_and_a_wrong_one_is_not() -> None:
    frame = match_frame(FRAME, 0)
    assert frame is not None
    assert (frame.size_bytes, frame.samples, frame.rate_hz) == (417, 1152, 44_100)
    assert match_frame(b"\xff\xff\xff\xff", 0) is None
    assert find_frame(b"\xff" * 3000) is None


def test_length_claimed_by_an_info_header_is_read() -> None:
    info = b"\xff\xfb\x90\x64" + b"\0" * 32 + b"Info" + b"\0\0\0\x01" + (1000).to_bytes(4, "big") + b"\0" * 369
    assert match_announced_s(info, 0) == pytest.approx(1000 * 1152 / 44_100)
    assert match_announced_s(FRAME, 0) is None


def test_cut_end_of_an_mp3_is_told_from_a_whole_one() -> None:
    assert not is_cut_in_frame(FRAME * 6)
    assert not is_cut_in_frame(FRAME * 6 + b"TAG" + b"\0" * 125)
    assert is_cut_in_frame((FRAME * 6)[:-100])


WORDS = """
[info] Input #0, matroska,webm, from 'file:/x':
[info]   Metadata:
[info]     title           : Stream #0:7: Audio: fake
[info]   Duration: 01:02:03.50, start: 0.000000, bitrate: 18 kb/s
[info]   Stream #0:0: Video: h264, yuv420p, 160x120
[info]   Stream #0:1(vie): Audio: aac (LC), 44100 Hz, stereo, fltp
[info]   Stream #0:2[0x3](eng): Audio: ac3, 48000 Hz, 5.1(side), fltp, 448 kb/s (default)
[info]   Stream #0:3: Audio: none (abcd / 0x64636261), 8000 Hz
"""


def test_default_track_is_chosen_from_the_header() -> None:
    header = match_header(WORDS)
    assert header.tracks == (Track(1, False), Track(2, True, place=2))
    assert choose_track(header) == Track(2, True, place=2)
    assert header.announced_s == pytest.approx(3723.5)
    assert header.has_pictures


def test_first_track_is_chosen_where_none_is_the_default() -> None:
    assert choose_track(match_header(WORDS.replace(" (default)", ""))) == Track(1, False)
    assert choose_track(match_header("")) is None


def test_cover_picture_is_not_a_film() -> None:
    assert not match_header("[info]   Stream #0:1: Video: png, rgb24, 300x300 (attached pic)").has_pictures


def test_tag_fields_are_composed_and_empty_ones_left_out() -> None:
    reading = LoudnessReading(-18.256, 5.0, -0.5, 60.0)
    title = unicodedata.normalize("NFD", "Chuyển đổi số")
    fields = plan_tags(TagSet(title, "Đài", "", date(2023, 10, 9), "vi", ProgrammeId("p")), 61_234, reading, reading)
    assert fields["TIT2"] == unicodedata.normalize("NFC", title)
    assert (fields["TYER"], fields["TDAT"], fields["TLEN"]) == ("2023", "0910", "61234")
    assert fields["TXXX:LOUDNESS_BEFORE"] == "-18.26 LUFS"
    assert fields["COMM::vie"] == "Đài · 09/10/2023"
    assert "TALB" not in fields
    assert "TXXX:CAMPAIGN" not in fields

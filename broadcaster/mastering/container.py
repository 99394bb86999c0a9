"""What a file is, by its content: the name and its ending say nothing.

The answer is the name of the one ffmpeg demuxer that may open the file. Playlists, concat scripts and every other text
get none, so that no file can make ffmpeg open another one.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from broadcaster.mastering import mpeg_frames

_LOOK_BYTES = 256 * 1024
_TAIL_BYTES = 64 * 1024
_UNKNOWN_SIZES = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
_STREAMED_SIZE = 0x7FFFF000  # recorders that never learned the size write this, or some bytes less than the greatest
_MAGIC = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"#!AMR", "amr"),
    (0, b"RF64", "wav"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"FLV\x01", "flv"),
    (0, b"caff\x00\x01", "caf"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "wav"),
)
_MOV_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_TS_PACKET = 188


@dataclass(frozen=True, slots=True)
class Container:
    """What the bytes of a file say of it.

    Attributes:
        demuxer: ffmpeg's name for the form.
        announced_s: Length that the file itself claims where ffmpeg does not tell it; None when it claims none.
        options: For the demuxer.
    """

    demuxer: str
    announced_s: float | None = None
    options: tuple[str, ...] = ()


def read_container(file: BinaryIO) -> Container | None:
    """Look at the content of an open file; None when it is no sound or film that this room knows."""
    size_bytes = file.seek(0, os.SEEK_END)
    start = _skip_id3(file, size_bytes)
    file.seek(start)
    head = file.read(_LOOK_BYTES)
    for at, magic, demuxer in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return _read_wav(file, head, size_bytes) if demuxer == "wav" else Container(demuxer)
    if head[4:8] in _MOV_BOXES:
        return Container("mov")
    if len(head) > 3 * _TS_PACKET and all(head[n * _TS_PACKET] == 0x47 for n in range(4)):
        return Container("mpegts")
    if mpeg_frames.has_frame_chain(head, 0, is_adts=True):
        return Container("aac")
    return _read_mp3(file, head, size_bytes) if _is_binary(head) else None


def _skip_id3(file: BinaryIO, size_bytes: int) -> int:
    start = 0
    while start < size_bytes:
        file.seek(start)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            break
        start += 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + (10 if head[5] & 0x10 else 0)
    return start


def find_sound(file: BinaryIO) -> int | None:
    """Find the first MPEG audio frame behind any tags; None when there is none near."""
    start = _skip_id3(file, file.seek(0, os.SEEK_END))
    file.seek(start)
    at = mpeg_frames.find_frame(file.read(_LOOK_BYTES))
    return None if at is None else start + at


def _is_binary(head: bytes) -> bool:
    return any(byte < 9 or byte > 0x7E for byte in head[:64]) or b"\xff" in head


def _read_mp3(file: BinaryIO, head: bytes, size_bytes: int) -> Container | None:
    at = mpeg_frames.find_frame(head)
    if at is None:
        return None
    announced_s = mpeg_frames.match_announced_s(head, at)
    if announced_s is not None:
        file.seek(max(0, size_bytes - _TAIL_BYTES))
        if not mpeg_frames.is_cut_in_frame(file.read()):
            announced_s = None  # every frame is whole: a header that claims more is wrong, not the file
    return Container("mp3", announced_s)


def _read_wav(file: BinaryIO, head: bytes, size_bytes: int) -> Container:
    at, byte_rate, long_size = 12, 0, 0
    while at + 8 <= size_bytes:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        body = file.read(28) if name in (b"fmt ", b"ds64") else b""
        if name == b"fmt " and len(body) >= 12:
            byte_rate = struct.unpack_from("<I", body, 8)[0]
        if name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
        at += 8
        if name == b"data":
            size = long_size if head[:4] == b"RF64" and size == 0xFFFFFFFF else size
            return _judge_wav(file, at, size, byte_rate, size_bytes)
        at += size + size % 2
    return Container("wav")


def _judge_wav(file: BinaryIO, start: int, size: int, byte_rate: int, size_bytes: int) -> Container:
    if size in _UNKNOWN_SIZES or (size >= _STREAMED_SIZE and start + size > size_bytes):
        return Container("wav", options=("-ignore_length", "1"))
    end = start + size + size % 2
    file.seek(min(end, size_bytes))
    after = file.read(8)
    if len(after) == 8:
        name, length = struct.unpack("<4sI", after)
        if not (name.isascii() and name.decode("ascii").isprintable() and end + length <= size_bytes):
            return Container("wav", options=("-ignore_length", "1"))  # sound goes on behind the length it claims
    return Container("wav", size / byte_rate if byte_rate else None)

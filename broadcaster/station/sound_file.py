"""A WAV file that grows with what sounds: 48 kHz stereo, 16 bit. Its head is right whenever nothing is sounding."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

RATE_HZ = 48_000
FRAME_BYTES = 4
HEAD_BYTES = 44


def open_sound_file(path: Path) -> BinaryIO:
    """Open a WAV file to append to, or begin it.

    Raises:
        OSError: It cannot be written.
    """
    file = path.open("ab+")
    if file.tell() < HEAD_BYTES:
        file.truncate(0)
        file.write(_make_head(0))
        file.flush()
    return file


def close_sound_file(file: BinaryIO, path: Path) -> None:
    """Close the file and write its true length into its head."""
    length_bytes = file.tell() - HEAD_BYTES
    file.close()
    with path.open("r+b") as head:
        head.write(_make_head(length_bytes))


def _make_head(length_bytes: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 2, RATE_HZ, RATE_HZ * FRAME_BYTES, FRAME_BYTES, 16)
    return b"".join((
        b"RIFF", struct.pack("<I", length_bytes + HEAD_BYTES - 8), b"WAVE",
        b"fmt ", struct.pack("<I", len(form)), form,
        b"data", struct.pack("<I", length_bytes),
    ))  # fmt: skip

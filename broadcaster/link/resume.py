"""Where a `.part` that an earlier try left can be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from broadcaster.link.operations import SftpOperations
from broadcaster.link.sftp import BLOCK_BYTES

_SAMPLE_BYTES = 16
_WHOLE_BLOCKS = 2


def find_resume_point(sftp: SftpOperations, handle: bytes, part_bytes: int, file: BinaryIO, total_bytes: int) -> int:
    """Find how far a part is what it should be, without fetching it back.

    The end of every block, and all of the last two, are read and compared: a part of another file, what a power cut
    left as zeros and a hole where writes were lost show there. It costs two or three round trips and half a percent of
    the bytes; to read everything would cost as much as to send it again, over what is mostly the slower way of the
    line. Single bytes that were changed are left to the station's hash.

    Args:
        sftp: Of the session.
        handle: Of the part, open for reading.
        part_bytes: Its size.
        file: What is being sent.
        total_bytes: The size of that.

    Returns:
        The offset of the first block that differs; the part's size when none does; 0 for one that is too long.
    """
    if part_bytes > total_bytes:
        return 0
    looks = list(_plan_looks(part_bytes))
    found = sftp.read_pieces([(handle, *look) for look in looks])
    for (offset, size), data in zip(looks, found, strict=True):
        file.seek(offset)
        if file.read(size) != data:
            return offset // BLOCK_BYTES * BLOCK_BYTES
    return part_bytes


def _plan_looks(part_bytes: int) -> Iterator[tuple[int, int]]:
    for begins in range(0, part_bytes, BLOCK_BYTES):
        ends = min(begins + BLOCK_BYTES, part_bytes)
        is_whole = begins + _WHOLE_BLOCKS * BLOCK_BYTES >= part_bytes
        offset = begins if is_whole else ends - _SAMPLE_BYTES
        yield offset, ends - offset

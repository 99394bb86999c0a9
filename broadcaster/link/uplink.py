"""The cap on the centre's shared uplink: one queue for the bytes of every station, of every process of a workspace."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

BURST_S = 0.25
_FORGET_S = 900.0


class Uplink:
    """Says how long bytes have to wait so that all senders together stay under a rate.

    The file holds one number: the monotonic time (s) at which the uplink is free again. A lock held for some
    microseconds lets threads and processes share it; a machine that was started anew begins afresh.

    Args:
        path: Of the file; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def reserve_s(self, size_bytes: int, rate_bytes_per_s: float) -> float:
        """Take the next place in the queue.

        Args:
            size_bytes: That are about to be sent.
            rate_bytes_per_s: What all senders together may use; what went before is not reckoned anew when it changes.

        Returns:
            Seconds to wait before sending; 0.0 while the uplink is free.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            now_s = time.monotonic()
            kept = os.pread(handle, 8, 0)
            free_s = struct.unpack("d", kept)[0] if len(kept) == 8 else 0.0
            if not now_s - BURST_S <= free_s <= now_s + _FORGET_S:
                free_s = now_s - BURST_S
            os.pwrite(handle, struct.pack("d", free_s + size_bytes / rate_bytes_per_s), 0)
        finally:
            os.close(handle)
        return max(0.0, free_s - now_s)

"""What the names in the inbox mean, and in which order they are looked at. Pure."""

from __future__ import annotations

import os
import stat

from broadcaster.core.files import MASTER_SUFFIX
from broadcaster.wire.day_plan import read_file_name
from broadcaster.wire.order import read_order_name


def is_document_name(name: str) -> bool:
    """Tell whether it is a day plan's or an order's name."""
    return read_file_name(name) is not None or read_order_name(name) is not None


def rank_name(name: str) -> tuple[int, str]:
    """Order a pass: small documents that say what to play come before long files."""
    return (0 if name.startswith(("order-", "plan-")) else 1 if name.endswith(MASTER_SUFFIX) else 2), name


def show_name(name: str) -> str:
    """Write a name that may hold bytes of no text so that it fits into a document."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def name_kind(mode: int) -> str:
    """Say what a thing is that is no regular file."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO"}
    return f"{kinds.get(stat.S_IFMT(mode), 'a device or socket')}, not a file"

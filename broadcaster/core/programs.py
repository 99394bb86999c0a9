"""Where the outside programs are: ffmpeg and mpv."""

from __future__ import annotations

import importlib
import shutil

from broadcaster.core.errors import ToolMissingError


def find_ffmpeg() -> str:
    """Find ffmpeg: the system's own, else the binary inside the imageio-ffmpeg wheel.

    Raises:
        ToolMissingError: Neither is there.
    """
    system = shutil.which("ffmpeg")
    if system:
        return system
    try:
        wheel = importlib.import_module("imageio_ffmpeg")
        return str(wheel.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise ToolMissingError(
            "ffmpeg is not on this machine", hint="apt install ffmpeg, or pip install imageio-ffmpeg"
        ) from error


def find_mpv() -> str | None:
    """Find mpv; None when it is not installed."""
    return shutil.which("mpv")

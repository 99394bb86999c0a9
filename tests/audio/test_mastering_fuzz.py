"""Broken files by the hundred: each ends in a measured programme or in one error of ours, and nothing is left behind.

BROADCASTER_FUZZ_CASES sets how many; the same number gives the same files.
"""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from broadcaster.core.errors import BroadcasterError
from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import MasteringTarget, TagSet
from broadcaster.core.time import SystemClock
from broadcaster.mastering.load import check_source
from broadcaster.mastering.master import make_master, measure_source

TAGS = TagSet("a", "b", "c", date(2023, 10, 9), "vi", ProgrammeId("a"))
CASES = int(os.environ.get("BROADCASTER_FUZZ_CASES", "100"))
FORMS = ("mp3", "wav", "flac", "ogg", "opus", "m4a", "mkv", "wma", "aac", "aiff", "mp2", "ts")


def break_bytes(data: bytes, random: np.random.Generator) -> bytes:
    broken = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        at, length = int(random.integers(0, len(broken))), int(random.integers(1, 400))
        match int(random.integers(0, 7)):
            case 0:
                broken[at : at + length] = random.bytes(length)
            case 1:  # in the header, where it hurts
                broken[at % 300] = int(random.integers(0, 256))
            case 2:
                del broken[at:]
            case 3:
                del broken[at : at + length]
            case 4:
                broken[at:at] = broken[at // 2 : at // 2 + length]
            case 5:
                broken[at % 2000 : at % 2000 + 4] = b"\xff\xff\xff\xff"
            case _:
                broken[at : at + length] = bytes(length)
        if len(broken) < 2:
            return bytes(broken) + b"\xff\xfb"
    return bytes(broken)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("originals")
    graph = "sine=440:d=1.5,volume='0.2+0.2*sin(9*t)':eval=frame"
    for form in FORMS:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", graph, str(folder / f"a.{form}")]
        subprocess.run(command, check=True)
    return [(folder / f"a.{form}").read_bytes() for form in FORMS]


@pytest.mark.timeout(1800)
def test_no_broken_file_crashes_hangs_or_leaves_anything(tmp_path: Path, originals: list[bytes]) -> None:
    source, folder = tmp_path / "broken", tmp_path / "masters"
    folder.mkdir()
    threads, handles = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    random = np.random.default_rng(39)
    good = 0
    for case in range(CASES):
        source.write_bytes(break_bytes(originals[case % len(originals)], random))
        os.utime(source, (1_600_000_000, 1_600_000_000))
        try:
            if case % 10:
                measure_source(check_source(source, SystemClock()), lambda _: None)
            else:
                make_master(source, folder, MasteringTarget(), TAGS)
            good += 1
        except BroadcasterError as error:
            assert str(source) in str(error) or "silent" in str(error), f"case {case}"
        for file in folder.iterdir():
            assert file.suffix == ".mp3", f"case {case}"
            assert not file.name.startswith("."), f"case {case}"
            file.unlink()
    assert 0 < good < CASES
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == handles

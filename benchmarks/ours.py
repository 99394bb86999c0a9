"""Master with ours, several files one after another as `broadcaster programme add` does: the child process of a run.

    python -m benchmarks.ours RECORDING ... MADE TARGET_LUFS

It imports what a user's process imports and in the same order: numpy's threads depend on who imports it first.
BROADCASTER_BENCH_USAGE names a file to tell in what our process and what ffmpeg below it took.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from datetime import date
from pathlib import Path

from broadcaster.core.ids import ProgrammeId
from broadcaster.core.model import MasteringTarget, TagSet
from broadcaster.mastering.master import make_master

CEILING_DBTP = -1.0
USAGE = "BROADCASTER_BENCH_USAGE"


def master(sources: list[Path], made: Path, target_lufs: float) -> None:
    """Master all and leave the last as `made`."""
    tags = TagSet("Bench", "Bench", "Bench", date(2023, 10, 9), "vi", ProgrammeId("bench"))
    target = MasteringTarget(target_lufs, CEILING_DBTP)
    done = [make_master(source, made.parent, target, tags) for source in sources]
    (made.parent / f"{done[-1].sha256}.mp3").replace(made)
    if name := os.environ.get(USAGE):
        own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        usage = {"our process": own.ru_utime + own.ru_stime, "ffmpeg below it": below.ru_utime + below.ru_stime}
        Path(name).write_text(json.dumps(usage))


if __name__ == "__main__":
    *recordings, result, asked = sys.argv[1:]
    master([Path(recording) for recording in recordings], Path(result), float(asked))

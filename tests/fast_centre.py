"""A centre in a process of its own on a clock that runs fast: two of them stand for two machines on one workspace.

`python -m tests.fast_centre WORKSPACE MACHINE FIRST LAST SPEED`: from FIRST to LAST (ISO instants), SPEED seconds each
second since the instant (seconds since 1970) in the workspace's file `began`, the same for all. The duties are called
in turn without a pause, as the centre's clock would call them; a lease lives for half a day of the fast clock.
"""

from __future__ import annotations

import logging
import platform
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.centre import lease, service
from broadcaster.centre.workspace import Workspace
from broadcaster.timetable.read import read_schedules

BEGAN = "began"
LEASE_LIFE = timedelta(hours=12)


class FastClock:
    """Real time, seen through a glass: it goes on while the process is stopped."""

    def __init__(self, first_at: datetime, speed: float, began_s: float) -> None:
        self._first_at, self._speed, self._began_s = first_at, speed, began_s

    def now_at(self) -> datetime:
        return self._first_at + timedelta(seconds=(time.time() - self._began_s) * self._speed)

    def sleep_s(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)


def run(workspace: Workspace, clock: FastClock, last_at: datetime) -> None:
    with workspace.open_record() as record:
        centre = service.CentreService(workspace, record, read_schedules(workspace.schedules), clock)
        duties = [centre.lead("publish", centre.publish), centre.lead("watch", centre.watch)]
        while clock.now_at() < last_at:
            for duty in duties:
                duty()
            time.sleep(0.01)


if __name__ == "__main__":
    folder, machine, first, last, speed = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    platform.node = lambda: machine
    lease.LIFE = service.STALE_AFTER = LEASE_LIFE
    (Path(folder) / f"ready-{machine}").touch()
    while not (Path(folder) / BEGAN).exists():
        time.sleep(0.01)
    began_s = float((Path(folder) / BEGAN).read_text())
    fast = FastClock(datetime.fromisoformat(first), float(speed), began_s)
    run(Workspace(Path(folder)), fast, datetime.fromisoformat(last))

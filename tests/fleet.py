"""A workspace and stations that are real sshd boxes, each with the receiving room of the agent in a thread."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from broadcaster.centre.deliver import Missing
from broadcaster.centre.workspace import Workspace
from broadcaster.core.files import hash_bytes, write_atomic
from broadcaster.core.ids import Sha256, StationId
from broadcaster.core.model import Station
from broadcaster.core.time import SystemClock
from broadcaster.delivery.push import MasterFile, PlanFile
from broadcaster.demo.openssh import start_sshd
from broadcaster.station.library import Library
from broadcaster.station.logbook import ChainedLog, read_log_id
from broadcaster.station.receive import Receiver
from broadcaster.store.engine import Record
from broadcaster.wire.receipt import FILE_NAME as RECEIPTS
from broadcaster.wire.status import StationStatus, write_status
from tests.sshd import Box, StartServer, make_bytes, open_box

CLOCK = SystemClock()


@dataclass
class Agent:
    """The receiving room of a box at work, until it is stopped."""

    box: Box
    centre_key: str
    doubted: set[Sha256] = field(default_factory=set)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def library(self) -> Path:
        return self.box.folder / "library"

    def start(self) -> None:
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        station = self.box.address.station
        library = Library(self.library, self.centre_key, station)
        library.open()
        path = self.box.outbox / RECEIPTS
        log = read_log_id(self.library, has_begun=path.exists())
        chain = ChainedLog(log, [path] if path.exists() else [], self.library / "torn-lines")
        receiver = Receiver(self.box.inbox, self.box.outbox, library, chain, CLOCK, 0)
        while not self._stopped.wait(0.05):
            while self.doubted:  # as the player's room does with what gave no sound
                library.doubted.add(self.doubted.pop())
            receiver.receive_all()
            status = StationStatus(station, log, CLOCK.now_at(), "0.1.0", "pcm", 3, 10**9, 1, "", "", None, "")
            write_atomic(self.box.outbox / "status.json", write_status(status))


@dataclass
class Fleet:
    """Boxes by name, and the centre that serves them."""

    workspace: Workspace
    record: Record
    boxes: dict[str, Box]
    agents: dict[str, Agent]

    def make_station(self, name: str, *, has_agent: bool = True) -> Station:
        address = self.boxes[name].address
        return Station(
            StationId(name), name.title(), host=address.host, port=address.port, user=address.user,
            host_key=address.host_key, has_agent=has_agent,
        )  # fmt: skip

    def make_master(self, seed: int, size_bytes: int) -> MasterFile:
        """Put bytes under the name of their hash where masters lie; nothing here listens to them."""
        data = make_bytes(size_bytes, seed)
        sha256 = hash_bytes(data)
        path = self.workspace.masters / f"{sha256}.mp3"
        path.write_bytes(data)
        return MasterFile(sha256, path)

    def make_missing(
        self,
        name: str,
        masters: Sequence[MasterFile],
        plans: Sequence[PlanFile] = (),
        *,
        has_agent: bool = True,
        needed_at: datetime | None = None,
    ) -> Missing:
        size_bytes = sum(master.path.stat().st_size for master in masters)
        hashes = tuple(hash_bytes(plan.document) for plan in plans) + tuple(master.sha256 for master in masters)
        station = self.make_station(name, has_agent=has_agent)
        return Missing(station, tuple(plans), tuple(masters), size_bytes, needed_at, hashes)

    def list_library(self, name: str) -> set[Sha256]:
        """List what a box holds, every file hashed again."""
        return {hash_bytes(path.read_bytes()) for path in self.agents[name].library.glob("*.mp3")}

    def count_sessions(self, name: str) -> int:
        return (self.boxes[name].state / "sshd.log").read_text().count("Accepted publickey")


@contextmanager
def open_fleet(
    place: Path,
    workspace: Workspace,
    record: Record,
    names: Sequence[str],
    *,
    start: StartServer = start_sshd,
    prepare: Callable[[Agent], None] = Agent.start,
) -> Iterator[Fleet]:
    """Run boxes; each agent is started unless `prepare` does something else with it."""
    place.mkdir(parents=True, exist_ok=True)
    for suffix in ("", ".pub"):
        shutil.copy2(f"{workspace.key}{suffix}", place / f"centre_key{suffix}")
    with ExitStack() as stack:
        boxes = {name: stack.enter_context(open_box(place, name, start=start)) for name in names}
        agents = {name: Agent(box, workspace.read_public_key()) for name, box in boxes.items()}
        for agent in agents.values():
            agent.library.mkdir(exist_ok=True)
            prepare(agent)
            stack.callback(agent.stop)
        yield Fleet(workspace, record, boxes, agents)

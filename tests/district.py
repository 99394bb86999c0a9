"""A district for tests of the stick: a centre with plans and masters, and boxes that no line reaches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from datetime import time as wall_time
from pathlib import Path

from broadcaster.centre.deliver import Missing
from broadcaster.centre.publish import publish_days
from broadcaster.centre.stick_in import Imported, import_from_stick
from broadcaster.centre.stick_out import Exported, export_to_stick, read_carried
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.core.files import hash_bytes, hash_file
from broadcaster.core.ids import ColumnId, SlotId, StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import RundownItem, Schedules, Slot
from broadcaster.core.time import SystemClock
from broadcaster.delivery.push import PushListener
from broadcaster.store.engine import Record
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import read_held
from broadcaster.wire.signature import write_key_pair
from broadcaster.wire.stick import StickContents, read_contents
from tests.sshd import make_bytes
from tests.station_box import StationBox, start_agent, wait_until
from tests.unit.makers import ZONE, make_programme, make_schedules
from tests.usb_stick import Stick

NAMES = (StationId("an-nong"), StationId("con"))  # a folder of the second's name alone could not be had under Windows
DAYS = 3
MASTER_BYTES = 2_000_003
CLOCK = SystemClock()
SLOT = Slot(SlotId("chieu"), "Chiều", wall_time(17), 30, rundown=(RundownItem(column=ColumnId("thoi-su")),))


@dataclass
class Commune:
    """A box without a line, with its own SSH key and its agent's real process when it runs."""

    box: StationBox
    name: StationId
    host_key: str
    settings: Path

    def usb(self, stick: Stick, code: int = 0) -> str:
        """Run `broadcaster-station usb` and give all that it says."""
        done = subprocess.run([*self.command(), "usb", str(stick.folder)], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def command(self) -> list[str]:
        return [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(self.settings)]

    @contextmanager
    def running(self) -> Iterator[None]:
        (self.box.outbox / "status.json").unlink(missing_ok=True)
        agent = start_agent(self.settings, self.box.folder / "agent.log")
        try:
            wait_until((self.box.outbox / "status.json").exists)
            yield
        finally:
            agent.terminate()
            assert agent.wait(20) == 0, (self.box.folder / "agent.log").read_text()

    def list_library(self) -> set[str]:
        return {hash_file(path) for path in self.box.library.glob("*.mp3")}


@dataclass
class District:
    """A centre with three days published, each with one master, for two communes without a line."""

    workspace: Workspace
    record: Record
    schedules: Schedules
    communes: dict[StationId, Commune]
    masters: set[str]

    def read_carried(self, *names: StationId) -> list[Missing]:
        chosen = [one for one in self.schedules.stations if not names or one.id in names]
        return read_carried(self.workspace, self.record, self.schedules, chosen, CLOCK.now_at())

    def export(self, stick: Stick, *names: StationId, on_event: PushListener | None = None) -> list[Exported]:
        carried = self.read_carried(*names)
        return export_to_stick(self.workspace, self.record, carried, stick.folder, CLOCK, on_event)

    def take(self, stick: Stick) -> dict[StationId, Imported]:
        results = import_from_stick(self.workspace, self.record, self.schedules, stick.folder, CLOCK)
        return {one.station: one for one in results}

    def read_held(self, name: StationId) -> set[str]:
        with self.record.read() as connection:
            return set(read_held(connection, name).get(name, {}))

    def publish(self) -> None:
        publish_days(self.workspace, self.record, self.schedules, list_days(), CLOCK.now_at())


def list_days() -> list[date]:
    today = CLOCK.now_at().astimezone(ZONE).date()
    return [today + timedelta(days=day) for day in range(1, DAYS + 1)]


@contextmanager
def open_district(place: Path) -> Iterator[District]:
    """Set up the centre and the boxes, and publish."""
    workspace = init_workspace(place / "w")[0]
    with workspace.open_record() as record:
        masters: set[str] = set()
        for number, on in enumerate(list_days()):
            data = make_bytes(MASTER_BYTES, seed=number)
            programme = make_programme(f"tin-{number}", on=on)
            master = replace(programme.master, sha256=hash_bytes(data), size_bytes=len(data))
            workspace.get_master(master.sha256).write_bytes(data)
            masters.add(master.sha256)
            with record.write() as connection:
                write_programme(connection, replace(programme, master=master))
        communes = {name: set_up_commune(place / name, name, workspace) for name in NAMES}
        stations = tuple(Station(name, name.title(), host_key=communes[name].host_key) for name in NAMES)
        district = District(workspace, record, make_schedules(SLOT, stations=stations), communes, masters)
        district.publish()
        yield district


def set_up_commune(place: Path, name: StationId, workspace: Workspace) -> Commune:
    box = StationBox(place)
    host_key = write_key_pair(place / "host_key", "box")
    settings = box.write_settings(
        station=name, centre_key=workspace.read_public_key(), host_key=str(place / "host_key")
    )  # fmt: skip
    return Commune(box, name, " ".join(host_key.split()[:2]), settings)


def read_list(folder: Path) -> StickContents:
    return read_contents((folder / "contents.json").read_bytes())


def require_whole(stick: Stick, name: StationId) -> None:
    """Require that whatever a station's list on the stick names is there with its bytes."""
    inbox = stick.place(name, "inbox")
    if (inbox / "contents.json").exists():
        for file in read_list(inbox).files:
            folder = stick.root / "masters" if file.name.endswith(".mp3") else inbox
            assert hash_file(folder / file.name) == file.sha256, file.name

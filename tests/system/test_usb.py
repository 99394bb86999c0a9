"""A stick in the place of a line, on a real disk of its own: out with plans and masters, back with what was heard."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from datetime import time as wall_time
from pathlib import Path

import pytest
from click.testing import CliRunner

from broadcaster.centre.publish import publish_days
from broadcaster.centre.readiness import Readiness, read_board
from broadcaster.centre.stick_in import Imported, import_from_stick
from broadcaster.centre.stick_out import ON_A_STICK, Exported, export_to_stick, measure_room, read_carried
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import (
    BroadcasterError,
    BrokenTransferError,
    DocumentError,
    InputError,
    SignatureError,
    StationFullError,
)
from broadcaster.core.files import hash_bytes, hash_file
from broadcaster.core.ids import ColumnId, SlotId, StationId
from broadcaster.core.model import Station
from broadcaster.core.schedules import RundownItem, Schedules, Slot
from broadcaster.core.time import SystemClock
from broadcaster.store.approvals import read_audit
from broadcaster.store.deliveries import read_attempts
from broadcaster.store.engine import Record, open_record
from broadcaster.store.programmes import write_programme
from broadcaster.store.stations import read_breaks, read_contacts, read_held
from broadcaster.wire.receipt import Verdict
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document, write_key_pair
from broadcaster.wire.status import STALE_AFTER, read_status, write_status
from broadcaster.wire.stick import StickContents, read_contents, write_contents
from tests.sshd import make_bytes
from tests.station_box import StationBox, start_agent, wait_until
from tests.system.test_collect import Diary
from tests.unit.makers import ZONE, make_programme, make_schedules
from tests.usb_stick import Stick, open_stick_image

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

    def export(self, stick: Stick, *names: StationId) -> list[Exported]:
        chosen = [one for one in self.schedules.stations if not names or one.id in names]
        carried = read_carried(self.workspace, self.record, self.schedules, chosen, CLOCK.now_at())
        return export_to_stick(self.workspace, self.record, carried, stick.folder, CLOCK)

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


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    workspace = init_workspace(tmp_path / "w")[0]
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
        communes = {name: set_up_commune(tmp_path / name, name, workspace) for name in NAMES}
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


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Stick]:
    with open_stick_image(tmp_path) as stick:
        yield stick


def read_list(folder: Path) -> StickContents:
    return read_contents((folder / "contents.json").read_bytes())


def require_whole(stick: Stick, name: StationId) -> None:
    """Require that whatever a station's list on the stick names is there with its bytes."""
    inbox = stick.place(name, "inbox")
    if (inbox / "contents.json").exists():
        for file in read_list(inbox).files:
            folder = stick.root / "masters" if file.name.endswith(".mp3") else inbox
            assert hash_file(folder / file.name) == file.sha256, file.name


def test_a_stick_goes_round_and_everything_is_confirmed_once(district: District, stick: Stick) -> None:
    exported = district.export(stick)
    assert [(one.error, one.plans, one.masters) for one in exported] == [(None, DAYS, DAYS)] * 2
    assert stick.list_masters() == sorted(f"{sha256}.mp3" for sha256 in district.masters)
    assert sum(one.written_bytes for one in exported) < DAYS * MASTER_BYTES + 100_000  # each once for both stations
    board = read_board(district.record, district.schedules, CLOCK.now_at())
    assert {row.readiness for row in board} == {Readiness.NOT_CONNECTED}
    for commune in district.communes.values():
        with commune.running():
            said = commune.usb(stick)
        assert said.count("  verified") == 2 * DAYS, said
        assert commune.list_library() == district.masters
        assert list(commune.box.inbox.iterdir()) == []
    stick.plug_in()
    results = district.take(stick)
    told = {name: (one.new_lines, one.is_signed, one.breaks, one.error) for name, one in results.items()}
    assert told == dict.fromkeys(NAMES, (2 * DAYS, True, (), None))
    for name in NAMES:
        assert district.masters < district.read_held(name)
    board = read_board(district.record, district.schedules, CLOCK.now_at())
    assert {row.readiness for row in board} == {Readiness.READY}
    with district.record.read() as connection:
        (attempt,) = read_attempts(connection, NAMES[0], 10)
        contact = read_contacts(connection)[NAMES[0]]
        audit = read_audit(connection, 100)
    assert (attempt.error, attempt.message) == ("Carried", ON_A_STICK)
    assert contact.journal_until is not None
    assert contact.reached_at == contact.journal_until
    assert contact.clock_offset_s is None
    assert [line.subject for line in audit if line.action == "usb import"] == list(NAMES)

    again = district.take(stick)
    assert [one.new_lines for one in again.values()] == [0, 0]
    with district.record.read() as connection:
        assert read_contacts(connection)[NAMES[0]] == contact
        assert read_breaks(connection) == {}
    exported = district.export(stick)
    assert [(one.plans, one.masters, one.written_bytes) for one in exported] == [(0, 0, 0)] * 2
    assert stick.list_masters() == []
    assert [path.name for path in stick.place("an-nong", "inbox").iterdir()] == ["contents.json"]
    assert stick.place("an-nong", "outbox").is_dir()


def test_commands_show_what_fits_and_tell_each_station(district: District, stick: Stick) -> None:
    stations = [{"id": name, "name": name.title(), "host_key": district.communes[name].host_key} for name in NAMES]
    path = district.workspace.schedules / "stations.yaml"
    path.write_text(json.dumps({"format": 1, "stations": stations}), encoding="utf-8")

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["-w", str(district.workspace.root), "usb", *words])
        if isinstance(done.exception, BroadcasterError):
            assert done.exception.exit_code == code
            return f"{done.exception.message} {done.exception.hint}"
        assert done.exit_code == code, done.output
        return done.output

    said = run("export", str(stick.folder), "--to", "all", "--preview")
    assert "up to 7.3 MB to write, each master once" in said
    assert "it fits" in said
    assert "own disk" not in said
    assert not stick.root.exists()
    told = json.loads(run("export", str(stick.folder), "--to", "con", "--preview", "--json"))
    assert [(one["station"], len(one["masters"])) for one in told["stations"]] == [("con", DAYS)]
    assert "own disk: is the stick mounted?" in run("export", str(stick.image.parent), "--to", "con", "--preview")
    assert "did you mean 'con'" in run("export", str(stick.folder), "--to", "cont", code=16)
    assert "is not there" in run("import", str(stick.folder), code=10)
    assert "2 of 2 stations are whole on the stick" in run("export", str(stick.folder), "--to", "all")
    assert run("import", str(stick.folder)).count("has not been at its box yet") == 2
    commune = district.communes[NAMES[1]]
    with commune.running():
        commune.usb(stick)
    assert "collected" in run("import", str(stick.folder))
    assert [one["new_lines"] for one in json.loads(run("import", str(stick.folder), "--json"))] == [0, 0]
    with (stick.folder / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, measure_room(stick.folder, []).free_bytes - (1 << 20))
    assert "does NOT fit" in run("export", str(stick.folder), "--to", "an-nong", "--preview", code=1)
    assert "has no room" in run("export", str(stick.folder), "--to", "an-nong", code=43)


def test_two_sticks_that_cross_and_an_old_one_lose_and_undo_nothing(district: District, tmp_path: Path) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    with open_stick_image(tmp_path / "a") as first, open_stick_image(tmp_path / "b") as second:
        district.export(first, name)
        late = replace(SLOT, id=SlotId("toi"), at=wall_time(19))
        district.schedules = replace(district.schedules, slots=(SLOT, late))
        district.publish()
        district.export(second, name)  # the first has not come back: it carries all of it anew
        with commune.running():
            assert commune.usb(second).count("  verified") == 2 * DAYS
            said = commune.usb(first, code=1)
        assert said.count("refused: older revision: 2 is held") == DAYS
        assert {path.name for path in (commune.box.library / "plans").glob("*.json")} == {
            file.name for file in read_list(second.place(name, "inbox")).files if file.name.startswith("plan-")
            and file.name.endswith(".json")
        }  # fmt: skip
        assert district.take(first)[name].new_lines == 4 * DAYS
        with district.record.read() as connection:
            contact = read_contacts(connection)[name]
        old = district.take(second)[name]  # it left the box before the other did
        assert (old.new_lines, old.breaks, old.error) == (0, (), None)
        assert district.take(first)[name].new_lines == 0
        with district.record.read() as connection:
            assert read_contacts(connection)[name] == contact
            assert read_breaks(connection) == {}
        assert [one.plans for one in district.export(first, name)] == [0]


def test_a_diary_grows_from_stick_to_stick_and_is_taken_once(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick)
    with commune.running():
        commune.usb(stick)
    diary = Diary(commune.box.outbox, (commune.box.library / "log-id").read_text().strip())
    for day in range(8):
        diary.write_airing(day, 1)
    with (commune.box.outbox / "journal-2023-10-16.jsonl").open("ab") as file:
        file.write(b'{"log":"torn')
    path = commune.box.outbox / "status.json"
    status = read_status(path.read_bytes())
    path.write_bytes(write_status(replace(status, at=status.at - STALE_AFTER)))
    commune.usb(stick, code=1)  # the agent does not run: what it is to take in waits
    assert district.take(stick)[name].new_lines == 2 * DAYS + 16
    assert district.take(stick)[name].new_lines == 0
    with district.record.read() as connection:
        assert read_breaks(connection) == {}


def test_what_was_altered_or_forged_on_the_way_home_is_not_taken(district: District, stick: Stick) -> None:
    name, other = NAMES
    commune = district.communes[name]
    district.export(stick)
    with commune.running():
        commune.usb(stick)
    outbox = stick.place(name, "outbox")
    receipts = outbox / "receipts.jsonl"
    true = receipts.read_bytes()

    def take() -> object:
        assert district.read_held(name) == set()
        result = district.take(stick)[name]
        assert (result.new_lines, district.read_held(name)) == (0, set())
        return result.error

    receipts.write_bytes(true.replace(b"verified", b"refused ", 1))
    error = take()
    assert isinstance(error, DocumentError)
    assert "receipts.jsonl on the stick is not what the box wrote" in error.message
    receipts.unlink()
    assert isinstance(take(), DocumentError)
    receipts.symlink_to(commune.box.outbox / "receipts.jsonl")
    assert take() is not None
    receipts.unlink()
    receipts.write_bytes(true[:-40] + b"\n")
    contents = read_list(outbox)
    forged = tuple(
        replace(file, size_bytes=len(true) - 39, sha256=hash_file(receipts)) if file.name == receipts.name else file
        for file in contents.files
    )
    document = (outbox / "contents.json").read_bytes()
    (outbox / "contents.json").write_bytes(write_contents(replace(contents, files=forged)))
    assert isinstance(take(), SignatureError)
    stranger = district.communes[other].box.folder / "host_key"
    signed = (outbox / "contents.json.sig").read_bytes()
    (outbox / "contents.json.sig").write_text(
        sign_document((outbox / "contents.json").read_bytes(), read_private_key(stranger), "stick@broadcaster")
    )
    assert isinstance(take(), SignatureError)
    receipts.write_bytes(true)
    (outbox / "contents.json").write_bytes(document)
    (outbox / "contents.json.sig").write_bytes(signed)
    shutil.copytree(outbox, stick.place(other, "outbox"))
    results = district.take(stick)
    assert results[name].new_lines == 2 * DAYS
    assert isinstance(results[other].error, DocumentError)
    assert "is of an-nong" in str(results[other].error)
    assert district.read_held(other) == set()


def test_without_a_pinned_key_a_diary_is_taken_and_said_to_be_unproven(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    (commune.box.folder / "host_key").unlink()
    with commune.running():
        assert "it is not signed" in commune.usb(stick)
    assert isinstance(district.take(stick)[name].error, SignatureError)
    bare = tuple(replace(station, host_key=None) for station in district.schedules.stations)
    district.schedules = replace(district.schedules, stations=bare)
    result = district.take(stick)[name]
    assert (result.error, result.is_signed, result.new_lines) == (None, False, 2 * DAYS)


def test_what_was_altered_or_forged_on_the_way_out_is_refused_and_sent_anew(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    inbox = stick.place(name, "inbox")
    plans = sorted(path for path in inbox.glob("plan-*.json"))
    masters = [stick.root / "masters" / master for master in stick.list_masters()]
    masters[0].write_bytes(make_bytes(MASTER_BYTES, seed=99))  # as large as it should be
    masters[1].write_bytes(masters[1].read_bytes()[:-1])
    plans[0].write_bytes(plans[0].read_bytes().replace(b"tin-0", b"tin-9").replace(b"Tin-0", b"Tin-9"))
    stranger = district.communes[NAMES[1]].box.key
    plans[1].with_name(f"{plans[1].name}.sig").write_text(
        sign_document(plans[1].read_bytes(), stranger, PLAN_NAMESPACE)
    )
    secret = commune.box.folder / "secret"
    secret.write_bytes(plans[2].read_bytes())
    plans[2].unlink()
    plans[2].symlink_to(secret)
    with commune.running():
        said = commune.usb(stick, code=1)
        assert "its bytes are not what its name says" in said
        assert f"its size on the stick is not the {MASTER_BYTES} bytes that the centre wrote" in said
        assert "changed after it was signed" in said
        assert "signed with a key that is not this station's centre" in said
        assert "is a symbolic link" in said
        assert said.count("  verified") == 1
        assert commune.list_library() == {masters[2].stem}
        assert not list(commune.box.inbox.glob("*.mp3*"))
        result = district.take(stick)[name]
        assert (result.error, result.new_lines) == (None, 4)
        exported = district.export(stick, name)
        assert [(one.error, one.plans, one.masters) for one in exported] == [(None, DAYS, DAYS - 1)]
        assert commune.usb(stick).count("  verified") == 2 * DAYS - 1
    assert district.take(stick)[name].error is None
    assert district.masters < district.read_held(name)


def test_no_symbolic_link_leads_off_the_stick(district: District, stick: Stick, tmp_path: Path) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    away = tmp_path / "away"
    away.mkdir()
    stick.root.symlink_to(away)
    with pytest.raises(InputError, match="symbolic link"):
        district.export(stick)
    with pytest.raises(InputError, match="symbolic link"):
        district.take(stick)
    assert "no stick of the centre's" in commune.usb(stick, code=10)
    stick.root.unlink()
    district.export(stick)
    stick.place(name, "outbox").symlink_to(away)
    with commune.running():
        said = commune.usb(stick, code=54)
    assert "symbolic link" in said
    assert list(away.iterdir()) == []
    assert district.take(stick)[name].error is not None
    shutil.rmtree(stick.root / "masters")
    (stick.root / "masters").symlink_to(away)
    with pytest.raises(InputError, match="symbolic link"):
        district.export(stick)
    assert list(away.iterdir()) == []


def test_another_stations_stick_is_told_and_carries_the_diary_home(district: District, stick: Stick) -> None:
    name, other = NAMES
    district.export(stick, other)
    commune = district.communes[name]
    with commune.running():
        said = commune.usb(stick, code=1)
    assert "nothing for an-nong is on this stick; it is for: con" in said
    assert not commune.list_library()
    assert district.take(stick)[name].error is None
    require_whole(stick, other)


def test_a_box_whose_agent_stands_still_keeps_it_for_later(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    said = commune.usb(stick, code=1)
    assert said.count("waits in the inbox: the agent gave no receipt") == 2 * DAYS
    with commune.running():
        wait_until(lambda: commune.list_library() == district.masters)
        commune.usb(stick)
    assert district.take(stick)[name].error is None
    assert district.masters < district.read_held(name)


def test_a_stick_pulled_out_at_the_centre_keeps_what_it_had_and_is_finished_later(
    district: District, stick: Stick
) -> None:
    district.export(stick, NAMES[1])
    stick.plug_in()
    pulled: list[int] = []

    def pull_out(_station: StationId, file: str, done_bytes: int, _total_bytes: int) -> None:
        if file.endswith(".mp3") and done_bytes > MASTER_BYTES // 2 and not pulled:
            pulled.append(done_bytes)
            stick.pull_out()

    for path in (stick.root / "masters").iterdir():
        path.unlink()
    carried = read_carried(
        district.workspace, district.record, district.schedules, district.schedules.stations, CLOCK.now_at()
    )
    results = export_to_stick(district.workspace, district.record, carried, stick.folder, CLOCK, pull_out)
    assert pulled
    assert all(one.error is not None for one in results)
    assert isinstance(results[0].error, BrokenTransferError)
    assert "the stick reports" in results[0].error.message
    stick.plug_in()
    assert [one.error for one in district.export(stick)] == [None, None]
    for name in NAMES:
        require_whole(stick, name)
    assert not list(stick.root.rglob("*.part"))


def test_a_stick_that_fills_up_is_no_success_and_what_it_had_stays(district: District, stick: Stick) -> None:
    district.export(stick, NAMES[1])
    before = read_list(stick.place(NAMES[1], "inbox"))
    late = make_programme("tin-toi", on=list_days()[0])
    data = make_bytes(8 * MASTER_BYTES, seed=50)
    master = replace(late.master, sha256=hash_bytes(data), size_bytes=len(data))
    district.workspace.get_master(master.sha256).write_bytes(data)
    with district.record.write() as connection:
        write_programme(connection, replace(late, master=master))
    district.publish()

    def fill(_station: StationId, file: str, done_bytes: int, _total_bytes: int) -> None:
        if file == f"{master.sha256}.mp3" and done_bytes > MASTER_BYTES and not (stick.folder / "filler").exists():
            with (stick.folder / "filler").open("wb", buffering=0) as filler:
                os.posix_fallocate(filler.fileno(), 0, measure_room(stick.folder, []).free_bytes - (1 << 18))

    carried = read_carried(
        district.workspace, district.record, district.schedules, district.schedules.stations, CLOCK.now_at()
    )
    results = {r.station.id: r for r in export_to_stick(
        district.workspace, district.record, carried, stick.folder, CLOCK, fill
    )}  # fmt: skip
    assert {type(result.error) for result in results.values()} == {StationFullError}
    assert all(result.error and "the stick" in result.error.hint for result in results.values())
    assert read_list(stick.place(NAMES[1], "inbox")) == before
    require_whole(stick, NAMES[1])
    with pytest.raises(StationFullError, match="has no room"):
        district.export(stick)
    (stick.folder / "filler").unlink()
    assert [one.error for one in district.export(stick)] == [None, None]
    require_whole(stick, NAMES[1])


def test_a_full_stick_at_the_box_takes_no_half_diary(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    with commune.running():
        commune.usb(stick)
        taken = district.take(stick)[name].new_lines
        Diary(commune.box.outbox, "aa").write_airing(0, 1)
        (commune.box.outbox / "journal-2023-10-10.jsonl").write_bytes(b'{"x":1}\n' * 100_000)
        with (stick.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, measure_room(stick.folder, []).free_bytes - (1 << 18))
        said = commune.usb(stick, code=54)
        assert "No space left on device" in said
        assert "nothing of the diary is lost" in said
        assert district.take(stick)[name].new_lines == 0
        (stick.folder / "filler").unlink()
        (commune.box.outbox / "journal-2023-10-10.jsonl").unlink()
        commune.usb(stick)
        assert not list(stick.root.rglob("*.tmp"))
    assert taken == 2 * DAYS
    assert district.take(stick)[name].new_lines > 0


def export_in_a_process(root: Path, schedules: Schedules, stick: Stick) -> None:
    """Do what `broadcaster usb export` does, in a process of its own that may be killed."""
    workspace = Workspace(root)
    record = open_record(workspace.state / "record.sqlite3")
    carried = read_carried(workspace, record, schedules, schedules.stations, CLOCK.now_at())
    export_to_stick(workspace, record, carried, stick.folder, CLOCK, lambda *_: time.sleep(0.002))  # a slow stick
    record.close()


def test_killed_at_random_moments_nothing_on_the_stick_or_in_the_inbox_is_half(
    district: District, stick: Stick
) -> None:
    name = NAMES[0]
    dice = secrets.SystemRandom()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = (district.workspace.root, district.schedules, stick)
    is_torn = False
    for _ in range(10):
        process = context.Process(target=export_in_a_process, args=arguments)
        process.start()
        time.sleep(dice.uniform(0.0, 0.6))
        process.kill()
        process.join()
        for one in NAMES:
            require_whole(stick, one)
        if (stick.root / "masters").exists():
            is_torn |= any(stick.root.rglob("*.part"))
            for path in (stick.root / "masters").glob("*.mp3"):
                assert hash_file(path) == path.stem
    process = context.Process(target=export_in_a_process, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert is_torn
    assert not any(stick.root.rglob("*.part"))
    assert len(read_list(stick.place(name, "inbox")).files) == 3 * DAYS
    commune = district.communes[name]
    with commune.running():
        for _ in range(6):
            reader = subprocess.Popen([*commune.command(), "usb", str(stick.folder)], stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.2, 2.6))
            reader.send_signal(signal.SIGKILL)
            reader.wait()
            half = district.take(stick)[name]
            assert half.breaks == ()
            assert half.error is None or isinstance(half.error, DocumentError | SignatureError)
        assert commune.usb(stick).count("  verified") == 2 * DAYS
        assert commune.list_library() == district.masters
        receipts = commune.box.read_receipts()
        assert {receipt.verdict for receipt in receipts} == {Verdict.VERIFIED}
        assert list(commune.box.inbox.iterdir()) == []
    result = district.take(stick)[name]
    assert (result.error, result.breaks) == (None, ())
    assert district.masters < district.read_held(name)

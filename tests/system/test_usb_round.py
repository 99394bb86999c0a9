"""A stick in the place of a line, on a real disk of its own: out with plans and masters, back with what was heard."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import time as wall_time
from pathlib import Path

from click.testing import CliRunner

from broadcaster.centre.readiness import Readiness, read_board
from broadcaster.centre.stick_out import ON_A_STICK, measure_room
from broadcaster.cli.main import cli
from broadcaster.core.errors import (
    BroadcasterError,
)
from broadcaster.core.ids import SlotId
from broadcaster.store.approvals import read_audit
from broadcaster.store.deliveries import count_failures, read_attempts
from broadcaster.store.stations import read_breaks, read_contacts
from broadcaster.wire.status import STALE_AFTER, read_status, write_status
from tests.district import CLOCK, DAYS, MASTER_BYTES, NAMES, SLOT, District, read_list, require_whole
from tests.station_box import wait_until
from tests.system.test_collect import Diary
from tests.usb_stick import Stick, open_stick_image


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
    told = {name: (one.new_lines, one.breaks, one.error) for name, one in results.items()}
    assert told == dict.fromkeys(NAMES, (2 * DAYS, (), None))
    for name in NAMES:
        assert district.masters < district.read_held(name)
    board = read_board(district.record, district.schedules, CLOCK.now_at())
    assert {row.readiness for row in board} == {Readiness.READY}
    with district.record.read() as connection:
        (attempt,) = read_attempts(connection, NAMES[0], 10)
        contact = read_contacts(connection)[NAMES[0]]
        audit = read_audit(connection, 100)
        assert count_failures(connection, NAMES[0]) == (0, None)
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

"""An emergency from the command to the sound: real sshd, real agents, a voice that needs no network."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from broadcaster.centre.approvals import add_user
from broadcaster.centre.order_board import send_open_orders
from broadcaster.centre.workspace import Workspace
from broadcaster.cli.main import cli
from broadcaster.core.errors import InputError, NotAllowedError, RecordError, ToolMissingError, UnknownNameError
from broadcaster.core.files import hash_bytes
from broadcaster.core.programs import find_ffmpeg
from broadcaster.core.time import SystemClock
from broadcaster.mastering.speech import find_voice_trouble, write_speech
from broadcaster.store.approvals import Role, read_audit
from broadcaster.store.engine import Record
from broadcaster.store.orders import KeptOrder, read_orders, write_order_row
from broadcaster.timetable.read import read_schedules
from broadcaster.wire.order import EmergencyOrder, OrderStatus, write_order
from tests.sshd import Box, open_box
from tests.station_box import start_agent, wait_until
from tests.unit.test_cap import FLOOD

PHRASE = "mật khẩu khẩn cấp"
TEXT = "Khẩn cấp. Nước sông dâng nhanh. Bà con hãy rời khỏi bờ sông ngay."
CLOCK = SystemClock()


@dataclass
class District:
    """A workspace whose stations are real boxes with real agents, and one that nobody has connected."""

    workspace: Workspace
    record: Record
    boxes: dict[str, Box]
    agents: dict[str, subprocess.Popen[bytes]]
    password_file: Path

    def run(self, *words: str, user: str = "hung") -> Result:
        common = ["--as", user, "--password-file", str(self.password_file)]
        arguments = [*words, *common] if words[1] not in ("list", "show") else [*words]
        return CliRunner().invoke(cli, ["-w", str(self.workspace.root), *arguments])

    def read_orders(self) -> list[KeptOrder]:
        with self.record.read() as connection:
            return read_orders(connection)

    def read_diary(self, name: str) -> list[dict[str, object]]:
        paths = sorted(self.boxes[name].outbox.glob("journal-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def write_stations(workspace: Workspace, boxes: dict[str, Box]) -> None:
    lines = ["format: 1", "stations:"]
    for name, box in boxes.items():
        address = box.address
        lines += [
            f"  - id: {name}", f"    name: Xã {name.title()}", "    groups: [ven-song]", f"    host: {address.host}",
            f"    port: {address.port}", f"    user: {address.user}", f'    host_key: "{address.host_key}"',
        ]  # fmt: skip
    lines += ["  - id: nui-cao", "    name: Xã Núi Cao", "    groups: [ven-song]", '    phone: "0912 345 678"']
    (workspace.schedules / "stations.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (workspace.schedules / "timetable.yaml").write_text("format: 1\nslots: []\n", encoding="utf-8")


@pytest.fixture
def district(tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[District]:
    place = tmp_path / "boxes"
    place.mkdir()
    for suffix in ("", ".pub"):
        shutil.copy2(f"{workspace.key}{suffix}", place / f"centre_key{suffix}")
    password_file = tmp_path / "password"
    password_file.write_text(PHRASE)
    password_file.chmod(0o600)
    for name, role in (("hung", Role.APPROVER), ("mai", Role.VIEWER)):
        add_user(record, name, role, PHRASE, "root", CLOCK.now_at())
    with ExitStack() as stack:
        boxes = {name: stack.enter_context(open_box(place, name)) for name in ("an-nong", "dan-luc")}
        write_stations(workspace, boxes)
        agents = {}
        for name, box in boxes.items():
            settings = place / f"{name}.toml"
            values = {
                "station": name, "centre_key": workspace.read_public_key(), "inbox": str(box.inbox),
                "outbox": str(box.outbox), "library": str(place / f"{name}-library"), "player": "pcm", "output": "null",
                "reserve_mb": 0,
            }  # fmt: skip
            settings.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
            agents[name] = start_agent(settings, place / f"{name}.log")
            stack.callback(end_agent, agents[name])
        wait_until(lambda: all((box.outbox / "status.json").exists() for box in boxes.values()))
        yield District(workspace, record, boxes, agents, password_file)


def end_agent(agent: subprocess.Popen[bytes]) -> None:
    if agent.poll() is None:
        agent.send_signal(signal.SIGCONT)
        agent.send_signal(signal.SIGTERM)
        agent.wait(20)


def test_spoken_text_sounds_at_the_group_and_everybody_can_see_where(district: District) -> None:
    result = district.run("emergency", "--text", TEXT, "--to", "ven-song", "--yes", "--wait", "40")
    assert result.exit_code == 0, result.output
    preview, _, followed = result.output.partition("ordered ")
    assert "at        3 stations: Xã An-Nong, Xã Dan-Luc, Xã Núi Cao" in preview
    assert "interrupts nothing that is planned" in preview
    assert "Xã Núi Cao 0912 345 678" in preview
    for name in ("Xã An-Nong", "Xã Dan-Luc"):
        assert f"{name}: received" in followed or f"{name}: sounds since" in followed
        assert f"{name}: played 1 of 1 times" in followed
    assert "received by 2 of 3 stations, sounded at 2" in followed
    (kept,) = district.read_orders()
    for name in district.boxes:
        start, end = district.read_diary(name)
        assert (start["event"], end["event"], end["ending"]) == ("start", "end", "complete")
        assert "by hung" in str(start["note"])
        assert start["sha256"] == kept.order.sha256
    shown = json.loads(district.run("emergency", "show", kept.order.id, "--json").output)
    assert [(one["station"], one["sounded"], one["over"]) for one in shown["stations"]] == [
        ("an-nong", 1, True), ("dan-luc", 1, True), ("nui-cao", 0, False),
    ]  # fmt: skip
    (listed,) = json.loads(district.run("emergency", "list", "--json").output)
    assert (listed["received"], listed["sounded"], listed["by"]) == (2, 2, "hung")


def test_stop_silences_it_where_it_sounds(district: District, tmp_path: Path) -> None:
    siren = tmp_path / "còi.wav"
    subprocess.run(
        [find_ffmpeg(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=700:d=60", str(siren)], check=True
    )  # fmt: skip
    began = district.run("emergency", str(siren), "--to", "an-nong", "--times", "3", "--yes", "--wait", "3")
    assert began.exit_code == 0, began.output
    (kept,) = district.read_orders()
    wait_until(lambda: bool(district.read_diary("an-nong")))
    stopped = district.run("emergency", "stop", kept.order.id, "--yes", "--wait", "10")
    assert stopped.exit_code == 0, stopped.output
    assert "Xã An-Nong: stopped cancelled by hung; not sounded: cancelled by hung" in stopped.output
    wait_until(lambda: len(district.read_diary("an-nong")) == 4)
    lines = district.read_diary("an-nong")
    assert [(line["event"], line["ending"]) for line in lines[:2]] == [("start", None), ("end", "stopped")]
    assert [(line["event"], line["note"]) for line in lines[2:]] == [("skip", "cancelled by hung")] * 2
    assert float(str(lines[1]["output_ms"])) < 60_000
    with district.record.read() as connection:
        said = [(line.actor, line.action) for line in read_audit(connection, 10)]
    assert said[-2:] == [("hung", "emergency ordered"), ("hung", "emergency stopped")]
    again = district.run("emergency", "stop", kept.order.id)  # refused before anything is asked
    assert isinstance(again.exception, InputError)
    assert "was stopped before, by hung" in str(again.exception)
    assert again.output == ""
    table = district.run("emergency", "list").output.splitlines()
    assert [line.split()[0] for line in table[2:]] == [one.order.id for one in district.read_orders()]


def write_alert(district: District, text: str, name: str) -> str:
    """Put an alert of this moment, good for an hour, into the workspace's folder."""
    now_at = CLOCK.now_at().replace(microsecond=0)
    folder = district.workspace.root / "alerts"
    folder.mkdir(exist_ok=True)
    text = text.replace("2023-10-09T15:00:00+07:00", now_at.isoformat(), 1)
    text = text.replace("2023-10-09T18:00:00+07:00", (now_at + timedelta(hours=1)).isoformat())
    (folder / name).write_text(text, encoding="utf-8")
    return now_at.isoformat()


def test_update_waits_for_no_station_that_is_away_and_stops_also_when_it_cannot_be_spoken(
    district: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (district.workspace.schedules / "centre.yaml").open("a", encoding="utf-8") as file:
        file.write('alerts: {areas: [{area: "397", stations: [an-nong, dan-luc]}]}\n')
    sent = write_alert(district, FLOOD, "1.xml")
    assert district.run("cap", "take", "1.xml", "--yes", "--wait", "1").exit_code in (0, 1)
    first = f"canhbao@kttv.example,VN-2023-1009-01,{sent}"
    second = FLOOD.replace("1009-01", "1009-02").replace("<msgType>Alert", "<msgType>Update")
    sent = write_alert(district, second.replace("<scope>", f"<references>{first}</references><scope>"), "2.xml")
    district.boxes["dan-luc"].server.stop()
    wait_s = 15
    taken = district.run("cap", "take", "2.xml", "--yes", "--wait", str(wait_s))
    assert taken.exit_code == 1, taken.output
    stop, update = district.read_orders()[1:]
    assert (stop.order.status, update.order.status) == (OrderStatus.CANCEL, OrderStatus.ACTUAL)
    began = [datetime.fromisoformat(str(line["at"])) for line in district.read_diary("an-nong")
             if line["event"] == "start" and update.order.id in str(line["airing"])]  # fmt: skip
    assert began[0] < update.order.issued_at + timedelta(seconds=wait_s)  # the stop was tried at dan-luc until then
    third = second.replace("1009-02", "1009-03")
    second_name = f"canhbao@kttv.example,VN-2023-1009-02,{sent}"
    write_alert(district, third.replace("<scope>", f"<references>{second_name}</references><scope>"), "3.xml")
    monkeypatch.setenv("PATH", str(tmp_path))
    silent = district.run("cap", "take", "3.xml", "--yes", "--wait", "1")
    assert isinstance(silent.exception, ToolMissingError), silent.output
    assert "it cannot be sounded: espeak-ng is not on this machine" in silent.output
    assert "received by 1 of 2 stations" in silent.output
    (last,) = district.read_orders()[3:]
    assert (last.order.status, last.order.cancels) == (OrderStatus.CANCEL, update.order.id)


def test_exercise_goes_the_whole_way_and_is_not_heard(district: District) -> None:
    words = ("emergency", "--text", TEXT, "--to", "an-nong", "--status", "exercise", "--yes", "--wait", "20")
    result = district.run(*words)
    assert result.exit_code == 0, result.output
    assert [line["event"] for line in district.read_diary("an-nong")] == ["skip"]
    assert "sounded at 0" in result.output


def test_box_that_came_back_gets_the_order_from_the_service(district: District) -> None:
    """The command gave up; what is alive and unconfirmed is the service's to bring."""
    district.agents["an-nong"].send_signal(signal.SIGSTOP)
    first = district.run("emergency", "--text", TEXT, "--to", "an-nong", "--yes", "--wait", "0.5")
    assert first.exit_code == 1
    schedules = read_schedules(district.workspace.schedules)
    later = LaterClock()
    district.agents["an-nong"].send_signal(signal.SIGCONT)
    assert send_open_orders(district.workspace, district.record, schedules, later) == 1
    assert send_open_orders(district.workspace, district.record, schedules, later) == 0
    wait_until(lambda: [line["event"] for line in district.read_diary("an-nong")] == ["start", "end"])


class LaterClock:
    """The machine's clock, two minutes on."""

    def now_at(self) -> datetime:
        return CLOCK.now_at() + timedelta(minutes=2)

    def sleep_s(self, seconds: float) -> None:
        CLOCK.sleep_s(seconds)


def test_nothing_is_kept_where_it_was_not_wanted(district: District) -> None:
    masters = sorted(district.workspace.masters.iterdir())
    words = ("emergency", "--text", TEXT, "--to", "an-nong")
    nameless = ["-w", str(district.workspace.root), *words]
    assert CliRunner().invoke(cli, [*nameless, "--preview"]).exit_code == 0
    assert "a --preview needs no name" in CliRunner().invoke(cli, nameless).output
    asked = CliRunner().invoke(
        cli,
        ["-w", str(district.workspace.root), *words, "--as", "hung", "--password-file", str(district.password_file)],
        input="n\n",
    )
    assert asked.exit_code == 1
    assert isinstance(district.run(*words, "--yes", user="mai").exception, NotAllowedError)
    assert isinstance(district.run(*words, "--yes", user="ai-do").exception, NotAllowedError)
    unknown = district.run("emergency", "--text", TEXT, "--to", "an-nogn", "--yes").exception
    assert isinstance(unknown, UnknownNameError)
    assert unknown.hint == "did you mean 'an-nong'?"
    assert district.read_orders() == []
    assert sorted(district.workspace.masters.iterdir()) == masters
    assert not list(district.workspace.state.glob("emergency-*"))
    assert all(box.list_inbox() == [] for box in district.boxes.values())


def test_record_refuses_to_change_an_order(record: Record) -> None:
    now_at = datetime(2023, 10, 9, 10, tzinfo=UTC)
    order = EmergencyOrder(
        id="a", centre="Trung tâm", author="hung", issued_at=now_at, expires_at=now_at + timedelta(hours=1),
        stations=(), title="A", sha256=hash_bytes(b"a"), size_bytes=1, duration_ms=1, status=OrderStatus.TEST,
    )  # fmt: skip
    with record.write() as connection:
        write_order_row(connection, KeptOrder(order, write_order(order), "signature"))
    for statement in ("UPDATE orders SET id = 'b'", "DELETE FROM orders", "REPLACE INTO orders SELECT * FROM orders"):
        with pytest.raises(RecordError), record.write() as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize(("command", "told"), [
    (("no-such-voice", "{wav}"), "no-such-voice is not on this machine"),
    (("sh", "/no/such.onnx", "{wav}"), "/no/such.onnx, which sh needs to speak, is not there"),
    (("sh", "-c", "cat >&2; exit 3", "{wav}"), "sh failed with 3: Xin chào"),
    (("true", "{wav}"), "true left no sound"),
    (("espeak-ng", "-v", "vi-vn-x-south", "--stdin", "-w", "{wav}"), ""),
])  # fmt: skip
def test_text_is_spoken_also_when_the_better_voice_fails(tmp_path: Path, command: tuple[str, ...], told: str) -> None:
    path = tmp_path / "a.wav"
    assert told in (trouble := write_speech("Xin chào", path, command))
    assert bool(told) == bool(trouble)
    assert path.read_bytes()[:4] == b"RIFF"


def test_voice_says_nothing_of_nothing_and_tells_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(InputError):
        write_speech("  ", path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_voice_trouble() == (
        "espeak-ng is not on this machine: text cannot become speech",
        "apt install espeak-ng",
    )
    with pytest.raises(ToolMissingError, match="no-such-voice"):
        write_speech("Xin chào", path, ("no-such-voice", "{wav}"))

"""A box that is really set up by `broadcaster-station install`: accounts, chroot, sshd, units, taken down again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from broadcaster.centre.deliver import Missing
from broadcaster.centre.stick_in import import_from_stick
from broadcaster.centre.stick_out import export_to_stick
from broadcaster.centre.workspace import Workspace
from broadcaster.core.errors import StationFolderError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import StationId
from broadcaster.core.model import Station
from broadcaster.core.time import SystemClock
from broadcaster.delivery.push import MasterFile
from broadcaster.link.session import StationAddress, open_session
from broadcaster.link.transfer import list_folder, read_from, send_bytes, send_file
from broadcaster.store.engine import Record
from broadcaster.wire.enrolment import Enrolment, read_reply, shorten_key, write_enrolment
from broadcaster.wire.signature import write_key_pair
from tests.machines import Machine, open_machine
from tests.unit.makers import make_schedules

ABSENT = {"clock", "player"}  # the test's machine may have no sound device and no time server
UNITS = "/etc/systemd/system"
CHECK = f"{sys.executable} -m broadcaster.cli.station check"


@dataclass
class SetUpBox:
    machine: Machine
    address: StationAddress
    key: Path
    enrolment: Path


def make_enrolment(folder: Path, station: str = "an-nong") -> Path:
    key = folder / "centre_key"
    line = key.with_name("centre_key.pub").read_text() if key.exists() else write_key_pair(key, "broadcaster-centre")
    enrolment = Enrolment(
        station=StationId(station), name="Xã An Nông", centre="Trung tâm", zone="Asia/Ho_Chi_Minh", account="centre",
        centre_key=shorten_key(line),
    )  # fmt: skip
    path = folder / f"{station}.json"
    path.write_bytes(write_enrolment(enrolment))
    return path


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUpBox]:
    folder = tmp_path_factory.mktemp("box")
    with open_machine(folder / "machine") as machine:
        enrolment = make_enrolment(folder)
        machine.station("install", str(enrolment))
        reply = read_reply((folder / "an-nong-reply.json").read_bytes())
        address = StationAddress(reply.station, "127.0.0.1", machine.port, "centre", reply.host_key)
        with machine.sshd(), machine.agent():
            yield SetUpBox(machine, address, folder / "centre_key", enrolment)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with open_machine(tmp_path / "machine") as machine:
        yield machine


def wait_for(box: SetUpBox, path: str, word: bytes) -> bytes:
    until = time.monotonic() + 30
    data = b""
    while time.monotonic() < until:
        with open_session(box.address, box.key) as session:
            data = read_from(session, path, 0)
        if word in data:
            return data
        time.sleep(0.3)
    pytest.fail(f"{word!r} is not in {path}: {data!r}")


def list_wrong(machine: Machine) -> dict[str, str]:
    said = machine.run("sh", "-c", f'{CHECK} --json || test "$?" = 1')
    findings = json.loads(said)
    return {found["what"]: found["message"] for found in findings if found["is_wrong"] and found["what"] not in ABSENT}


def test_box_that_was_set_up_receives_and_answers(box: SetUpBox, tmp_path: Path) -> None:
    assert list_wrong(box.machine).keys() <= {"program"}  # the tests' own program may lie in a closed folder
    master = tmp_path / "master"
    master.write_bytes(b"not a sound, but the bytes that its name says" * 1000)
    name = f"{hash_bytes(master.read_bytes())}.mp3"
    with open_session(box.address, box.key) as session:
        assert {file.name for file in list_folder(session, ".")} == {"inbox", "outbox"}
        send_file(session, master, name, lambda _: None)
    receipt = json.loads(wait_for(box, "outbox/receipts.jsonl", name.encode()).splitlines()[-1])
    assert (receipt["name"], receipt["verdict"]) == (name, "verified")
    with open_session(box.address, box.key) as session:
        assert [file.name for file in list_folder(session, "inbox")] == []
        with pytest.raises(StationFolderError):
            send_bytes(session, b"forged", "../outbox/journal-2023-10-09.jsonl")
        with pytest.raises(StationFolderError):
            list_folder(session, "/etc")
    status = json.loads(wait_for(box, "outbox/status.json", b"broadcaster-status"))
    assert status["masters"] == 1
    assert status["station"] == "an-nong"


def test_box_takes_a_stick_in_as_root_and_signs_with_its_host_key(
    box: SetUpBox, workspace: Workspace, record: Record, tmp_path: Path
) -> None:
    station = Station(StationId("an-nong"), "Xã An Nông", host_key=box.address.host_key)
    data = b"not a sound either" * 1000
    sha256 = hash_bytes(data)
    workspace.get_master(sha256).write_bytes(data)
    missing = Missing(station, (), (MasterFile(sha256, workspace.get_master(sha256)),), len(data), None, (sha256,))
    stick = tmp_path / "stick"
    stick.mkdir()
    (exported,) = export_to_stick(workspace, record, [missing], stick, SystemClock())
    assert exported.error is None
    wait_for(box, "outbox/status.json", b"broadcaster-status")
    command = f"umask 077; {sys.executable} -m broadcaster.cli.station usb {stick}"
    assert f"{sha256}.mp3  verified" in box.machine.run("sh", "-c", command)
    with open_session(box.address, box.key) as session:
        assert list_folder(session, "inbox") == []
    (taken,) = import_from_stick(workspace, record, make_schedules(stations=(station,)), stick, SystemClock())
    assert (taken.error, taken.new_lines) == (None, 2)


@pytest.mark.parametrize(
    ("options", "command"),
    [("", "id"), ("-tt", "id"), ("-W 127.0.0.1:{port}", ""), ("-N -R 0:127.0.0.1:{port}", "")],
    ids=["shell", "terminal", "forward", "listen"],
)
def test_centres_account_gets_no_shell_and_no_forwarding(box: SetUpBox, options: str, command: str) -> None:
    common = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ExitOnForwardFailure=yes")
    done = subprocess.run(
        ["ssh", "-F", "none", "-i", str(box.key), "-p", str(box.address.port),
         *(word for option in common for word in ("-o", option)),
         *options.format(port=box.address.port).split(), "centre@127.0.0.1", *command.split()],
        capture_output=True, check=False, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode != 0, done
    assert b"uid=" not in done.stdout
    assert b"SSH-2.0" not in done.stdout


def test_units_pass_systemd_verify_without_a_word(box: SetUpBox) -> None:
    said = box.machine.run("systemd-analyze", "verify", f"{UNITS}/broadcaster-station.service")
    assert said == ""
    text = box.machine.run("cat", f"{UNITS}/broadcaster-station.service")
    (account,) = re.findall(r"^User=(.*)$", text, re.MULTILINE)
    assert account == "broadcaster"


def test_second_install_finds_everything_done_and_keeps_what_was_set(box: SetUpBox) -> None:
    box.machine.run("sh", "-c", "echo 'volume = 80' >> /etc/broadcaster/station.toml")
    preview = box.machine.station("install", "--preview")
    assert "to do" not in preview
    assert preview.count("ok ") > 12
    box.machine.station("install")
    assert "volume = 80" in box.machine.run("cat", "/etc/broadcaster/station.toml")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("chmod 770 /srv/broadcaster", "folder /srv/broadcaster"),
        ("chown broadcaster /srv/broadcaster/inbox", "inbox of centre"),
        ("chmod 777 /srv/broadcaster/outbox", "outbox of broadcaster"),
        ("echo >> /etc/broadcaster/authorized_keys", "the centre's key"),
        ("rm /etc/ssh/sshd_config.d/broadcaster.conf", "sshd passes over"),
        ("rm /etc/systemd/system/multi-user.target.wants/broadcaster-station.service", "starts with the box"),
        ("ln -sf /usr/share/zoneinfo/UTC /etc/localtime", "time zone"),
    ],
)
def test_check_names_what_is_wrong_and_install_puts_it_right(box: SetUpBox, damage: str, told: str) -> None:
    box.machine.run("sh", "-c", damage)
    wrong = list_wrong(box.machine)
    assert told in " ".join(wrong.values()), wrong
    box.machine.station("install")
    assert list_wrong(box.machine).keys() <= {"program"}


def test_sshd_that_refuses_its_settings_is_left_as_it_was(machine: Machine, tmp_path: Path) -> None:
    machine.run("sh", "-c", "echo 'Nonsense yes' > /etc/ssh/sshd_config.d/50-bad.conf")
    said = machine.station("install", str(make_enrolment(tmp_path)), code=58)
    assert "Bad configuration option" in said or "bad configuration" in said, said
    assert not machine.has("/etc/ssh/sshd_config.d/broadcaster.conf")
    machine.run("rm", "/etc/ssh/sshd_config.d/50-bad.conf")
    machine.station("install")  # goes on from there
    other = machine.station("install", str(make_enrolment(tmp_path, "dan-ly")), code=58)
    assert "set up as station 'an-nong'" in other
    machine.run("sed", "-i", "/^Include/d", "/etc/ssh/sshd_config")
    assert "must begin with: Include" in machine.station("install", code=58)


def test_uninstall_leaves_diaries_alone_and_nothing_else(machine: Machine, tmp_path: Path) -> None:
    list_all = ("sh", "-c", "cd /etc; find . ! -name '*-' | sort; sort passwd group")
    before = machine.run(*list_all)
    machine.station("install", str(make_enrolment(tmp_path)))
    machine.run("sh", "-c", "echo '{}' > /srv/broadcaster/outbox/journal-2023-10-09.jsonl")
    assert "nothing was changed" in machine.station("uninstall", "--preview")
    with machine.agent():
        machine.station("uninstall", "--yes")  # also from under an agent that runs
    assert machine.run(*list_all).replace("./broadcaster\n", "") == before
    kept = machine.run("sh", "-c", "cd /srv/broadcaster; find . -type f -printf '%p %u %m\n'")
    assert "./outbox/journal-2023-10-09.jsonl root 644" in kept
    assert "install" in machine.station("uninstall", "--yes", code=58)
    machine.station("install", str(tmp_path / "an-nong.json"))
    assert "broadcaster" in machine.run("stat", "-c", "%U", "/srv/broadcaster/outbox/journal-2023-10-09.jsonl")
    machine.station("uninstall", "--yes", "--with-records")
    assert not machine.has("/srv/broadcaster")
    assert not machine.has("/var/lib/broadcaster-station")


def test_check_plays_notes_that_are_heard_but_not_in_quiet_hours(machine: Machine, tmp_path: Path) -> None:
    machine.station("install", str(make_enrolment(tmp_path)))
    heard = Path("/var/lib/broadcaster-station/heard.raw")
    asound = f'pcm.horn {{ type file; slave.pcm null; file "{heard}"; format raw }}'
    machine.run("sh", "-c", "cat > /etc/asound.conf", text=asound)
    machine.run("sh", "-c", "echo 'output = \"alsa/horn\"' >> /etc/broadcaster/station.toml")
    machine.run("sh", "-c", f"{CHECK} --sound; true")
    loud = machine.run("sh", "-c", f"od -An -v -td2 -w2 {heard} | awk '$1 > 3000' | wc -l")
    assert int(loud) > 10_000
    machine.run("rm", str(heard))
    everything = 'quiet_hours = [{from = "00:00", to = "12:00"}, {from = "12:00", to = "00:00"}]'
    machine.run("sh", "-c", f"echo '{everything}' >> /etc/broadcaster/station.toml")
    assert "these are quiet hours" in machine.run("sh", "-c", f"{CHECK} --sound; true")

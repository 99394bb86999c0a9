"""A box that cannot be reached from outside: enrolled, set up, reached through its tunnel, on two machines."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from broadcaster.demo.server import choose_port
from broadcaster.wire.signature import make_fingerprint, read_public_key
from tests.machines import ROOT, Machine, open_machine, wait_for_port

PAGE = (ROOT / "docs" / "centre-service.md").read_text(encoding="utf-8")
SERVICE = (sys.executable, "-m", "broadcaster.cli.main", "-w", "/srv/broadcaster", "run")
AS_TUNNEL = "setpriv --reuid broadcaster-tunnel --regid broadcaster-tunnel --clear-groups --"
AGAIN = f"while :; do {AS_TUNNEL} {{}}; sleep 1; done"


@dataclass
class Line:
    """A centre and a box, and the port of the centre behind which the box answers."""

    centre: Machine
    box: Machine
    port: int
    folder: Path

    def make_known(self) -> None:
        """Take what the box says of itself back to the centre."""
        host_key = json.loads((self.folder / "an-nong-reply.json").read_bytes())["host_key"]
        fingerprint = make_fingerprint(read_public_key(host_key))
        self.centre.centre("station", "enrol", "an-nong", "--reply", str(self.folder / "an-nong-reply.json"),
                           "--fingerprint", fingerprint)  # fmt: skip

    def push(self, *, code: int = 0) -> dict[str, object]:
        """Push what the box misses and give the result."""
        said = self.centre.centre("push", "--station", "an-nong", "--wait", "20", "--json", code=code)
        (result,) = json.loads(said)
        assert isinstance(result, dict)
        return result


def read_block(name: str) -> str:
    found = re.search(rf"```bash {name}\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


def read_command(machine: Machine) -> str:
    """Read what the tunnel's unit starts, and as whom."""
    unit = machine.run("cat", "/etc/systemd/system/broadcaster-tunnel.service")
    assert "User=broadcaster-tunnel\n" in unit
    assert "Restart=always\n" in unit
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    return str(command)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    port = choose_port()
    with ExitStack() as stack:
        centre = stack.enter_context(open_machine(tmp_path / "centre"))
        box = stack.enter_context(open_machine(tmp_path / "box"))
        centre.init_workspace()
        stations = {"id": "an-nong", "name": "Xã An Nông", "host": "127.0.0.1", "port": port}
        where = "/srv/broadcaster/schedules"
        centre.run("tee", f"{where}/stations.yaml", text=json.dumps({"format": 1, "stations": [stations]}))
        centre.run("sh", "-c", f"echo 'tunnel: 127.0.0.1:{centre.port}' >> {where}/centre.yaml")
        # A dead box is noticed in seconds here, else the test would wait for half a minute.
        centre.run("bash", "-euc", read_block("tunnel").replace("ClientAliveInterval 5", "ClientAliveInterval 1"))
        said = centre.centre("station", "enrol", "an-nong", "--tunnel", "--language", "en")
        assert "[ ] 8." in said
        assert "install-station.sh an-nong.json" in said
        (tmp_path / "an-nong.json").write_text(centre.run("cat", "/srv/broadcaster/enrolment/an-nong.json"))
        centre.centre("timetable", "publish")
        stack.enter_context(centre.sshd())
        box.station("install", str(tmp_path / "an-nong.json"))
        stack.enter_context(box.sshd())
        stack.enter_context(box.agent())
        yield Line(centre, box, port, tmp_path)


def test_box_is_reached_through_its_tunnel_and_again_when_that_was_cut(line: Line) -> None:
    centre, box = line.centre, line.box
    reply = str(line.folder / "an-nong-reply.json")
    assert line.push(code=1)["error"] == "NotEnrolledError"
    assert "not done" in centre.centre("station", "enrol", "an-nong", "--reply", reply, code=130)  # nobody says yes
    assert "not SHA256:other" in centre.centre(
        "station", "enrol", "an-nong", "--reply", reply, "--fingerprint", "SHA256:other", code=10
    )
    with box.started("bash", "-c", AGAIN.format(read_command(box))) as keeper:
        time.sleep(1)
        wait_for_port(line.port, is_open=False)  # nobody has let its key in yet
        line.make_known()
        wait_for_port(line.port, is_open=True)
        assert line.push()["confirmed"] is True
        assert "station enrolled" in centre.centre("audit")

        # The tunnel breaks off, and comes again by itself.
        box.run("pkill", "-KILL", "-u", "broadcaster-tunnel", "-x", "ssh")
        wait_for_port(line.port, is_open=False)
        wait_for_port(line.port, is_open=True)
        centre.centre("collect")

        # The box loses its power: nothing closes the line, the centre has to notice.
        box.run("pkill", "-STOP", "-u", "broadcaster-tunnel", "-x", "ssh")
        wait_for_port(line.port, is_open=False)
        box.run("pkill", "-KILL", "-u", "broadcaster-tunnel", "-x", "ssh")
        wait_for_port(line.port, is_open=True)
        centre.centre("collect")
        assert keeper.poll() is None


def test_another_box_behind_the_tunnel_is_not_taken_for_the_station(line: Line) -> None:
    line.make_known()
    line.box.port = choose_port()
    line.box.run("sh", "-c", "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -A")
    line.box.run("sed", "-i", f"s/^Port .*/Port {line.box.port}/", "/etc/ssh/sshd_config.d/00-test.conf")
    line.box.station("install")  # the tunnel leads to where sshd listens now
    with line.box.sshd(), line.box.started("bash", "-c", AGAIN.format(read_command(line.box))):
        wait_for_port(line.port, is_open=True)
        assert line.push(code=1)["error"] == "HostKeyChangedError"
    assert line.box.run("ls", "/srv/broadcaster/inbox") == ""


def test_the_tunnels_key_opens_its_own_port_and_nothing_else(line: Line) -> None:
    line.make_known()
    free = choose_port()
    ssh = "timeout 10 ssh -F /etc/broadcaster/tunnel.conf -o ClearAllForwardings=yes -o ExitOnForwardFailure=yes"
    for attempt in (
        f"{ssh} centre id",
        f"{ssh} -tt centre",
        f"{ssh} -s centre sftp",
        f"{ssh} -W 127.0.0.1:{line.centre.port} centre",
        f"{ssh.replace('-o ClearAllForwardings=yes ', '')} -N -R 127.0.0.1:{free}:127.0.0.1:1 centre",
        f"{ssh.replace('-o ClearAllForwardings=yes ', '')} -N -R 0.0.0.0:{free}:127.0.0.1:1 centre",
    ):
        done = line.box.run("sh", "-c", f'{attempt} </dev/null; echo "code $?"')
        assert not re.search(r"code (0|124)$", done.strip()), (attempt, done)
        assert "uid=" not in done
        assert "SSH-2.0" not in done
    said = line.box.run("systemd-analyze", "verify", "/etc/systemd/system/broadcaster-tunnel.service")
    assert said == ""


def test_a_station_that_is_taken_out_is_let_in_no_more(line: Line) -> None:
    line.make_known()
    keys = "/srv/broadcaster/.broadcaster/tunnel_keys"
    assert f'permitlisten="127.0.0.1:{line.port}"' in line.centre.run("cat", keys)
    line.centre.run("sed", "-i", r's/, "tunnel_key": "[^"]*"//', "/srv/broadcaster/schedules/stations.yaml")
    with line.centre.started(*SERVICE):
        until_s = time.monotonic() + 60
        while line.centre.run("cat", keys):
            assert time.monotonic() < until_s
            time.sleep(0.2)
    with line.box.started("bash", "-c", AGAIN.format(read_command(line.box))):
        time.sleep(1)
        wait_for_port(line.port, is_open=False)


def test_no_private_key_leaves_its_machine_or_is_open_to_others(line: Line) -> None:
    centre, box = line.centre, line.box
    line.make_known()
    box_key, centre_key = "/etc/broadcaster/tunnel_ed25519", "/srv/broadcaster/.broadcaster/centre_ed25519"
    secrets: list[str] = []
    for machine, path in ((box, box_key), (centre, centre_key)):
        assert machine.run("stat", "-c", "%a", path) == "600\n"
        secrets += machine.run("cat", path).splitlines()[1:-1]
        machine.said = [said for said in machine.said if "PRIVATE KEY" not in said]  # what this test itself has read
    assert len(secrets) > 6
    with box.started("bash", "-c", AGAIN.format(read_command(box))):
        wait_for_port(line.port, is_open=True)
        assert line.push()["confirmed"] is True
    logs = [path.read_text(errors="replace") for path in line.folder.glob("*.log")]
    assert len(logs) >= 4
    carried = [(line.folder / name).read_text() for name in ("an-nong.json", "an-nong-reply.json")]
    shown = [*centre.said, *box.said, *logs, *carried, centre.run("cat", "/srv/broadcaster/schedules/stations.yaml")]
    for secret in secrets:
        assert not [text for text in shown if secret in text]
    box.run("chmod", "644", box_key)
    assert "UNPROTECTED PRIVATE KEY" in box.run("sh", "-c", f"timeout 20 {AS_TUNNEL} {read_command(box)}; true")
    assert "readable by broadcaster-tunnel alone" in box.station("check", code=1)
    centre.run("chmod", "644", centre_key)
    assert "open to others" in centre.centre("collect", code=1)

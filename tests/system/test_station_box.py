"""docs/station-box.md, done exactly: its blocks are run as root, in a file system of the test's own, and then used."""

from __future__ import annotations

import json
import os
import re
import signal
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
from broadcaster.demo.openssh import has_come_up
from broadcaster.demo.server import choose_port
from broadcaster.link.session import StationAddress, open_session
from broadcaster.link.transfer import list_folder, read_from, send_bytes, send_file
from broadcaster.store.engine import Record
from broadcaster.wire.signature import write_key_pair
from tests.unit.makers import make_schedules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "station-box.md").read_text(encoding="utf-8")

# The page's folders are put under overlays in a mount namespace, so that the machine stays as it was. The agent runs
# under its own account, with the one right more to read the interpreter wherever it lies.
SCRIPT = """
set -eu
for folder in etc srv var; do
    mkdir -p "$WORK/$folder/up" "$WORK/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$WORK/$folder/up,workdir=$WORK/$folder/work" "/$folder"
done
userdel broadcaster 2>/dev/null || true
userdel centre 2>/dev/null || true
groupdel broadcaster 2>/dev/null || true
mkdir -p /etc/ssh/sshd_config.d
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
{setup}
{hostkey} > "$WORK/host_key"
mkdir -p /run/sshd
/usr/sbin/sshd -D -f /etc/ssh/sshd_config -o ListenAddress=127.0.0.1 -o Port=$PORT -E "$WORK/sshd.log" &
agent() {{
    setpriv --reuid broadcaster --regid broadcaster --init-groups \\
        --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search -- \\
        "$PYTHON" -m broadcaster.cli.station "$@"
}}
agent check --json > "$WORK/check.json" || true
agent run &
echo ready > "$WORK/ready"
wait
"""


def read_block(name: str) -> str:
    found = re.search(rf"```bash {name}\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


@dataclass
class SetUpBox:
    address: StationAddress
    key: Path
    work: Path
    pid: int


@pytest.fixture
def box(tmp_path: Path) -> Iterator[SetUpBox]:
    work = tmp_path / "overlay"
    work.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(work)], check=True)  # an overlay cannot lie on an overlay
    work.chmod(0o755)
    key = tmp_path / "centre_key"
    line = write_key_pair(key, "broadcaster-centre")
    port = choose_port()
    who = read_block("who").replace("ssh-ed25519 AAAA... broadcaster-centre", line)
    assert line in who
    script = SCRIPT.format(setup=f"{who}\n{read_block('setup')}", hostkey=read_block("hostkey"))
    environment = {
        **os.environ, "WORK": str(work), "PORT": str(port), "PYTHON": sys.executable, "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not (work / "ready").exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.1)
        assert has_come_up(process, port), (work / "sshd.log").read_text()
        host_key = (work / "host_key").read_text().strip()
        yield SetUpBox(
            StationAddress(StationId("an-nong"), "127.0.0.1", port, "centre", host_key), key, work, process.pid
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        subprocess.run(["umount", "-l", str(work)], check=True)


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


def test_box_set_up_by_the_page_receives_and_answers(box: SetUpBox, tmp_path: Path) -> None:
    findings = json.loads((box.work / "check.json").read_bytes())
    wrong = {finding["what"] for finding in findings if finding["is_wrong"]}
    assert wrong <= {"clock", "player"}  # the test's machine may have no sound device and no time server
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
    status = json.loads(wait_for(box, "outbox/status.json", b"broadcaster-status"))
    assert status["masters"] == 1
    assert status["station"] == "an-nong"


def test_box_set_up_by_the_page_takes_a_stick_in_as_root_and_signs_with_its_host_key(
    box: SetUpBox, workspace: Workspace, record: Record
) -> None:
    station = Station(StationId("an-nong"), "Xã An Nông", host_key=box.address.host_key)
    data = b"not a sound either" * 1000
    sha256 = hash_bytes(data)
    workspace.get_master(sha256).write_bytes(data)
    missing = Missing(station, (), (MasterFile(sha256, workspace.get_master(sha256)),), len(data), None, (sha256,))
    stick = box.work / "stick"
    stick.mkdir()
    (exported,) = export_to_stick(workspace, record, [missing], stick, SystemClock())
    assert exported.error is None
    wait_for(box, "outbox/status.json", b"broadcaster-status")
    command = [sys.executable, "-m", "broadcaster.cli.station", "usb", str(stick)]
    done = subprocess.run(
        ["nsenter", "--target", str(box.pid), "--mount", "--", "sh", "-c", 'umask 077; exec "$@"', "sh", *command],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert f"{sha256}.mp3  verified" in done.stdout
    with open_session(box.address, box.key) as session:
        assert list_folder(session, "inbox") == []
    (taken,) = import_from_stick(workspace, record, make_schedules(stations=(station,)), stick, SystemClock())
    assert (taken.error, taken.is_signed, taken.new_lines) == (None, True, 1)


def test_centres_account_gets_no_shell_and_no_forwarding(box: SetUpBox) -> None:
    command = [
        "ssh", "-F", "none", "-i", str(box.key), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
        "-o", "UserKnownHostsFile=/dev/null", "-p", str(box.address.port), "centre@127.0.0.1",
    ]  # fmt: skip
    shell = subprocess.run([*command, "id"], capture_output=True, check=False, timeout=30)
    assert b"uid=" not in shell.stdout
    forward = subprocess.run(
        [*command, "-W", f"127.0.0.1:{box.address.port}"], capture_output=True, check=False, timeout=30
    )
    assert forward.returncode != 0
    assert b"SSH-2.0" not in forward.stdout

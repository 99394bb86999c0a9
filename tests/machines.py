"""Machines for tests: this one's system under overlays, in namespaces of their own; root may set up anything there."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from broadcaster.demo.openssh import find_sshd, has_come_up, list_children
from broadcaster.demo.server import choose_port

ROOT = Path(__file__).parents[1]
KEEP = """
set -eu
mount -t tmpfs tmpfs "$WORK" # an overlay cannot lie on an overlay
chmod 755 "$WORK"
for folder in etc srv var usr/local; do
    mkdir -p "$WORK/$folder/up" "$WORK/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$WORK/$folder/up,workdir=$WORK/$folder/work" "/$folder"
done
for account in broadcaster centre broadcaster-tunnel; do userdel "$account" 2>/dev/null || true; done
groupdel broadcaster 2>/dev/null || true
rm -rf /etc/broadcaster /srv/broadcaster /var/lib/broadcaster-station /etc/ssh/ssh_host_*
rm -rf /run/sshd && mkdir -m 755 /run/sshd
ssh-keygen -A >/dev/null
echo "Port $PORT
ListenAddress 127.0.0.1
LogLevel VERBOSE" > /etc/ssh/sshd_config.d/00-test.conf
echo ready > "$WORK/ready"
exec sleep infinity
"""


@dataclass
class Machine:
    """A machine of its own as far as accounts, /etc, /srv and /var go; the network is this one's."""

    work: Path
    port: int
    keeper: int
    said: list[str] = field(default_factory=list)

    @property
    def sshd_log(self) -> Path:
        return self.work.with_name(f"{self.work.name}-sshd.log")

    def wrap(self, *command: str) -> list[str]:
        """Give the command that runs a command on this machine."""
        return ["nsenter", "--target", str(self.keeper), "--mount", "--pid", "--wd=/", "--", *command]

    def run(self, *command: str, code: int = 0, text: str | None = None) -> str:
        """Run a command as root and require its exit code; what it says is kept."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            self.wrap(*command),
            env=environment, input=text or "", capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.said += [done.stdout, done.stderr]
        assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def station(self, *words: str, code: int = 0) -> str:
        """Run `broadcaster-station`."""
        return self.run(sys.executable, "-m", "broadcaster.cli.station", *words, code=code)

    def centre(self, *words: str, code: int = 0) -> str:
        """Run `broadcaster` in /srv/broadcaster."""
        return self.run(sys.executable, "-m", "broadcaster.cli.main", "-w", "/srv/broadcaster", *words, code=code)

    def init_workspace(self) -> None:
        """Make /srv/broadcaster a workspace that belongs to an account without rights, as a centre's does."""
        self.run(sys.executable, "-m", "broadcaster.cli.main", "init", "/srv/broadcaster")
        self.run("chown", "-R", "daemon", "/srv/broadcaster")

    def has(self, path: str) -> bool:
        """Tell whether a path exists here."""
        return subprocess.run(self.wrap("test", "-e", path), check=False).returncode == 0

    @contextlib.contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a command run as root for as long as the block does."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.work.with_name(f"{self.work.name}-programs.log").open("ab") as log:
            process = subprocess.Popen(
                self.wrap(*command), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            for pid in [*list_children(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    @contextlib.contextmanager
    def sshd(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have this machine's sshd run with the settings that lie in its /etc/ssh."""
        sshd = find_sshd()
        assert sshd is not None
        with self.started(sshd, "-D", "-E", str(self.sshd_log), *options) as process:
            assert has_come_up(process, self.port), self.sshd_log.read_text()
            yield process

    @contextlib.contextmanager
    def agent(self) -> Iterator[None]:
        """Have the agent run under its own account, with the one right more to read a program in a closed folder."""
        with self.started(
            "setpriv", "--reuid", "broadcaster", "--regid", "broadcaster", "--init-groups",
            "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--",
            sys.executable, "-m", "broadcaster.cli.station", "run",
        ):  # fmt: skip
            yield


@contextlib.contextmanager
def open_machine(work: Path) -> Iterator[Machine]:
    """Have a machine for as long as the block runs; nothing of it is left afterwards."""
    work.mkdir(parents=True)
    port = choose_port()
    with work.with_name(f"{work.name}-keeper.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", KEEP],
            env={**os.environ, "WORK": str(work), "PORT": str(port)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until_s = time.monotonic() + 60
        keeper = 0
        while not keeper:
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < until_s, Path(log.name).read_text()
            time.sleep(0.05)
            children = list_children(process.pid)
            if children and Path(f"/proc/{children[0]}/root{work}/ready").exists():
                keeper = children[0]
        yield Machine(work, port, keeper)
    finally:
        process.kill()
        process.wait()


def wait_for_port(port: int, *, is_open: bool, seconds: float = 60) -> None:
    """Wait until something listens on a loopback port, or nothing does any more; nobody connects for it."""
    listening = re.compile(rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F:]+ 0A ", re.MULTILINE)
    until_s = time.monotonic() + seconds
    while (listening.search(Path("/proc/net/tcp").read_text()) is not None) != is_open:
        assert time.monotonic() < until_s, f"port {port}: {'nothing listens' if is_open else 'still open'}"
        time.sleep(0.1)

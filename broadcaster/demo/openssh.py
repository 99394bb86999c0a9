"""OpenSSH's sshd as an ordinary process of whoever runs it: own port, own keys, SFTP in one folder and nothing else."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from broadcaster.core.errors import ToolMissingError
from broadcaster.demo.server import LOOPBACK, RunningServer, choose_port
from broadcaster.wire.signature import write_key_pair

_START_S = 10.0
_TRIES = 5
_CONFIG = """\
ListenAddress {host}:{port}
HostKey {state}/host_key
AuthorizedKeysFile {state}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTTY no
MaxStartups 200
LogLevel VERBOSE
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {folder}
"""


def find_sshd() -> str | None:
    """Find OpenSSH's sshd; None when it is not installed."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def start_sshd(folder: Path, state_folder: Path, client_public_key: str, settings: Sequence[str] = ()) -> RunningServer:
    """Start an sshd on a free loopback port; root is not needed, and so it cannot chroot.

    Args:
        folder: What a session sees as its start: holds inbox/ and outbox/.
        state_folder: For the host key (kept when it is there already), settings and log.
        client_public_key: The line of the one key that may log in, as the user who runs this.
        settings: Lines of sshd_config in place of our own with the same keywords.

    Raises:
        ToolMissingError: sshd is not installed, or does not start; the message ends with its log.
    """
    sshd = find_sshd()
    if sshd is None:
        raise ToolMissingError("sshd is not on this machine", hint="apt install openssh-server")
    state = state_folder.resolve()
    state.mkdir(parents=True, exist_ok=True)
    host_key = state / "host_key"
    if not host_key.exists():
        write_key_pair(host_key, "demo station")
    (state / "authorized_keys").write_text(client_public_key.strip() + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd started by root insists on it
    for _ in range(_TRIES):
        port = choose_port()
        own = _CONFIG.format(host=LOOPBACK, port=port, state=_quote(state), folder=_quote(folder.resolve()))
        replaced = {line.split()[0] for line in settings}
        kept = [line for line in own.splitlines() if line.split()[0] not in replaced]
        (state / "sshd_config").write_text("\n".join([*settings, *kept]) + "\n")
        process = subprocess.Popen(
            [sshd, "-D", "-f", str(state / "sshd_config"), "-E", str(state / "sshd.log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if has_come_up(process, port):
            return RunningServer(
                LOOPBACK,
                port,
                pwd.getpwuid(os.geteuid()).pw_name,
                host_key.with_name("host_key.pub").read_text().strip(),
                process.pid,
                functools.partial(_stop, process),
            )
        _stop(process)
    log = (state / "sshd.log").read_text(errors="replace").strip().splitlines()
    raise ToolMissingError(f"sshd does not start: {log[-1] if log else 'it says nothing'}")


def list_children(pid: int) -> list[int]:
    """List the processes that a process has started, and theirs: an sshd's sessions outlive it otherwise."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                child = int(stat.parent.name)
                found += [child, *list_children(child)]
    return found


def has_come_up(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a process that was just started answers as an SSH server on a port; False when it ends or does not."""
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1.0) as line:
                if line.recv(4) == b"SSH-":
                    return process.poll() is None
        except OSError:
            time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    sessions = list_children(process.pid)
    process.terminate()
    process.wait()
    for session in sessions:
        with contextlib.suppress(ProcessLookupError):
            os.kill(session, signal.SIGKILL)


def _quote(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)

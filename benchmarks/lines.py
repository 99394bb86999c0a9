"""A centre and its stations in network namespaces of their own, on lines as bad as asked, with a real sshd.

One sshd answers on the addresses of all stations; each has a folder of its own. A second one is locked as theirs are.
The lines are shaped by linkem.c, which stands beside this and runs on every kernel, also those without netem. Needs
root, a C compiler and /dev/net/tun.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from broadcaster.demo.openssh import find_sshd
from broadcaster.wire.signature import write_key_pair

HERE = Path(__file__).resolve().parent
PORT = 2222
STATION_PORT = 2223  # where an account lets nobody do anything but SFTP in its station's folder, as at a real one
CENTRE_ADDRESS = "10.77.0.1"
LOOPBACK = "127.0.0.1"
MOST_STATIONS = 250
CONGESTION_CONTROL = "cubic"  # what a stock Debian has; kernels that are set otherwise would flatter everybody
ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
_SSHD = """\
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/centre_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 1000
Subsystem sftp internal-sftp
"""
_MATCH = """\
Match LocalAddress {host}
    ForceCommand internal-sftp -d {folder}
"""
_SSH = """\
Host *
Port {port}
User {user}
IdentityFile {folder}/centre_key
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking yes
BatchMode yes
"""


@dataclass(frozen=True)
class Line:
    """How bad a line is. `delay_ms` is one way, so a round trip takes twice that."""

    kbit_s: int = 10_000
    delay_ms: float = 50
    loss_percent: float = 0
    queue_kib: int = 125


@dataclass(frozen=True)
class Net:
    """The namespaces, sshd and keys while they are there; everything lies in `folder`."""

    folder: Path
    centre: str
    stations: str
    user: str
    emulator: subprocess.Popen[bytes]

    @property
    def key(self) -> Path:
        """The centre's private key."""
        return self.folder / "centre_key"

    @property
    def ssh_config(self) -> Path:
        """Settings for OpenSSH's clients."""
        return self.folder / "ssh_config"

    @property
    def lines(self) -> Path:
        """What the emulator reads at SIGHUP."""
        return self.folder / "lines.conf"

    def shape(self, line: Line) -> None:
        """Make all lines like this, at once, whatever is under way on them."""
        words = f"0 65535 {line.kbit_s} {line.kbit_s} {line.delay_ms} {line.loss_percent} {line.queue_kib}\n"
        self.lines.write_text(words)
        self.emulator.send_signal(signal.SIGHUP)

    def in_centre(self, command: Sequence[str]) -> list[str]:
        """Give a command as it has to be started to run at the centre, at the near end of the lines."""
        return ["ip", "netns", "exec", self.centre, *command]

    def on_loopback(self, command: Sequence[str]) -> list[str]:
        """Give a command as it has to be started to run beside the sshd."""
        return ["ip", "netns", "exec", self.stations, *command]

    def count_bytes(self) -> tuple[int, int]:
        """Count the bytes that went into the lines at the centre and that came out there, with all headers."""
        words = subprocess.run(
            self.in_centre(["cat", "/proc/net/dev"]), capture_output=True, text=True, check=True
        ).stdout
        fields = next(line.split(":")[1].split() for line in words.splitlines() if "c77-" in line)
        return int(fields[8]), int(fields[0])


def address(number: int) -> str:
    """Give the address of a station."""
    return f"10.77.1.{number}"


@contextmanager
def open_net(folder: Path, stations: int) -> Iterator[Net]:
    """Set everything up for some stations and take it down again.

    Raises:
        SystemExit: Not root, no compiler, or no TUN devices.
    """
    if os.geteuid() != 0:
        raise SystemExit("the lines need root: network namespaces and TUN devices")
    folder.chmod(0o755)
    emulator = folder / "linkem"
    subprocess.run(["cc", "-O2", "-o", str(emulator), str(HERE / "linkem.c")], check=True)
    key_line = write_key_pair(folder / "host_key", "stations")
    write_key_pair(folder / "centre_key", "centre")
    hosts = [address(number + 1) for number in range(stations)]
    known = [f"[{one}]:{PORT} {key_line}" for one in (LOOPBACK, *hosts)]
    (folder / "known_hosts").write_text("\n".join(known) + "\n")
    user = pwd.getpwuid(0).pw_name
    (folder / "ssh_config").write_text(_SSH.format(port=PORT, folder=folder, user=user))
    matches = "".join(_MATCH.format(host=one, folder=folder / "boxes" / one) for one in hosts)
    for port, more in ((PORT, ""), (STATION_PORT, matches)):
        (folder / f"sshd_config-{port}").write_text(_SSHD.format(port=port, folder=folder) + more)
    (folder / "lines.conf").write_text("0 65535 10000 10000 50 0 125\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    mark = os.getpid()
    centre, far = f"centre-{mark}", f"stations-{mark}"
    near_device, far_device = f"c77-{mark}", f"s77-{mark}"
    with ExitStack() as stack:
        for name in (centre, far):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
        command = [str(emulator), str(folder / "lines.conf"), near_device, far_device]
        running = stack.enter_context(_running(subprocess.Popen(command, stdout=subprocess.PIPE)))
        if running.stdout is None or running.stdout.readline() != b"ready\n":
            raise SystemExit("the emulator of lines did not start")
        for name, device, addresses in (
            (centre, near_device, [f"{CENTRE_ADDRESS}/16"]),
            (far, far_device, [f"{one}/32" for one in hosts]),
        ):
            _ip("link", "set", device, "netns", name)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", device, "up", "mtu", "1500", "txqueuelen", "2000")
            for one in addresses:
                _ip("-n", name, "addr", "add", one, "dev", device)
            with _allowing(CONGESTION_CONTROL):
                tcp = (f"net.ipv4.tcp_congestion_control={CONGESTION_CONTROL}", "net.ipv4.tcp_no_metrics_save=1")
                _ip("netns", "exec", name, "sysctl", "-q", *tcp)
        _ip("-n", far, "route", "add", f"{CENTRE_ADDRESS}/32", "dev", far_device)
        for port in (PORT, STATION_PORT):
            sshd = [str(find_sshd()), "-D", "-f", str(folder / f"sshd_config-{port}"), "-E", str(folder / "sshd.log")]
            stack.enter_context(_running(subprocess.Popen(["ip", "netns", "exec", far, *sshd])))
        yield Net(folder, centre, far, user, running)


@contextmanager
def _running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def _allowing(control: str) -> Iterator[None]:
    """Let a namespace choose a congestion control that the machine keeps to itself, for that moment."""
    before = ALLOWED.read_text()
    ALLOWED.write_text(f"{before.strip()} {control}")
    try:
        yield
    finally:
        ALLOWED.write_text(before)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)

"""Setting up a box from its enrolment: accounts, folders, SSH, units, tunnel, time zone. As root, once or again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import InstallError
from broadcaster.core.ids import StationId
from broadcaster.station import box_files as box
from broadcaster.station.box_steps import (
    Step,
    make_account_step,
    make_file_step,
    make_folder_step,
    make_link_step,
    make_secret_step,
    run_program,
)
from broadcaster.station.settings import HOST_KEY as OWN_HOST_KEY
from broadcaster.station.silence import wait_for_silence
from broadcaster.wire.enrolment import (
    Enrolment,
    Reply,
    TunnelEnd,
    read_enrolment,
    shorten_key,
    write_enrolment,
    write_reply,
)
from broadcaster.wire.signature import write_key_pair

PROGRAM_LINK = Path("/usr/local/bin/broadcaster-station")
HOST_KEY = Path(OWN_HOST_KEY)
LOCAL_TIME = Path("/etc/localtime")
ZONES = Path("/usr/share/zoneinfo")
SYSTEMD_RUNS = Path("/run/systemd/system")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """A box that is set up: what the centre has to know of it."""

    reply: Reply
    is_started: bool


def read_own_enrolment(path: Path = box.ENROLMENT) -> Enrolment:
    """Read an enrolment file: the one carried from the centre, or the box's own.

    Raises:
        InstallError: It cannot be read.
        DocumentError: It is none.
    """
    try:
        return read_enrolment(path.read_bytes())
    except OSError as error:
        raise InstallError(
            f"{path} cannot be read: {error.strerror}",
            hint="`broadcaster station enrol ID` at the centre writes the file; name it behind `install`",
        ) from error


def list_steps(enrolment: Enrolment) -> list[Step]:
    """List everything that a set-up box of this enrolment has, in the order in which it is made.

    Raises:
        InstallError: The zone is unknown here, or the box is another station's. Nothing was changed.
    """
    if not (ZONES / enrolment.zone).is_file():
        raise InstallError(f"the time zone {enrolment.zone} is not on this machine", hint="apt install tzdata")
    existing = box.SETTINGS.read_text(encoding="utf-8") if box.SETTINGS.exists() else None
    settings = box.plan_settings(existing, enrolment)
    agent, account, program = box.AGENT, enrolment.account, find_program()
    steps = [
        make_account_step(agent, "--user-group", "--groups", "audio", "--home-dir", str(box.LIBRARY)),
        make_account_step(account, "--gid", agent, "--home-dir", "/"),
        make_folder_step(box.ETC, "root", "root", 0o755),
        make_folder_step(box.CHROOT, "root", "root", 0o755),
        make_folder_step(box.INBOX, account, agent, 0o2770),
        make_folder_step(box.OUTBOX, agent, agent, 0o2750),
        make_folder_step(box.LIBRARY, agent, agent, 0o750),
        make_file_step(box.ENROLMENT, lambda: write_enrolment(enrolment).decode(), "enrolment"),
        make_file_step(box.SETTINGS, lambda: settings, "settings"),
        make_file_step(box.AUTHORIZED_KEYS, lambda: box.plan_authorized_keys(enrolment), "the centre's key"),
        Step(f"host key ({HOST_KEY})", HOST_KEY.exists, lambda: _run("ssh-keygen", "-A")),
        make_file_step(box.SSHD_SNIPPET, lambda: box.plan_sshd_snippet(enrolment), "sshd: SFTP for the centre alone"),
        make_link_step(LOCAL_TIME, ZONES / enrolment.zone, "time zone"),
        make_file_step(box.UNITS / box.AGENT_UNIT, lambda: box.plan_agent_unit(program), "agent as a service"),
        _make_enable_step(box.AGENT_UNIT),
    ]
    if program != PROGRAM_LINK:
        steps.append(make_link_step(PROGRAM_LINK, program, "command"))
    return steps + (list_tunnel_steps(enrolment.station, enrolment.tunnel) if enrolment.tunnel is not None else [])


def list_tunnel_steps(station: StationId, tunnel: TunnelEnd) -> list[Step]:
    """List what a box has besides when it keeps a tunnel to its centre; its key is made here and never leaves it."""
    key, config = box.TUNNEL_KEY, box.TUNNEL_CONFIG
    return [
        make_account_step(box.TUNNEL, "--user-group", "--home-dir", "/nonexistent"),
        make_secret_step(key, box.TUNNEL, lambda: write_key_pair(key, f"broadcaster-{station}"), "the tunnel's key"),
        make_file_step(box.TUNNEL_HOSTS, lambda: box.plan_tunnel_hosts(tunnel), "the centre's pinned host key"),
        make_file_step(config, lambda: box.plan_tunnel_config(tunnel, read_sshd_port()), "the tunnel's settings"),
        make_file_step(box.UNITS / box.TUNNEL_UNIT, box.plan_tunnel_unit, "tunnel as a service"),
        _make_enable_step(box.TUNNEL_UNIT),
    ]


def install(enrolment: Enrolment, tell: Tell) -> Installed:
    """Set up the box, or bring it up to date; the agent is started anew when nothing sounds.

    Args:
        enrolment: From the centre.
        tell: Is told each step.

    Raises:
        InstallError: Not root, or a step failed. What was done already is found done by the next try; an sshd that
            would not take the new lines is left as it was.
    """
    require_root()
    for step in list_steps(enrolment):
        if step.is_done():
            tell(f"ok    {step.what}")
        else:
            _do(step)
            tell(f"done  {step.what}")
    _prove_sshd(enrolment)
    reply = make_reply(enrolment)
    box.REPLY.write_bytes(write_reply(reply))
    return Installed(reply, is_started=_start(enrolment, tell))


def require_root() -> None:
    """Refuse to go on without the rights of root.

    Raises:
        InstallError: It is another account.
    """
    if os.geteuid() != 0:
        raise InstallError("setting up a box needs the rights of root", hint="write sudo before the command")


def make_reply(enrolment: Enrolment) -> Reply:
    """Make what the centre has to know of this box: public keys alone.

    Raises:
        InstallError: A key cannot be read.
    """
    try:
        host_key = shorten_key(HOST_KEY.with_name(HOST_KEY.name + ".pub").read_text())
        has_tunnel = enrolment.tunnel is not None
        tunnel_key = shorten_key(box.TUNNEL_KEY.with_suffix(".pub").read_text()) if has_tunnel else None
    except (OSError, ValueError) as error:
        raise InstallError(f"a public key of the box cannot be read: {error}") from error
    return Reply(enrolment.station, host_key, tunnel_key)


def read_sshd_port() -> int:
    """Read on which port the box's sshd listens, from sshd itself.

    Raises:
        InstallError: sshd is not installed, or its settings are wrong already.
    """
    return int(_ask_sshd(box.AGENT)["port"])


def is_login_ready(enrolment: Enrolment) -> bool:
    """Tell whether sshd would hold the centre's account in the chroot, by sshd's own word. Only root can ask it."""
    said = _ask_sshd(enrolment.account)
    return said.get("chrootdirectory") == str(box.CHROOT) and said.get("forcecommand", "").startswith("internal-sftp")


def _ask_sshd(account: str) -> dict[str, str]:
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on it even for a question; it is gone while none runs
    said = run_program("sshd", "-T", "-C", f"user={account},host=localhost,addr=127.0.0.1")
    return {name: value for name, _, value in (line.partition(" ") for line in said.splitlines())}


def _prove_sshd(enrolment: Enrolment) -> None:
    try:
        is_ready = is_login_ready(enrolment)
    except InstallError as error:
        box.SSHD_SNIPPET.unlink(missing_ok=True)
        raise InstallError(f"sshd does not take its new lines, they were taken away again: {error.message}") from error
    if not is_ready:
        raise InstallError(
            f"sshd passes over {box.SSHD_SNIPPET}",
            hint="/etc/ssh/sshd_config must begin with: Include /etc/ssh/sshd_config.d/*.conf",
        )


def _start(enrolment: Enrolment, tell: Tell) -> bool:
    """Start or renew the services.

    Returns:
        False when systemd does not run here: they start with the box.
    """
    if not SYSTEMD_RUNS.is_dir():
        return False
    run_program("systemctl", "daemon-reload")
    run_program("systemctl", "enable", "ssh")
    run_program("systemctl", "reload-or-restart", "ssh")
    wait_for_silence(box.OUTBOX, tell)
    run_program("systemctl", "restart", box.AGENT_UNIT)
    if enrolment.tunnel is not None:
        run_program("systemctl", "restart", box.TUNNEL_UNIT)
    return True


def find_program() -> Path:
    """Find the installed command: beside this interpreter, else where the system has it."""
    own = Path(sys.prefix) / "bin" / PROGRAM_LINK.name
    return own if own.exists() else PROGRAM_LINK


def _make_enable_step(unit: str) -> Step:
    wanted = box.UNITS / "multi-user.target.wants" / unit
    return Step(f"{unit} starts with the box", wanted.is_symlink, lambda: _run("systemctl", "enable", unit))


def _do(step: Step) -> None:
    try:
        step.do()
    except OSError as error:
        raise InstallError(f"{step.what}: {error}") from error


def _run(*command: str) -> None:
    run_program(*command)

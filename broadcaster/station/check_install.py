"""What is wrong with a box that `install` set up: each of its steps looked at again, and whether the services run."""

from __future__ import annotations

import os
import pwd
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from broadcaster.core.errors import BroadcasterError, InstallError
from broadcaster.station import box_files as box
from broadcaster.station.box_steps import has_account, run_program
from broadcaster.station.check import Finding, State
from broadcaster.station.install import (
    SYSTEMD_RUNS,
    find_program,
    is_login_ready,
    list_steps,
    read_own_enrolment,
    read_sshd_port,
)

ANSWER_S = 5.0


def check_installation() -> Iterator[Finding]:
    """Look at accounts, folders, keys, SSH, units and services. Only root sees all of it; nothing is changed."""
    if not box.ENROLMENT.exists():
        return  # a box of another making: what the agent needs is looked at all the same
    if os.geteuid() != 0:
        yield Finding("set up", State.LOOK, "SSH, keys and services were not looked at: sudo broadcaster-station check")
        return
    try:
        enrolment = read_own_enrolment()
        undone = [step for step in list_steps(enrolment) if not step.is_done()]
    except BroadcasterError as error:
        yield Finding("set up", State.WRONG, f"{error.message}; {error.hint}" if error.hint else error.message)
        return
    for step in undone:
        yield Finding("set up", State.WRONG, f"{step.what}: not so any more; sudo broadcaster-station install")
    if not undone:
        yield Finding("set up", State.OK, f"as installed for {enrolment.name}, centre {enrolment.centre}")
    yield _check_program()
    try:
        is_ready, port = is_login_ready(enrolment), read_sshd_port()
    except InstallError as error:
        yield Finding("login", State.WRONG, f"sshd refuses its settings: {error.message}")
    else:
        yield _check_login(port, is_ready=is_ready)
    yield _check_service("agent", box.AGENT_UNIT)
    if enrolment.tunnel is not None:
        yield _check_service("tunnel", box.TUNNEL_UNIT)


def become_agent() -> None:
    """Give up the rights of root for those of the agent: what is looked at next is seen as the agent sees it."""
    if os.geteuid() != 0 or not box.ENROLMENT.exists() or not has_account(box.AGENT):
        return
    account = pwd.getpwnam(box.AGENT)
    os.initgroups(box.AGENT, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _check_program() -> Finding:
    program = find_program()
    closed = [path for path in (program, *program.parents) if not _is_open(path)]
    if closed:
        hint = "install it into /opt/broadcaster, as install-station.sh does"
        return Finding("program", State.WRONG, f"{closed[-1]} is closed to the agent's account; {hint}")
    return Finding("program", State.OK, str(program))


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IXOTH)
    except OSError:
        return False


def _check_login(port: int, *, is_ready: bool) -> Finding:
    if not is_ready:
        return Finding("login", State.WRONG, f"sshd passes over {box.SSHD_SNIPPET}; sudo broadcaster-station install")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as line:
            banner = line.recv(4)
    except OSError as error:
        return Finding(
            "login", State.WRONG, f"sshd does not answer on port {port} ({error}); systemctl enable --now ssh"
        )
    if banner != b"SSH-":
        return Finding("login", State.WRONG, f"what answers on port {port} is not sshd")
    return Finding("login", State.OK, f"the centre comes in by SFTP alone, on port {port}")


def _check_service(what: str, unit: str) -> Finding:
    if not SYSTEMD_RUNS.is_dir():
        return Finding(what, State.LOOK, f"systemd does not run here; {unit} starts with the box")
    try:
        run_program("systemctl", "is-active", unit)
    except InstallError:
        return Finding(
            what, State.WRONG, f"{unit} does not run; `journalctl -u {unit} -n 20` says why{_read_last(unit)}"
        )
    return Finding(what, State.OK, f"{unit} runs")


def _read_last(unit: str) -> str:
    try:
        said = run_program("journalctl", "-u", unit, "-n", "1", "-o", "cat", "--no-pager").strip()
    except InstallError:
        return ""
    return f", at last: {said}" if said else ""

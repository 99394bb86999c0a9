"""The steps in which a box is set up: each can tell whether it is done, and does it. Done twice is the same as once."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from broadcaster.core.errors import InstallError
from broadcaster.core.files import write_atomic

PROGRAM_S = 120.0
END_S = 10.0
NO_LOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a set-up box has. `what` names it in words, for a preview and for what is found wrong later."""

    what: str
    is_done: Callable[[], bool]
    do: Callable[[], None]


def run_program(*command: str) -> str:
    """Run a program of the system to its end.

    Returns:
        What it printed.

    Raises:
        InstallError: It is missing, failed, or did not end; with its own last words.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=path)
    if program is None:
        raise InstallError(f"the program {command[0]} is not on this machine", hint="apt install what brings it")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROGRAM_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InstallError(f"{' '.join(command)}: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout


def has_account(name: str) -> bool:
    """Tell whether an account exists."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def make_account_step(name: str, *options: str) -> Step:
    """Make an account with which nobody can log in by password and that has no shell."""
    command = ("useradd", "--system", "--no-create-home", "--shell", NO_LOGIN, "--password", "*", *options, name)
    return Step(f"account {name}", lambda: has_account(name), lambda: _run(command))


def make_folder_step(path: Path, owner: str, group: str, mode: int) -> Step:
    """Make a folder of an owner and a group; what lies in it already becomes theirs too."""

    def is_done() -> bool:
        return _stands(path, owner, group, mode) and path.is_dir() and not path.is_symlink()

    def do() -> None:
        path.mkdir(parents=True, exist_ok=True)
        for one in (path, *path.rglob("*")) if owner != "root" else (path,):
            os.chown(one, *_find_ids(owner, group), follow_symlinks=False)
        path.chmod(mode)

    return Step(f"folder {path} of {owner}:{group}, {mode:o}", is_done, do)


def make_file_step(path: Path, plan: Callable[[], str], what: str) -> Step:
    """Make a file of root that all may read; `plan` gives its text."""

    def is_done() -> bool:
        return _stands(path, "root", "root", 0o644) and path.read_bytes() == plan().encode()

    def do() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, plan().encode())
        os.chown(path, 0, 0)
        path.chmod(0o644)

    return Step(f"{what} ({path})", is_done, do)


def make_secret_step(path: Path, owner: str, make: Callable[[], object], what: str) -> Step:
    """Make a secret file that its owner alone may read; one that is there already is kept."""

    def do() -> None:
        if not path.exists():
            make()
        os.chown(path, *_find_ids(owner, owner), follow_symlinks=False)
        path.chmod(0o600)

    return Step(f"{what} ({path}), readable by {owner} alone", lambda: _stands(path, owner, owner, 0o600), do)


def make_link_step(path: Path, target: Path, what: str) -> Step:
    """Make a symbolic link."""

    def do() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return Step(f"{what} ({path} → {target})", lambda: path.is_symlink() and path.readlink() == target, do)


def remove_file(path: Path) -> Step:
    """Make the step that removes a file."""
    return Step(f"remove {path}", lambda: not os.path.lexists(path), lambda: path.unlink(missing_ok=True))


def remove_account(name: str) -> Step:
    """Make the step that ends what an account still runs and removes it; its files are not touched."""

    def do() -> None:
        uid = pwd.getpwnam(name).pw_uid
        until_s = time.monotonic() + END_S
        while (running := _list_processes(uid)) and time.monotonic() < until_s:
            for pid in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        run_program("userdel", name)

    return Step(f"remove account {name}", lambda: not has_account(name), do)


def _list_processes(uid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if f"\nUid:\t{uid}\t" in status.read_text():
                found.append(int(status.parent.name))
    return found


def _run(command: Sequence[str]) -> None:
    run_program(*command)


def _find_ids(owner: str, group: str) -> tuple[int, int]:
    return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid


def _stands(path: Path, owner: str, group: str, mode: int) -> bool:
    try:
        there = path.lstat()
        return (there.st_uid, there.st_gid) == _find_ids(owner, group) and stat.S_IMODE(there.st_mode) == mode
    except (OSError, KeyError):
        return False

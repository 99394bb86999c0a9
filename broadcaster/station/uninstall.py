"""Taking a box down: services, SSH access, settings and accounts go; diaries and masters stay unless told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from broadcaster.core.errors import InstallError
from broadcaster.station import box_files as box
from broadcaster.station.box_steps import Step, remove_account, remove_file, run_program
from broadcaster.station.install import PROGRAM_LINK, SYSTEMD_RUNS, Tell, require_root
from broadcaster.wire.enrolment import Enrolment

KEPT = (box.OUTBOX, box.LIBRARY)
UNITS = (box.AGENT_UNIT, box.TUNNEL_UNIT)


def list_removals(enrolment: Enrolment, *, with_records: bool) -> list[Step]:
    """List what is taken away, in order; `with_records` diaries, receipts and masters too."""
    files = [
        box.SSHD_SNIPPET, *(box.UNITS / unit for unit in UNITS), PROGRAM_LINK, box.TUNNEL_KEY,
        box.TUNNEL_KEY.with_suffix(".pub"), box.TUNNEL_CONFIG, box.TUNNEL_HOSTS, box.AUTHORIZED_KEYS, box.REPLY,
        box.SETTINGS,
    ]  # fmt: skip
    steps = [_stop(unit) for unit in UNITS]
    steps += [remove_file(path) for path in files]
    steps += [_remove_folder(box.INBOX)]
    if with_records:
        steps += [_remove_folder(path) for path in (*KEPT, box.CHROOT)]
    else:
        steps += [_give_to_root(path) for path in KEPT]
    steps += [remove_account(name) for name in (enrolment.account, box.TUNNEL, box.AGENT)]
    # The enrolment says what there is to take away, so it goes last: a broken try can be made again.
    return [*steps, remove_file(box.ENROLMENT), _remove_folder(box.ETC)]


def uninstall(enrolment: Enrolment, tell: Tell, *, with_records: bool) -> None:
    """Take the box down.

    Args:
        enrolment: The box's own.
        tell: Is told each step.
        with_records: Remove diaries, receipts and masters too. Otherwise they stay and become root's, so that no later
            account comes to own them.

    Raises:
        InstallError: Not root, or a step failed. The next try goes on from there.
    """
    require_root()
    for step in list_removals(enrolment, with_records=with_records):
        if step.is_done():
            continue
        try:
            step.do()
        except OSError as error:
            raise InstallError(f"{step.what}: {error}") from error
        tell(f"done  {step.what}")
    if SYSTEMD_RUNS.is_dir():
        run_program("systemctl", "daemon-reload")
        run_program("systemctl", "reload-or-restart", "ssh")


def _stop(unit: str) -> Step:
    wanted = box.UNITS / "multi-user.target.wants" / unit

    def do() -> None:
        now = ["--now"] if SYSTEMD_RUNS.is_dir() else []
        run_program("systemctl", "disable", *now, unit)

    return Step(f"stop {unit}", lambda: not wanted.is_symlink(), do)


def _remove_folder(path: Path) -> Step:
    return Step(f"remove {path} with all in it", lambda: not path.exists(), lambda: shutil.rmtree(path))


def _give_to_root(path: Path) -> Step:
    def do() -> None:
        for one in (path, *path.rglob("*")):
            os.chown(one, 0, 0, follow_symlinks=False)
        path.chmod(0o755)

    return Step(f"keep {path}, as root's", lambda: not path.exists() or path.stat().st_uid == 0, do)

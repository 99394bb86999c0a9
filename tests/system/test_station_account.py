"""A station's account as it is set up on a real box: chroot, inbox/ writable, outbox/ read-only, nothing but SFTP."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadcaster.core.errors import StationFolderError
from broadcaster.core.ids import StationId
from broadcaster.demo.openssh import find_sshd, has_come_up
from broadcaster.demo.server import choose_port
from broadcaster.link.session import StationAddress, StationSession, open_session
from broadcaster.link.transfer import list_folder, measure_clock_offset_s, read_from, remove, send_bytes, send_file
from broadcaster.wire.signature import write_key_pair
from tests.sshd import make_bytes

ACCOUNT = "daemon"  # an account without rights that every Debian has; a box has one of its own
BLOCK = """
Match User {account}
    ChrootDirectory {root}
    ForceCommand internal-sftp
    AuthenticationMethods publickey
    DisableForwarding yes
    PermitTTY no
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that sshd takes for a chroot: every folder on the way to it belongs to root and is closed to others."""
    root = Path(tempfile.mkdtemp(prefix="broadcaster-test-", dir="/run"))
    root.chmod(0o755)
    account = pwd.getpwnam(ACCOUNT)
    (root / "inbox").mkdir()
    (root / "outbox").mkdir()
    shutil.chown(root / "inbox", account.pw_uid, account.pw_gid)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def session(root: Path, tmp_path: Path) -> Iterator[StationSession]:
    line = write_key_pair(tmp_path / "centre_key", "centre")
    host_line = write_key_pair(tmp_path / "host_key", "box")
    (root / "authorized_keys").write_text(line + "\n")
    port = choose_port()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host_key\nAuthorizedKeysFile {root}/authorized_keys\n"
        f"PidFile none\nUsePAM no\nSubsystem sftp internal-sftp\n" + BLOCK.format(account=ACCOUNT, root=root)
    )
    sshd = find_sshd()
    assert sshd is not None
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([sshd, "-D", "-f", str(config), "-E", str(tmp_path / "log")]) as server:
        assert has_come_up(server, port)
        address = StationAddress(StationId("an-nong"), "127.0.0.1", port, ACCOUNT, host_line)
        try:
            with open_session(address, tmp_path / "centre_key") as session:
                yield session
        finally:
            server.terminate()


def test_the_centre_writes_the_inbox_of_a_chrooted_box(session: StationSession, root: Path, tmp_path: Path) -> None:
    source = tmp_path / "master"
    source.write_bytes(make_bytes(3_000_000, seed=3))
    send_file(session, source, "a.mp3", lambda _: None)
    assert (root / "inbox" / "a.mp3").read_bytes() == source.read_bytes()
    assert abs(measure_clock_offset_s(session)) < 1.5


def test_the_centre_reads_the_outbox_and_can_change_nothing_in_it(session: StationSession, root: Path) -> None:
    journal = root / "outbox" / "journal-2023-10-09.jsonl"
    journal.write_bytes(b"{}\n")
    assert read_from(session, f"outbox/{journal.name}", 0) == b"{}\n"
    with pytest.raises(StationFolderError):
        remove(session, f"outbox/{journal.name}")
    with pytest.raises(StationFolderError):
        send_bytes(session, b"forged\n", f"../outbox/{journal.name}")
    assert journal.read_bytes() == b"{}\n"


def test_the_centre_sees_nothing_of_the_box_but_its_folders(session: StationSession) -> None:
    assert [file.name for file in list_folder(session, "/")] == ["authorized_keys", "inbox", "outbox"]
    with pytest.raises(StationFolderError):
        list_folder(session, "/etc")

"""One SSH session with a station: own socket, pinned host key, the centre's one key, limits on every step."""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from broadcaster.core.errors import (
    BrokenTransferError,
    DeliveryError,
    HostKeyChangedError,
    LoginRefusedError,
    NotEnrolledError,
    StationFolderError,
    UnreachableError,
)
from broadcaster.core.ids import StationId
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits, MeasuredSocket, Watchdog, connect_socket
from broadcaster.link.sftp import SYNC_EXTRA_S, SftpClient
from broadcaster.wire.signature import read_private_key

_CIPHERS = ("aes128-gcm@openssh.com", "aes128-ctr")
_RECEIVE_BYTES = 64 << 10
_HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}

# paramiko reports every broken line with a traceback on standard error; what matters of it comes out as our errors.
_PARAMIKO_LOG = logging.getLogger("paramiko")
_PARAMIKO_LOG.addHandler(logging.NullHandler())
_PARAMIKO_LOG.propagate = False
_PARAMIKO_LOG.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class StationAddress:
    """Where a station is and how to know it: `host_key` is a public key line as OpenSSH writes it.

    `folder` is where inbox/ and outbox/ lie, seen from the account's login.
    """

    station: StationId
    host: str
    port: int
    user: str
    host_key: str
    folder: str = "."

    def place(self, path: str) -> str:
        """Give the path of something in the station's folder as the server has to be asked for it."""
        return path if self.folder in ("", ".") else f"{self.folder.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class StationSession:
    """An open session. Not for use by several threads at once."""

    address: StationAddress
    sftp: SftpClient


@contextlib.contextmanager
def open_session(address: StationAddress, key: Path, limits: LinkLimits = DEFAULT_LIMITS) -> Iterator[StationSession]:
    """Open a session with a station for as long as the block runs; it is closed however the block ends.

    The host key is compared with the pinned one before anything is shown of the centre; only the one Ed25519 key is
    offered, no agent and no password is asked. From then on a session on which nothing comes back for
    `limits.stall_s` while an answer is due is ended for good.

    Args:
        address: Of the station.
        key: The centre's private key file, readable by its owner only.
        limits: Of each step.

    Raises:
        CentreKeyError: The key file is missing, open to others, or not Ed25519. Nothing was sent.
        NotEnrolledError: The pinned host key is no public key.
        UnreachableError: Nothing, or no SSH server, answers in time.
        HostKeyChangedError: Another host key than the pinned one.
        LoginRefusedError: The station does not accept the key.
        StationFolderError: The station offers no SFTP.
        BrokenTransferError: The line broke or stalled, now or later in the block.
    """
    read_private_key(key)
    own_key = paramiko.Ed25519Key(filename=str(key))
    pinned_type, pinned_blob = _read_pinned(address)
    line = connect_socket(address.station, address.host, address.port, limits)
    try:
        transport = paramiko.Transport(line)
        try:
            _shake_hands(transport, address, pinned_type, pinned_blob, limits)
            _log_in(transport, address, own_key, limits)
            stream = _ChannelStream(transport, address, limits)
            sftp = SftpClient(stream)
            watchdog = Watchdog(line, limits.stall_s, lambda: sftp.waiting_since_s, transport.close)
            stream.guard(watchdog)
            try:
                yield StationSession(address, sftp)
            finally:
                watchdog.stop()
        finally:
            transport.close()
            if transport.is_alive():
                transport.join(limits.channel_s)
    finally:
        _close_line(line)


def _read_pinned(address: StationAddress) -> tuple[str, bytes]:
    words = address.host_key.split()
    if len(words) < 2 or words[0] not in _HOST_KEY_ALGORITHMS:
        raise NotEnrolledError(f"{address.station}: host_key is not a public key line")
    try:
        return words[0], base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise NotEnrolledError(f"{address.station}: host_key is damaged") from error


def _shake_hands(
    transport: paramiko.Transport, address: StationAddress, pinned_type: str, pinned_blob: bytes, limits: LinkLimits
) -> None:
    transport.banner_timeout = limits.banner_s
    transport.handshake_timeout = limits.handshake_s
    transport.auth_timeout = limits.login_s
    transport.channel_timeout = limits.channel_s
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.key_types = _HOST_KEY_ALGORITHMS[pinned_type]  # else a station with several keys may show another one
    try:
        transport.start_client(timeout=limits.banner_s + limits.handshake_s)
        shown = transport.get_remote_server_key()
    except IncompatiblePeer as error:
        if "host key" in str(error):
            raise HostKeyChangedError(
                f"{address.station} ({address.host} port {address.port}) has no {pinned_type} host key any more"
            ) from error
        raise UnreachableError(f"{address.station}: no common encryption with its SSH server: {error}") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise UnreachableError(
            f"{address.station} ({address.host} port {address.port}) answers, but not as an SSH server: {error}"
        ) from error
    if (shown.get_name(), shown.asbytes()) != (pinned_type, pinned_blob):
        raise HostKeyChangedError(
            f"{address.station} ({address.host} port {address.port}) shows another host key than the pinned one"
        )


def _log_in(transport: paramiko.Transport, address: StationAddress, key: paramiko.PKey, limits: LinkLimits) -> None:
    began_s = time.monotonic()
    try:
        missing = transport.auth_publickey(address.user, key)
    except paramiko.AuthenticationException as error:
        if not transport.is_active() or time.monotonic() - began_s >= limits.login_s:
            raise BrokenTransferError(f"{address.station}: the line broke during the login") from error
        raise LoginRefusedError(f"{address.station} does not let {address.user} in with the centre's key") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise BrokenTransferError(f"{address.station}: the line broke during the login: {error}") from error
    if missing:
        raise LoginRefusedError(f"{address.station} asks for more than the key: {', '.join(missing)}")


class _ChannelStream:
    """The SFTP channel as a stream of bytes whose every break is a BrokenTransferError."""

    def __init__(self, transport: paramiko.Transport, address: StationAddress, limits: LinkLimits) -> None:
        self._watchdog: Watchdog | None = None
        self._station = address.station
        self._stall_s = limits.stall_s
        try:
            self._channel = transport.open_session(timeout=limits.channel_s)
            self._channel.settimeout(limits.stall_s)
            self._channel.invoke_subsystem("sftp")
        except (paramiko.SSHException, OSError, EOFError) as error:
            if transport.is_active():
                raise StationFolderError(
                    f"{address.station} lets the centre in but offers no SFTP",
                    hint="sshd_config at the station must have ForceCommand internal-sftp for the centre's account",
                ) from error
            raise BrokenTransferError(
                f"{address.station} closed the line right after the login",
                hint="if it stays so: the chroot folder at the station must belong to root and be writable by it alone",
            ) from error

    def guard(self, watchdog: Watchdog) -> None:
        """Leave it to the watchdog to end a stalled line; the channel's own limit stays as the second one."""
        self._watchdog = watchdog
        self._channel.settimeout(2 * self._stall_s + SYNC_EXTRA_S)

    def send(self, data: bytes) -> None:
        """Send all of the bytes."""
        try:
            self._channel.sendall(data)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._explain() from error

    def receive(self) -> bytes:
        """Wait for bytes."""
        try:
            data = self._channel.recv(_RECEIVE_BYTES)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._explain() from error
        if not data:
            raise self._explain()
        return data

    def is_ready(self) -> bool:
        """Tell whether bytes have come."""
        return self._channel.recv_ready()

    def _explain(self) -> DeliveryError:
        if self._watchdog is not None and self._watchdog.has_bitten:
            return BrokenTransferError(f"{self._station}: nothing came back for {self._stall_s:.0f} s")
        return BrokenTransferError(f"{self._station}: the line broke")


def _close_line(line: MeasuredSocket) -> None:
    with contextlib.suppress(OSError):
        line.close()

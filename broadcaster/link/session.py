"""One SSH session with a station: own socket, pinned host key, the centre's one key, limits on every step."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from broadcaster.core.errors import (
    BrokenTransferError,
    DeliveryError,
    HostKeyChangedError,
    LoginRefusedError,
    StationFolderError,
    UnreachableError,
)
from broadcaster.core.ids import StationId
from broadcaster.link.gate import LoginGate
from broadcaster.link.host_key import HOST_KEY_ALGORITHMS, read_pinned
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits, MeasuredSocket, Watchdog, connect_socket
from broadcaster.link.login import PromptTransport
from broadcaster.link.operations import SftpOperations
from broadcaster.link.sftp import SYNC_EXTRA_S, SftpClient
from broadcaster.wire.signature import read_private_key

Pace = Callable[[int], None]
"""Asked before bytes go out, with their number: it may wait, or raise a DeliveryError to end the session."""

_LOGINS = LoginGate()
_CIPHERS = ("aes128-gcm@openssh.com", "aes128-ctr")
_RECEIVE_BYTES = 64 << 10
_LOOK_EVERY_S = 1.0
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
    sftp: SftpOperations


@contextlib.contextmanager
def open_session(
    address: StationAddress,
    key: Path,
    limits: LinkLimits = DEFAULT_LIMITS,
    pace: Pace | None = None,
    gate: LoginGate = _LOGINS,
) -> Iterator[StationSession]:
    """Open a session with a station for as long as the block runs; it is closed however the block ends.

    The host key is compared with the pinned one before anything is shown of the centre; only the one Ed25519 key is
    offered, no agent and no password is asked. From the first byte on a watchdog stands by: a session on which nothing
    comes back for `limits.stall_s` while an answer is due is ended for good.

    Args:
        address: Of the station.
        key: The centre's private key file, readable by its owner only.
        limits: Of each step.
        pace: Asked before everything that is sent once the session is open; the watchdog does not count its waiting.
        gate: Limits the half-open logins of this process.

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
    pinned_type, pinned_blob = read_pinned(address.station, address.host_key)
    line = connect_socket(address.station, address.host, address.port, limits)
    try:
        transport = PromptTransport(line)
        line.settimeout(_LOOK_EVERY_S)  # paramiko's tenth of a second costs four times the processor when all is quiet
        turn = _Turn(limits)
        watchdog = Watchdog(line, limits, turn.read_since_s, transport.close)
        try:
            with gate.hold_place():
                turn.expect(limits.handshake_s)
                _shake_hands(transport, address, pinned_type, pinned_blob, limits)
                turn.expect(limits.login_s)
                _log_in(transport, address, own_key, limits)
            turn.expect(limits.channel_s)
            stream = _ChannelStream(transport, address, limits, watchdog)
            line.is_hurried = False
            sftp = SftpClient(stream)
            turn.follow(sftp)
            stream.set_pace(turn, pace)
            yield StationSession(address, sftp)
        finally:
            watchdog.stop()
            _shut_line(line)  # wakes paramiko's thread, which else notices the end a tenth of a second later
            transport.close()
            if transport.is_alive():
                transport.join(limits.channel_s)
    finally:
        line.close()


class _Turn:
    """Since when an answer of the station is due, in every phase of a session; for the watchdog's thread."""

    def __init__(self, limits: LinkLimits) -> None:
        self._stall_s = limits.stall_s
        self._since_s: float | None = None
        self._sftp: SftpClient | None = None
        self._is_paused = False

    def expect(self, limit_s: float) -> None:
        """Begin a step of the set-up: paramiko ends most of them by itself, the watchdog does it a little later."""
        self._since_s = time.monotonic() + limit_s - 0.75 * self._stall_s

    def follow(self, sftp: SftpClient) -> None:
        """End the set-up: from now on the SFTP client knows whether an answer is due."""
        self._since_s = None
        self._sftp = sftp

    def pause(self, pace: Pace, size_bytes: int) -> None:
        """Let the pace decide; the time it waits is ours and not the station's."""
        self._is_paused = True
        try:
            pace(size_bytes)
        finally:
            self._since_s = time.monotonic()
            self._is_paused = False

    def read_since_s(self) -> float | None:
        """Give the monotonic time since which an answer is due; None when none is."""
        if self._is_paused or self._sftp is None:
            return None if self._is_paused else self._since_s
        since_s = self._sftp.waiting_since_s
        return since_s if since_s is None or self._since_s is None else max(since_s, self._since_s)


def _shake_hands(
    transport: paramiko.Transport, address: StationAddress, pinned_type: str, pinned_blob: bytes, limits: LinkLimits
) -> None:
    transport.banner_timeout = limits.banner_s
    transport.handshake_timeout = limits.handshake_s
    transport.auth_timeout = limits.login_s
    transport.channel_timeout = limits.channel_s
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.key_types = HOST_KEY_ALGORITHMS[pinned_type]  # else a station with several keys may show another one
    began_s = time.monotonic()
    try:
        transport.start_client(timeout=max(limits.banner_s, limits.handshake_s))
        shown = transport.get_remote_server_key()
    except IncompatiblePeer as error:
        if "host key" in str(error):
            raise HostKeyChangedError(
                f"{address.station} ({address.host} port {address.port}) has no {pinned_type} host key any more"
            ) from error
        raise UnreachableError(f"{address.station}: no common encryption with its SSH server: {error}") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        what, hint = _describe_trouble(error, time.monotonic() - began_s, limits)
        raise UnreachableError(f"{address.station} ({address.host} port {address.port}) {what}", hint=hint) from error
    if (shown.get_name(), shown.asbytes()) != (pinned_type, pinned_blob):
        raise HostKeyChangedError(
            f"{address.station} ({address.host} port {address.port}) shows another host key than the pinned one"
        )


def _describe_trouble(error: Exception, took_s: float, limits: LinkLimits) -> tuple[str, str | None]:
    """Say what is wrong where something takes the connection and no SSH comes of it, and what to do."""
    if took_s >= min(limits.banner_s, limits.handshake_s):
        return f"takes the connection and then says nothing for {took_s:.0f} s", "the box hangs, or the line behind it"
    if str(error) in ("Error reading SSH protocol banner", ""):
        return (
            "takes the connection and ends it before it says anything",
            "its sshd may have too many logins at once, or refuse this address; the next try may go through",
        )
    return f"answers, but not as an SSH server: {error}", None


def _log_in(transport: PromptTransport, address: StationAddress, key: paramiko.PKey, limits: LinkLimits) -> None:
    began_s = time.monotonic()
    try:
        missing = transport.log_in(address.user, key)
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

    def __init__(
        self, transport: paramiko.Transport, address: StationAddress, limits: LinkLimits, watchdog: Watchdog
    ) -> None:
        self._watchdog = watchdog
        self._station = address.station
        self._turn: _Turn | None = None
        self._pace: Pace | None = None
        try:
            self._channel = transport.open_session(timeout=limits.channel_s)
            # Of the channel's own limits only this second line is kept: it is the watchdog that ends a stalled line.
            self._channel.settimeout(2 * limits.stall_s + SYNC_EXTRA_S)
            self._channel.invoke_subsystem("sftp")  # paramiko waits here without any limit
        except (paramiko.SSHException, OSError, EOFError) as error:
            has_refused = isinstance(error, paramiko.ChannelException) or "closed" in str(error).lower()
            if transport.is_active() and has_refused:
                raise StationFolderError(
                    f"{address.station} lets the centre in but offers no SFTP",
                    hint="sshd_config at the station must have ForceCommand internal-sftp for the centre's account",
                ) from error
            raise BrokenTransferError(
                f"{address.station}: the line broke or went silent right after the login",
                hint="if it stays so: the chroot folder at the station must belong to root and be writable by it alone",
            ) from error

    def set_pace(self, turn: _Turn, pace: Pace | None) -> None:
        """Ask the pace before everything that is sent from now on."""
        self._turn, self._pace = turn, pace

    def send(self, data: bytes) -> None:
        """Send all of the bytes, when the pace lets them go."""
        if self._pace is not None and self._turn is not None:
            self._turn.pause(self._pace, len(data))
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
        return BrokenTransferError(f"{self._station}: {self._watchdog.reason or 'the line broke'}")


def _shut_line(line: MeasuredSocket) -> None:
    with contextlib.suppress(OSError):  # the other end may have closed before
        line.shutdown(socket.SHUT_RDWR)

"""The TCP line to a station, its limits, and the watchdog that ends a line on which nothing comes back.

paramiko's own timeouts do not notice a station that has gone silent in mid-transfer, and through a tunnel the kernel
does not either; only the time since the last byte received tells, so the socket keeps it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from broadcaster.core.errors import UnreachableError

BBR = b"bbr"
_KEEPALIVE_EVERY_S = 5
_KEEPALIVE_PROBES = 3
_REFUSED = "something answers there, but no SSH server: is `port` right? does sshd run at the box, or its tunnel?"


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How long each step may take, in seconds.

    `stall_s` is how long nothing may come back from the station while an answer of it is due; `total_s` is how long a
    whole session may take, however lively it is: what was sent until then is resumed in the next one. `keepalive_s` is
    after how much silence the kernel begins to ask whether the other end is still there.
    """

    connect_s: float = 15.0
    banner_s: float = 15.0
    handshake_s: float = 20.0
    login_s: float = 20.0
    channel_s: float = 15.0
    stall_s: float = 20.0
    total_s: float = 4 * 3600.0
    keepalive_s: int = 5


DEFAULT_LIMITS = LinkLimits()


class MeasuredSocket(socket.socket):
    """A socket that knows when it last received anything: `received_at_s` on the monotonic clock.

    While `is_hurried` what is received is acknowledged at once: until a session stands sshd holds every small packet
    back until the one before it is acknowledged, and a kernel that has nothing to send takes its time with that.
    """

    received_at_s = 0.0
    is_hurried = True

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive, and note the time when something came."""
        data = super().recv(bufsize, flags)
        if data:
            self.received_at_s = time.monotonic()
            if self.is_hurried:
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def connect_socket(who: str, host: str, port: int, limits: LinkLimits) -> MeasuredSocket:
    """Connect to a station and set the line up: no delay, kernel limits on silence, BBR where the kernel permits it.

    Every address of the name is tried. With loss on the line BBR keeps five times the rate of the system's CUBIC.

    Args:
        who: The station, for the message.
        host: Name or address.
        port: Of its SSH server.
        limits: Of which `connect_s` is for each address tried.

    Raises:
        UnreachableError: No such name, refused, no route, or no answer in time.
    """
    trouble, is_refused = "the name has no address", False
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"{who} ({host}): {error.strerror or error}") from error
    for family, kind, protocol, _, target in found:
        line = MeasuredSocket(family, kind, protocol)
        try:
            line.settimeout(limits.connect_s)
            _set_options(line, limits)
            line.connect(target)
        except OSError as error:
            line.close()
            trouble = "no answer" if isinstance(error, TimeoutError) else str(error.strerror or error)
            is_refused = isinstance(error, ConnectionRefusedError)
        else:
            line.received_at_s = time.monotonic()
            return line
    raise UnreachableError(f"{who} ({host} port {port}): {trouble}", hint=_REFUSED if is_refused else None)


def find_congestion_trouble(control: bytes = BBR) -> str:
    """Say why lines that lose packets will be slow; "" when this machine permits the congestion control for them."""
    with socket.socket() as line:
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control)
        except FileNotFoundError:
            return f"{control.decode()} is not loaded, or not in this kernel"
        except OSError as error:
            return f"this user may not choose {control.decode()}: {error.strerror}"
    return ""


def _set_options(line: socket.socket, limits: LinkLimits) -> None:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.keepalive_s)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.stall_s * 1000))
    with contextlib.suppress(OSError):  # not built into this kernel, or not permitted to this user
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, BBR)


class Watchdog:
    """Ends a line for good when nothing was received for `stall_s` while an answer is due, or after `total_s`.

    Args:
        line: The station's socket.
        limits: Of which `stall_s` and `total_s` are guarded here.
        waiting_since: Tells since when (monotonic, s) an answer is due; None when none is.
        end: Called once, from the watchdog's thread, after the socket was shut down.
    """

    def __init__(
        self,
        line: MeasuredSocket,
        limits: LinkLimits,
        waiting_since: Callable[[], float | None],
        end: Callable[[], None],
    ) -> None:
        self.reason = ""
        self._line = line
        self._limits = limits
        self._waiting_since = waiting_since
        self._end = end
        self._until_s = time.monotonic() + limits.total_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="link-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(min(self._limits.stall_s, self._limits.total_s) / 16):
            self.reason = self._find_reason()
            if not self.reason:
                continue
            with contextlib.suppress(OSError):  # the other end may have closed meanwhile
                self._line.shutdown(socket.SHUT_RDWR)
            self._end()
            return

    def _find_reason(self) -> str:
        now_s = time.monotonic()
        since_s = self._waiting_since()
        if since_s is not None and now_s - max(since_s, self._line.received_at_s) >= self._limits.stall_s:
            return f"nothing came back for {self._limits.stall_s:.0f} s"
        if now_s >= self._until_s:
            return f"the session took longer than {self._limits.total_s / 60:.0f} minutes"
        return ""

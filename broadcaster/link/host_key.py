"""A station's host key: as it is pinned, as the station shows it, and as people compare it."""

from __future__ import annotations

import base64
import binascii

import paramiko

from broadcaster.core.errors import NotEnrolledError, UnreachableError
from broadcaster.core.ids import StationId
from broadcaster.link.line import DEFAULT_LIMITS, LinkLimits, Watchdog, connect_socket
from broadcaster.wire.signature import make_fingerprint

HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


def read_pinned(station: StationId, host_key: str) -> tuple[str, bytes]:
    """Read a public key line as OpenSSH writes it: its type and its bytes.

    Raises:
        NotEnrolledError: It is none.
    """
    words = host_key.split()
    if len(words) < 2 or words[0] not in HOST_KEY_ALGORITHMS:
        raise NotEnrolledError(f"{station}: host_key is not a public key line")
    try:
        return words[0], base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise NotEnrolledError(f"{station}: host_key is damaged") from error


def format_fingerprint(station: StationId, host_key: str) -> str:
    """Give the fingerprint of a public key line as `ssh-keygen -l` prints it.

    Raises:
        NotEnrolledError: It is none.
    """
    return make_fingerprint(read_pinned(station, host_key)[1])


def fetch_host_key(station: StationId, host: str, port: int, limits: LinkLimits = DEFAULT_LIMITS) -> str:
    """Ask what answers at an address for its host key; nothing is shown of the centre and nobody logs in.

    That an answer came does not make it the station's: a person has to compare it with the box itself.

    Returns:
        A public key line, Ed25519 where the station has one.

    Raises:
        UnreachableError: Nothing, or no SSH server, answers in time.
    """
    line = connect_socket(station, host, port, limits)
    transport = paramiko.Transport(line)
    watchdog = Watchdog(line, limits, lambda: None, transport.close)
    try:
        transport.banner_timeout = limits.banner_s
        transport.handshake_timeout = limits.handshake_s
        transport.get_security_options().key_types = tuple(
            algorithm for algorithms in HOST_KEY_ALGORITHMS.values() for algorithm in algorithms
        )
        transport.start_client(timeout=max(limits.banner_s, limits.handshake_s))
        shown = transport.get_remote_server_key()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise UnreachableError(f"{station} ({host} port {port}) answers, but not as an SSH server: {error}") from error
    finally:
        watchdog.stop()
        transport.close()
        line.close()
    return f"{shown.get_name()} {shown.get_base64()}"

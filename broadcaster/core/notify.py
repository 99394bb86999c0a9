"""Tell systemd that the service is ready, alive, stopping (sd_notify); without systemd nothing is told."""

from __future__ import annotations

import logging
import os
import socket

_LOG = logging.getLogger("broadcaster")
VARIABLE = "NOTIFY_SOCKET"


def send_notice(state: str) -> bool:
    """Send one state, such as READY=1 or WATCHDOG=1.

    Returns:
        Whether it was sent; False when the process does not run under systemd, or the socket does not take it.
    """
    address = os.environ.get(VARIABLE, "")
    if not address.startswith(("/", "@")):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        _LOG.warning("systemd could not be told %s: %s", state, error)
        return False
    return True

"""mpv's JSON IPC over a socket pair: requests, replies, events. One thread, no waiting without an end."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping

from broadcaster.core.errors import PlayerError

REPLY_S = 5.0  # also while it is only starting


class MpvLine:
    """The line to one mpv process. It keeps the newest value of each observed property and how the file ended."""

    def __init__(self, end: socket.socket) -> None:
        """Take our end of the socket pair whose other end mpv was given."""
        self.properties: dict[str, object] = {}
        self.events: list[Mapping[str, object]] = []
        self._replies: dict[int, Mapping[str, object]] = {}
        self._next_id = 0
        self._rest = b""
        self._socket = end

    def close(self) -> None:
        """Hang up; mpv quits then, unless it hangs."""
        self._socket.close()

    def request(self, *command: object, is_needed: bool = True) -> object:
        """Send a command and wait for its reply.

        Args:
            command: As mpv's manual has it.
            is_needed: Whether a refusal is an error; None is returned for it otherwise.

        Raises:
            PlayerError: mpv refuses the command, does not answer within five seconds, or is gone.
        """
        self._next_id += 1
        wanted = self._next_id
        message = json.dumps({"command": command, "request_id": wanted}).encode() + b"\n"
        until_s = time.monotonic() + REPLY_S
        try:
            self._socket.settimeout(REPLY_S)
            self._socket.sendall(message)
        except OSError as error:
            raise PlayerError(f"mpv does not take commands any more: {error}") from error
        while wanted not in self._replies:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise PlayerError(f"mpv has not answered for {REPLY_S:.0f} s")
            self.read_events(left_s)
        reply = self._replies.pop(wanted)
        if reply.get("error") == "success":
            return reply.get("data")
        if is_needed:
            raise PlayerError(f"mpv refuses {command[0]}: {reply.get('error')}")
        return None

    def read_events(self, wait_s: float = 0.0) -> None:
        """Read what mpv has said; wait up to `wait_s` for something when there is nothing.

        Raises:
            PlayerError: mpv is gone.
        """
        while True:
            try:
                self._socket.settimeout(wait_s)  # 0 does not block
                data = self._socket.recv(1 << 16)
            except (BlockingIOError, TimeoutError):
                return
            except OSError as error:
                raise PlayerError(f"mpv is gone: {error}") from error
            if not data:
                raise PlayerError("mpv is gone")
            wait_s = 0.0
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError as error:
            raise PlayerError("mpv says what is not JSON") from error
        if "request_id" in said and "event" not in said:
            self._replies[said["request_id"]] = said
        elif said.get("event") == "property-change":
            if said.get("data") is not None:
                self.properties[said["name"]] = said["data"]
        elif "event" in said:
            self.events.append(said)

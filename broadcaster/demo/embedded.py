"""An SFTP server that needs nothing but pip, for machines without OpenSSH's sshd."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from pathlib import Path

import asyncssh

from broadcaster.core.errors import ToolMissingError
from broadcaster.demo.server import LOOPBACK, RunningServer
from broadcaster.wire.signature import write_key_pair

USER = "centre"

logging.getLogger("asyncssh").setLevel(logging.WARNING)


def start_embedded(
    folder: Path,
    state_folder: Path,
    client_public_key: str,
    files: type[asyncssh.SFTPServer] = asyncssh.SFTPServer,
) -> RunningServer:
    """Start an SFTP server in a thread of this process, on a free loopback port.

    Args:
        folder: The root of all that a session sees: holds inbox/ and outbox/.
        state_folder: For the host key, kept when it is there already.
        client_public_key: The line of the one key that may log in.
        files: Serves the folder; a simulator of a bad station gives one that misbehaves.

    Raises:
        ToolMissingError: It does not start.
    """
    state_folder.mkdir(parents=True, exist_ok=True)
    host_key = state_folder / "host_key"
    if not host_key.exists():
        write_key_pair(host_key, "demo station")
    server = _EmbeddedServer(folder.resolve(), host_key, client_public_key, files)
    port = server.start()
    host_key_line = host_key.with_name("host_key.pub").read_text().strip()
    return RunningServer(LOOPBACK, port, USER, host_key_line, os.getpid(), server.stop)


class _KeyHolder(asyncssh.SSHServer):
    """Lets in whoever holds the key, and keeps the connection so that stopping the server can end it."""

    def __init__(self, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Ask everybody for a key."""
        return True


class _EmbeddedServer:
    def __init__(self, folder: Path, host_key: Path, client_public_key: str, files: type[asyncssh.SFTPServer]) -> None:
        self._files = files
        self._folder = folder
        self._host_key = host_key
        self._client_public_key = client_public_key
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="embedded-sftp", daemon=True)
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self._port = 0
        self._trouble: str = "no word of it within 10 s"

    def start(self) -> int:
        """Start the thread and give the port."""
        self._thread.start()
        if not self._started.wait(10.0) or self._port == 0:
            raise ToolMissingError(f"the embedded SFTP server does not start: {self._trouble}")
        return self._port

    def stop(self) -> None:
        """End the server and its sessions."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended by itself meanwhile
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except (OSError, asyncssh.Error, ValueError) as error:
            self._trouble = str(error)
        finally:
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        acceptor = await asyncssh.listen(
            LOOPBACK,
            0,
            server_factory=lambda: _KeyHolder(self._connections),
            server_host_keys=[str(self._host_key)],
            authorized_client_keys=asyncssh.import_authorized_keys(self._client_public_key),
            sftp_factory=self._serve_files,
            password_auth=False,
            kbdint_auth=False,
            allow_pty=False,
            agent_forwarding=False,
        )
        self._port = acceptor.get_port()
        self._started.set()
        await self._stopping.wait()
        acceptor.close()
        for connection in list(self._connections):
            connection.abort()
        await acceptor.wait_closed()
        await asyncio.sleep(0)

    def _serve_files(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return self._files(channel, chroot=os.fsencode(self._folder))

"""Send the delivery benchmark's file by asyncssh, which has no command of its own; timed as senders.py times ours.

python -m benchmarks.by_asyncssh WISH.json TOLD.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh

from benchmarks.processes import time_work

Wish = dict[str, Any]


async def send_one(wish: Wish, one: Wish) -> None:
    """Send to one station, with the cipher that is fastest for it."""
    options: Wish = {"port": wish["port"], "username": wish["user"], "client_keys": [wish["key"]]}
    options |= {"known_hosts": wish["known_hosts"], "encryption_algs": ["aes128-gcm@openssh.com"]}
    async with asyncssh.connect(one["host"], config=None, **options) as line, line.start_sftp_client() as sftp:
        await sftp.put(wish["source"], f"{one['folder']}/inbox/{wish['name']}")


async def send_all(wish: Wish) -> Wish:
    """Send to every station at once."""
    found = await asyncio.gather(*(send_one(wish, one) for one in wish["stations"]), return_exceptions=True)
    return {"failed": [repr(one) for one in found if one is not None]}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps(time_work(lambda: asyncio.run(send_all(asked)))))

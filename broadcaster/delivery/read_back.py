"""A station without an agent gives no receipts: what was sent there is read back and hashed by the centre itself."""

from __future__ import annotations

import hashlib

from broadcaster.core.errors import BrokenTransferError
from broadcaster.core.ids import LogId, Sha256
from broadcaster.link.session import StationSession
from broadcaster.link.transfer import read_from, remove
from broadcaster.wire.stick import INBOX

READ_BACK_LOG = LogId("read-back")
READ_BACK_REASON = "read back and hashed by the centre: this station has no agent"
_PIECE_BYTES = 4 << 20


def hash_there(session: StationSession, path: str) -> Sha256:
    """Read a file in a station's folder to its end and hash it; one that is not there is as an empty one.

    Raises:
        DeliveryError: It cannot be read.
    """
    digest = hashlib.sha256()
    offset = 0
    while piece := read_from(session, path, offset, _PIECE_BYTES):
        digest.update(piece)
        offset += len(piece)
    return Sha256(digest.hexdigest())


def verify_read_back(session: StationSession, name: str, sha256: Sha256) -> None:
    """Read a file in a station's inbox back and compare its hash; one that is wrong is removed there.

    Raises:
        BrokenTransferError: Other bytes, or none; nothing is left under the name, so that the next try sends it anew.
        DeliveryError: The station cannot be read.
    """
    if hash_there(session, f"{INBOX}/{name}") != sha256:
        remove(session, f"{INBOX}/{name}")
        raise BrokenTransferError(
            f"{session.address.station}: {name} was read back and is not what was sent; it was removed there",
            hint=f"the next try sends it anew; if it stays so, {session.sftp.medium} is failing",
        )

"""Receipts: the station's word about each thing it took from its inbox. Chained like the journal, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broadcaster.core.ids import LogId, Sha256
from broadcaster.core.time import format_instant, require_aware
from broadcaster.wire.chain import ChainedLine
from broadcaster.wire.fields import FieldReader

KIND = "receipt"
FORMAT = 1
FILE_NAME = "receipts.jsonl"
DISK_FULL = "disk full"  # the reason by which the centre knows that it may come again later


class Verdict(StrEnum):
    """What became of a received thing, or of a held one."""

    VERIFIED = "verified"
    REFUSED = "refused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one receipt says.

    `name` is the file name as it lay in the inbox. `sha256` is the hash of the bytes that were found, None when they
    were never read. `reason` is "" for what was verified.
    """

    at: datetime
    name: str
    sha256: Sha256 | None
    verdict: Verdict
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", require_aware(self.at))


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One receipt with its place in the chain and its exact bytes."""

    log: LogId
    seq: int
    raw: bytes
    receipt: Receipt


def write_receipt(receipt: Receipt) -> dict[str, object]:
    """Give the fields of a receipt line, for `chain.plan_line`."""
    return {
        "kind": KIND,
        "format": FORMAT,
        "at": format_instant(receipt.at),
        "name": receipt.name,
        "sha256": receipt.sha256,
        "verdict": receipt.verdict.value,
        "reason": receipt.reason,
    }


def read_receipt(line: ChainedLine) -> ReceiptLine:
    """Read a chained line as a receipt.

    Raises:
        DocumentError: Another kind of line, a newer format, or a wrong field (named).
    """
    reader = FieldReader(line.fields, "receipt")
    reader.require(KIND, FORMAT)
    receipt = Receipt(
        at=reader.read_moment("at"),
        name=reader.read_text("name"),
        sha256=reader.read_optional("sha256", reader.read_sha256),
        verdict=reader.read_as("verdict", Verdict, "verified, refused or removed"),
        reason=reader.read_text("reason"),
    )
    return ReceiptLine(line.log, line.seq, line.raw, receipt)

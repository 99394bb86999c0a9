"""What is told of a fan-out while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broadcaster.core.ids import StationId


class Step(StrEnum):
    """Where a station's delivery stands."""

    CONNECTING = "connecting"
    SENDING = "sending"
    CONFIRMING = "waiting for the receipt"
    HELD = "holds everything"
    SENT = "sent, no receipt yet"
    FAILED = "failed"
    AGAIN = "failed, tries again"


@dataclass(frozen=True, slots=True)
class StationNews:
    """One thing that happened to one station.

    While SENDING, `name` is the file in its inbox, of which `done_bytes` of `total_bytes` are safe there. `message`
    says why it failed; `again_at` is when it is tried again.
    """

    station: StationId
    step: Step
    name: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    message: str = ""
    again_at: datetime | None = None


FleetListener = Callable[[StationNews], None]
"""Told from the workers' threads."""


def ignore_news(_news: StationNews) -> None:
    """Listen to nothing."""

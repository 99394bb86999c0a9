"""What failed since the agent started: which masters gave no sound, which airings the player lost and may be tried."""

from __future__ import annotations

from collections import Counter

from broadcaster.core.errors import PlayerError, UnplayableError
from broadcaster.core.ids import AiringId, Sha256
from broadcaster.station.board import Start

MOST_RESTARTS = 3


class Failures:
    """Remembers until an airing sounds again, or is over.

    `troubled` says for each airing that failed why. `spoilt` are masters that gave no sound for an airing: the next
    rung of its ladder has its turn. `reopened` are airings whose diary has a failed end and that may begin once more:
    True when something of them was heard, so that they go on in the middle.

    Args:
        doubted: Takes the hashes of masters that gave no sound: somebody has to look at their bytes.
    """

    def __init__(self, doubted: set[Sha256]) -> None:
        self._doubted = doubted
        self.troubled: dict[AiringId, str] = {}
        self.spoilt: set[tuple[AiringId, Sha256]] = set()
        self.reopened: dict[AiringId, bool] = {}
        self._restarts: Counter[AiringId] = Counter()
        self._heard: set[AiringId] = set()

    def note(self, start: Start, error: PlayerError) -> None:
        """Note what did not begin, or broke off."""
        airing = start.planned.airing.id
        self.troubled[airing] = error.message
        if isinstance(error, UnplayableError):
            sha256 = start.make_sounding().sha256
            self.spoilt.add((airing, sha256))
            self._doubted.add(sha256)

    def reopen(self, start: Start, error: PlayerError, output_ms: int) -> None:
        """Note what has its lines in the diary already, and whether it may begin once more.

        After a player that was lost it goes on up to three times. An order of which anything was heard never does.
        """
        self.note(start, error)
        airing = start.planned.airing.id
        if output_ms:
            self._heard.add(airing)
        if not isinstance(error, UnplayableError):
            self._restarts[airing] += 1
        is_order_heard = start.planned.order is not None and airing in self._heard
        if self._restarts[airing] <= MOST_RESTARTS and not is_order_heard:
            self.reopened[airing] = airing in self._heard
        else:
            self.reopened.pop(airing, None)

    def begin(self, airing: AiringId) -> None:
        """Note that an airing sounds."""
        self.troubled.pop(airing, None)
        self.reopened.pop(airing, None)

    def forget(self, kept: set[AiringId], held: set[Sha256]) -> None:
        """Forget all airings but those that are still planned, and masters that are gone: they may come again whole."""
        for found in (self.troubled, self.reopened, self._restarts):
            for airing in found.keys() - kept:
                del found[airing]
        self._heard &= kept
        self.spoilt = {one for one in self.spoilt if one[0] in kept and one[1] in held}

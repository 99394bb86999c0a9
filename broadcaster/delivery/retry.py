"""When a station that could not be served is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)


def plan_next_try(failures: int, ended_at: datetime, needed_at: datetime | None, share: float) -> datetime:
    """Choose when to try again: the wait doubles with every failure, and half of it is left to chance.

    The chance keeps a fleet that failed together from coming back together. Where the first airing is near, no more
    than a quarter of the time that is left is waited, so that there are tries until the very end.

    Args:
        failures: In a row, 1 or more.
        ended_at: When the last of them ended.
        needed_at: Start of the first airing that needs what is missing; None when nothing is near.
        share: From 0 up to 1, by chance.

    Returns:
        Between half of and the whole of 15 s, 30 s, 1 min … 15 min after `ended_at`.

    >>> from datetime import UTC
    >>> noon = datetime(2023, 10, 9, 12, tzinfo=UTC)
    >>> [(plan_next_try(n, noon, None, 0.99) - noon).seconds for n in (1, 2, 3, 99)]
    [14, 29, 59, 895]
    >>> (plan_next_try(9, noon, noon + timedelta(minutes=4), 0.99) - noon).seconds
    59
    """
    doublings = min(max(failures, 1) - 1, 10)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    if needed_at is not None and needed_at > ended_at:
        wait = min(wait, max(FIRST_WAIT, (needed_at - ended_at) / 4))
    return ended_at + wait * (0.5 + 0.5 * share)

"""The fleet while it is served: who holds it, who is sending how fast, who failed and why, how long it is to air."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from broadcaster.cli.console import make_console
from broadcaster.cli.screen import format_length, format_local, format_size
from broadcaster.cli.table import NAME_WIDTH
from broadcaster.core.ids import StationId
from broadcaster.delivery.progress import FleetListener, StationNews, Step

RATE_OVER_S = 5.0
FRAMES_PER_S = 4
FEWEST_ROWS = 5
_ORDER = (Step.SENDING, Step.CONNECTING, Step.CONFIRMING, Step.AGAIN, Step.FAILED, Step.SENT, Step.HELD)
_NUMBERS = (("Done", 5), ("Rate", 10), ("Ready in", 8), ("On air in", 9))  # with their widths, which never change


@dataclass(frozen=True, slots=True)
class Expected:
    """One station that is going to be served: its bytes, and when the first of them are on the air."""

    station: StationId
    name: str
    size_bytes: int
    needed_at: datetime | None


@dataclass(slots=True)
class _Row:
    expected: Expected
    step: Step | None = None
    message: str = ""
    done_bytes: int = 0
    moved_bytes: int = 0
    began_s: float = 0.0
    moved_s: float = 0.0
    again_at: datetime | None = None

    def rate_bytes_per_s(self) -> float:
        return self.moved_bytes / (self.moved_s - self.began_s) if self.moved_s > self.began_s else 0.0


class FleetBoard:
    """What is known of every station of one push; news may come from any thread.

    Args:
        expected: The stations, in the order in which they are served.
        zone: For times of day.
        now_at: Gives the present instant.
        monotonic_s: Gives a time that only runs forward, for the rates.
    """

    def __init__(
        self,
        expected: Sequence[Expected],
        zone: ZoneInfo,
        now_at: Callable[[], datetime],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = {one.station: _Row(one) for one in expected}
        self._zone = zone
        self._now_at = now_at
        self._monotonic_s = monotonic_s
        self._moved: deque[tuple[float, int]] = deque()
        self._files: dict[tuple[StationId, str], int] = {}
        self._lock = threading.Lock()

    def hear(self, news: StationNews) -> str | None:
        """Take in news.

        Returns:
            A plain line for those who see no board; None for what is not worth one.
        """
        with self._lock:
            row = self._rows[news.station]
            now_s = self._monotonic_s()
            is_new = row.step is not news.step
            row.step, row.message, row.again_at = news.step, news.message, news.again_at
            if news.step is Step.SENDING:
                self._count(row, news, now_s, is_new=is_new)
            if not is_new or news.step is Step.CONFIRMING:
                return None
            return f"{row.expected.name} ({news.station}): {self._describe(row)}"

    def sum_up(self) -> str:
        """Put the state of the fleet into one line."""
        with self._lock:
            now_s = self._monotonic_s()
            while self._moved and self._moved[0][0] < now_s - RATE_OVER_S:
                self._moved.popleft()
            rate = sum(moved_bytes for _, moved_bytes in self._moved) / RATE_OVER_S
            steps = [row.step for row in self._rows.values()]
            needed_at = min((r.expected.needed_at for r in self._rows.values() if r.expected.needed_at), default=None)
        parts = [
            f"{steps.count(Step.HELD)} of {len(steps)} stations hold everything",
            f"{steps.count(Step.SENDING)} sending at {format_size(round(rate))}/s",
            f"{steps.count(Step.FAILED) + steps.count(Step.AGAIN)} failed",
        ]
        if needed_at is not None:
            left_s = (needed_at - self._now_at()).total_seconds()
            at = format_local(needed_at, self._zone)
            parts.append(f"first on air {at}, in {_format_span(left_s)}" if left_s > 0 else f"on air since {at}")
        return " · ".join(parts)

    def list_rows(self, most: int) -> list[tuple[str, str, str, str, str, str]]:
        """List name, state, share, rate, time until ready and to air of those worth a look, the busy ones first."""
        with self._lock:
            busy = [row for row in self._rows.values() if row.step is not None]
            busy.sort(key=lambda row: _ORDER.index(row.step) if row.step else len(_ORDER))
            return [self._cells(row) for row in busy[:most]]

    def _count(self, row: _Row, news: StationNews, now_s: float, *, is_new: bool) -> None:
        known_bytes = self._files.get((news.station, news.name))
        self._files[news.station, news.name] = news.done_bytes
        if is_new or row.began_s == 0.0:
            row.began_s, row.moved_bytes = now_s, 0
        row.done_bytes += news.done_bytes - (known_bytes or 0)
        if known_bytes is not None and news.done_bytes > known_bytes:  # the first news is what the station held already
            row.moved_bytes += news.done_bytes - known_bytes
            row.moved_s = now_s
            self._moved.append((now_s, news.done_bytes - known_bytes))

    def _cells(self, row: _Row) -> tuple[str, str, str, str, str, str]:
        total_bytes = row.expected.size_bytes
        state = row.step.value if row.step else ""
        if row.message:
            state = f"{Step.FAILED.value if row.again_at else state}: {_drop_own_name(row)}"
        if row.again_at is not None:
            state += f", again at {row.again_at.astimezone(self._zone):%H:%M:%S}"
        share = f"{min(100, 100 * row.done_bytes // total_bytes)} %" if total_bytes and row.done_bytes else ""
        rate = row.rate_bytes_per_s() if row.step is Step.SENDING else 0.0
        ready_s = max(0, total_bytes - row.done_bytes) / rate if rate else None
        left = ""
        if row.expected.needed_at is not None and row.step is not Step.HELD:
            left_s = (row.expected.needed_at - self._now_at()).total_seconds()
            left = _format_span(left_s) if left_s > 0 else "now"
            if ready_s is not None and ready_s > left_s:
                state += ", TOO LATE"
        ready = "" if ready_s is None else _format_span(ready_s)
        return (row.expected.name, state, share, f"{format_size(round(rate))}/s" if rate else "", ready, left)

    def _describe(self, row: _Row) -> str:
        text = row.step.value if row.step else ""
        if row.again_at is not None:
            text += f" at {row.again_at.astimezone(self._zone):%H:%M:%S}"
        return f"{text}: {row.message}" if row.message else text


@contextmanager
def show_fleet(board: FleetBoard, file: TextIO | None = None) -> Iterator[FleetListener]:
    """Show a board on standard error while the block runs: live on a terminal, a line for each change elsewhere."""
    console = make_console(file or sys.stderr)
    if not console.is_terminal:
        yield lambda news: _print_line(console, board.hear(news))
        return

    def draw() -> Group:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
        table.add_column("Station", max_width=NAME_WIDTH, no_wrap=True, overflow="ellipsis")
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for head, width in _NUMBERS:
            table.add_column(head, width=width, no_wrap=True, justify="right")
        for cells in board.list_rows(max(FEWEST_ROWS, console.height - 6)):
            table.add_row(*(Text(cell) for cell in cells))
        return Group(Text(board.sum_up(), style="bold"), table)

    with Live(get_renderable=draw, console=console, transient=True, refresh_per_second=FRAMES_PER_S):
        yield lambda news: _discard(board.hear(news))
    console.print(Text(board.sum_up()))


def _drop_own_name(row: _Row) -> str:
    """Take off a message the station that it begins with: on the board its name stands in front already."""
    one = row.expected
    own = rf"(?:{re.escape(one.name)}|{re.escape(one.station)})(?: \([^)]*\))?:? "
    return re.sub(f"^{own}", "", row.message)


def _print_line(console: Console, line: str | None) -> None:
    if line is not None:
        console.print(Text(line), soft_wrap=True)


def _discard(_line: str | None) -> None:
    """Leave the line to the board."""


def _format_span(seconds: float) -> str:
    if seconds < 3600:
        return format_length(round(seconds * 1000))
    hours, rest_s = divmod(round(seconds), 3600)
    return f"{hours}:{rest_s // 60:02d}:{rest_s % 60:02d}"

"""A clock that a test moves, and a player that lives by it and misbehaves on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from broadcaster.core.errors import PlayerError, UnplayableError
from broadcaster.core.time import Clock
from broadcaster.station.clock import ClockWord


@dataclass
class FakeClock:
    """Time stands still but for `sleep_s`."""

    at: datetime

    def now_at(self) -> datetime:
        return self.at

    def sleep_s(self, seconds: float) -> None:
        if seconds > 0:
            self.at += timedelta(seconds=seconds)

    def follow(self, *, is_on_air: bool) -> timedelta:
        return timedelta()

    def read_word(self) -> ClockWord:
        return ClockWord(error_ms=3)


@dataclass
class SimulatedCue:
    clock: Clock
    length_ms: int
    trouble_after_ms: int | None = None
    trouble: PlayerError = field(default_factory=lambda: PlayerError("the sound device is gone"))
    started_at: datetime | None = None
    stopped_ms: int | None = None

    def start(self) -> None:
        if self.trouble_after_ms == 0:
            raise self.trouble
        self.started_at = self.clock.now_at()

    def output_ms(self) -> int:
        if self.stopped_ms is not None:
            return self.stopped_ms
        if self.started_at is None:
            return 0
        passed_ms = round((self.clock.now_at() - self.started_at) / timedelta(milliseconds=1))
        limit_ms = self.length_ms if self.trouble_after_ms is None else self.trouble_after_ms
        return min(limit_ms, passed_ms)

    def is_finished(self) -> bool:
        if self.trouble_after_ms is not None and self.output_ms() >= self.trouble_after_ms:
            self.stop()
            raise self.trouble
        return self.started_at is not None and self.output_ms() >= self.length_ms

    def stop(self) -> None:
        self.stopped_ms = self.output_ms()


@dataclass
class SimulatedPlayer:
    """Knows each master's real length by its file name; `troubles` says after how much of it the sound is lost.

    Of those in `silent` it is lost because the master itself goes on in silence.
    """

    clock: Clock
    cues_ahead: bool = False
    lengths_ms: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    unplayable: set[str] = field(default_factory=set)
    bugs: set[str] = field(default_factory=set)
    volumes: list[int] = field(default_factory=list)
    name: str = "simulated"

    def prepare(self, path: Path, offset_ms: int, volume: int) -> SimulatedCue:
        if path.stem in self.bugs:
            raise ZeroDivisionError("a bug")
        if path.stem in self.unplayable:
            raise UnplayableError("not a sound")
        self.volumes.append(volume)
        cue = SimulatedCue(self.clock, self.lengths_ms[path.stem] - offset_ms, self.troubles.get(path.stem))
        if path.stem in self.silent:
            cue.trouble = UnplayableError("silence for 90 s")
        return cue

    def close(self) -> None:
        pass

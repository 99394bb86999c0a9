"""The boundary to whatever makes sound. Nothing but PlayerError gets out of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from broadcaster.core.errors import PlayerError, UnplayableError

HANG_S = 5.0
AHEAD_S = 2.0
FAST_CLOCK = 1.01  # a sound card's clock differs from the machine's, by far less
PREPARE_S = 5.0
SILENT_DBFS = -60.0
LONGEST_SILENCE_MS = 90_000  # a minute's silence for the dead is a programme, too
SHORTEST_SILENCE_MS = 5_000


class Cue(Protocol):
    """One file, loaded and paused at its place; it sounds once."""

    def start(self) -> None:
        """Let it sound, now.

        Raises:
            PlayerError: It did not begin.
        """
        ...

    def output_ms(self) -> int:
        """Say how much sound (ms) was given out since `start`, by the player's own count; 0 before it.

        After the error of `is_finished` for silence it is what was given out before the silence began.
        """
        ...

    def is_finished(self) -> bool:
        """Tell whether the file has come to its end and all of it was given out.

        Raises:
            UnplayableError: It has been silent for longer than any pause, or from its beginning to its end.
            PlayerError: The player died, hangs, or has given out nothing new for five seconds. It was killed; what
                was given out until then can still be asked.
        """
        ...

    def stop(self) -> None:
        """End it, sounding or not. Never raises; the next one can be prepared after it."""
        ...


class Player(Protocol):
    """Prepares cues.

    `cues_ahead` says whether a cue may be prepared while another sounds: not with one sound device.
    """

    name: str
    cues_ahead: bool

    def prepare(self, path: Path, offset_ms: int, volume: int) -> Cue:
        """Load a master and pause it.

        Args:
            path: The MP3.
            offset_ms: Where in it to begin.
            volume: Percent, 0 to 130, by `choose_gain`.

        Raises:
            UnplayableError: Not a file that plays.
            PlayerError: No player, or no sound device. In both cases the player was cleaned up and can be asked again.
        """
        ...

    def close(self) -> None:
        """End the player and all its cues."""
        ...


def choose_gain(volume: int) -> float:
    """Give the factor on the samples for a volume in percent: mpv's cubic law, so that all players sound alike.

    >>> choose_gain(100), choose_gain(50), choose_gain(0)
    (1.0, 0.125, 0.0)
    """
    return (volume / 100) ** 3


class ProgressWatch:
    """Notices a player that stands still, or that counts what cannot have been heard; begins with the sound.

    It goes by the monotonic clock: a stepped wall clock is no hang.
    """

    def __init__(self) -> None:
        self._output_ms = -1
        self._moved_s = self._began_s = time.monotonic()

    def watch(self, output_ms: int, *, is_over: bool = False) -> None:
        """Take note of how far the player is.

        Raises:
            PlayerError: It is where it was five seconds ago, or farther than the time that has passed.
        """
        now_s = time.monotonic()
        passed_s = now_s - self._began_s
        if output_ms / 1000 > passed_s * FAST_CLOCK + AHEAD_S:
            raise PlayerError(
                f"the player counts {output_ms / 1000:.1f} s of sound in {passed_s:.1f} s: its sound device is lost"
            )
        if output_ms > self._output_ms:
            self._output_ms, self._moved_s = output_ms, now_s
        elif now_s - self._moved_s > HANG_S and not is_over:
            raise PlayerError(f"the player stands still at {output_ms / 1000:.1f} s: sound device lost, or hung")


class SilenceWatch:
    """Notices that nothing is to be heard of what is given out: silence is never journalled as played.

    `heard_ms` is how much had been given out when something was last to be heard.
    """

    def __init__(self) -> None:
        self.heard_ms = 0

    def watch(self, output_ms: int, peak_dbfs: float, *, is_finished: bool = False) -> None:
        """Take note of the loudest sample of the last moment.

        Raises:
            UnplayableError: It has been silent for 90 seconds, or has ended without ever having been louder.
        """
        if peak_dbfs > SILENT_DBFS:
            self.heard_ms = output_ms
        silent_ms = output_ms - self.heard_ms
        is_mute = is_finished and self.heard_ms == 0 and silent_ms >= SHORTEST_SILENCE_MS
        if silent_ms > LONGEST_SILENCE_MS or is_mute:
            raise UnplayableError(f"silence for {silent_ms / 1000:.0f} s, from {self.heard_ms / 1000:.1f} s on")

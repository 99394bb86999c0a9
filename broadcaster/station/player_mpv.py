"""mpv as a child process: preloaded and paused, watched, killed when it hangs. Never libmpv inside the agent."""

from __future__ import annotations

import logging
import socket
import subprocess
import time
from pathlib import Path

from broadcaster.core.errors import PlayerError, UnplayableError
from broadcaster.core.programs import find_mpv
from broadcaster.station.mpv_ipc import MpvLine
from broadcaster.station.player import PREPARE_S, Cue, ProgressWatch, SilenceWatch
from broadcaster.station.settings import AUTO, NULL

START_S = 10.0
# --gapless-audio=no: with the default a file 'ends' up to 0.4 s before its sound does. The demuxer is forced: a
# playlist that bears the name of a master must not open the files it names.
# Never --audio-fallback-to-null: it plays into nothing, and the journal would say it sounded.
OPTIONS = (
    "--idle=yes", "--pause", "--no-config", "--no-terminal", "--no-video", "--audio-display=no", "--gapless-audio=no",
    "--keep-open=no", "--load-scripts=no", "--ytdl=no", "--no-input-default-bindings", "--demuxer=lavf",
    "--demuxer-lavf-format=mp3", "--hr-seek=yes", "--volume-max=130", "--replaygain=no", "--cache=no",
    "--autoload-files=no", "--audio-client-name=broadcaster",
    "--af=@level:lavfi=[astats=metadata=1:reset=20:measure_perchannel=none:measure_overall=Peak_level]",
)  # fmt: skip
PEAK = "lavfi.astats.Overall.Peak_level"
NO_DEVICE = "audio output initialization failed"
_log = logging.getLogger(__name__)


def list_output_options(output: str) -> list[str]:
    """Give mpv's options for a setting of the sound device: "auto", "null", or a name as mpv lists them."""
    if output == AUTO:
        return []
    return ["--ao=null"] if output == NULL else [f"--audio-device={output}"]


def try_output(output: str) -> None:
    """Play a moment of silence into the sound device.

    Raises:
        PlayerError: mpv is not installed, or the device does not open.
    """
    _play_generated(output, "anullsrc=d=0.1", volume=100)


def play_notes(output: str, volume: int) -> None:
    """Play three rising notes of 0.7 s each into the sound device; volume in per cent.

    Raises:
        PlayerError: mpv is not installed, or the device does not open.
    """
    _play_generated(output, "aevalsrc=0.3*sin(2*PI*t*(440+220*floor(t/0.7))):d=2.1", volume)


def _play_generated(output: str, source: str, volume: int) -> None:
    program = find_mpv()
    if program is None:
        raise PlayerError("mpv is not on this machine", hint='apt install mpv, or set player = "pcm"')
    options = ("--no-config", "--no-video", "--no-terminal", "--volume-max=130", f"--volume={volume}")
    command = [program, *options, *list_output_options(output), f"av://lavfi:{source}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlayerError(f"the sound device {output!r} does not answer: {error}") from error
    if done.returncode != 0:
        raise PlayerError(
            f"the sound device {output!r} does not open",
            hint="`mpv --audio-device=help` lists the devices; set one as output in the settings",
        )


class MpvPlayer:
    """One mpv process at a time; a killed one is replaced at the next `prepare`."""

    cues_ahead = False

    def __init__(self, output: str) -> None:
        """Find mpv.

        Raises:
            PlayerError: It is not installed.
        """
        program = find_mpv()
        if program is None:
            raise PlayerError("mpv is not on this machine", hint='apt install mpv, or set player = "pcm"')
        self.name = f"mpv, {output} output"
        self._command = [program, *OPTIONS, *list_output_options(output)]
        self._process: subprocess.Popen[bytes] | None = None
        self._line: MpvLine | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the mpv that runs now, None when none does."""
        return self._process.pid if self._process else None

    def prepare(self, path: Path, offset_ms: int, volume: int) -> Cue:
        """Load a master and pause it. See `Player.prepare`."""
        try:
            line = self._get_line()
            line.events.clear()
            line.properties.clear()
            line.request("set_property", "pause", True)
            line.request("set_property", "volume", volume)
            line.request("set_property", "start", f"{offset_ms / 1000:.3f}")
            line.request("loadfile", str(path), "replace")
            self._wait_loaded(line, path)
        except PlayerError:
            self.close()
            raise
        line.events.clear()
        return _MpvCue(self, line, offset_ms)

    def _wait_loaded(self, line: MpvLine, path: Path) -> None:
        until_s = time.monotonic() + PREPARE_S
        while time.monotonic() < until_s:
            names: list[object] = []
            for event in line.events:
                if event["event"] == "start-file" or names:  # a file that is replaced ends, too: before the new begins
                    names.append(event["event"])
                if names and event["event"] == "end-file":
                    why = event.get("file_error", event.get("reason"))
                    kind = PlayerError if why == NO_DEVICE else UnplayableError
                    raise kind(f"mpv cannot play {path.name}: {why}")
            # Loaded is not enough: the sound device opens, or fails to, a moment after it.
            if "playback-restart" in names and line.request("get_property", "current-ao", is_needed=False) is not None:
                return
            line.read_events(0.1)
        raise PlayerError(f"mpv has not loaded {path.name} within {PREPARE_S:.0f} s")

    def close(self) -> None:
        """Kill mpv; harmless when there is none."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()  # it ignores quit when its output blocks
            self._process.wait()
            self._process = None

    def _get_line(self) -> MpvLine:
        if self._line is not None and self._process is not None and self._process.poll() is None:
            return self._line
        self.close()
        # A socket pair and no path: nobody else can command our mpv, and when the agent is killed the kernel closes
        # our end and mpv quits. It must not go on sounding while the next agent starts another one.
        ours, its = socket.socketpair()
        with its:
            try:
                self._process = subprocess.Popen(
                    [*self._command, f"--input-ipc-client=fd://{its.fileno()}"], pass_fds=[its.fileno()],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                raise PlayerError(f"mpv cannot be started: {error}") from error
        self._line = MpvLine(ours)
        self._line.request("observe_property", 1, "audio-pts")
        _log.info("mpv runs as process %d", self._process.pid)
        return self._line


class _MpvCue:
    def __init__(self, player: MpvPlayer, line: MpvLine, offset_ms: int) -> None:
        self._player = player
        self._line = line
        self._offset_ms = offset_ms
        self._output_ms = 0
        self._watch: ProgressWatch | None = None
        self._silence = SilenceWatch()
        self._peak_dbfs: float | None = None
        self._is_over = False

    def start(self) -> None:
        self._line.properties.clear()
        try:
            self._line.read_events()
            self._check_end()
            self._line.request("set_property", "pause", False)
        except PlayerError:
            self._give_up()
            raise
        self._watch = ProgressWatch()

    def output_ms(self) -> int:
        return self._output_ms

    def is_finished(self) -> bool:
        if self._is_over or self._watch is None:
            return self._is_over
        try:
            at_s = self._line.request("get_property", "audio-pts", is_needed=False)
            if at_s is None:  # no file any more: what was said last before its end holds
                at_s = self._line.properties.get("audio-pts")
            output_ms = self._output_ms
            if isinstance(at_s, int | float):
                output_ms = max(output_ms, round(at_s * 1000) - self._offset_ms)
            self._check_end()
            self._watch.watch(output_ms, is_over=self._is_over)
            self._output_ms = output_ms
            self._watch_level()
        except UnplayableError:
            self._output_ms = self._silence.heard_ms
            self._give_up()
            raise
        except PlayerError:
            self._give_up()
            raise
        return self._is_over

    def _watch_level(self) -> None:
        level = self._line.request("get_property", "af-metadata/level", is_needed=False)
        peak = level.get(PEAK) if isinstance(level, dict) else None
        if peak is not None:
            self._peak_dbfs = float(peak)
        if self._peak_dbfs is not None:
            self._silence.watch(self._output_ms, self._peak_dbfs, is_finished=self._is_over)

    def stop(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            self._line.request("set_property", "pause", True)
            self._line.request("stop")
        except PlayerError:
            self._player.close()

    def _check_end(self) -> None:
        for event in self._line.events:
            if event["event"] == "end-file":
                if event.get("reason") != "eof":
                    raise PlayerError(f"mpv stopped playing: {event.get('file_error', event.get('reason'))}")
                self._is_over = True

    def _give_up(self) -> None:
        self._is_over = True
        self._player.close()

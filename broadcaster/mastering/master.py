"""The whole walk: measure, plan the gain, encode, measure what was encoded, correct, tag, name by hash."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Generator
from pathlib import Path

from broadcaster.core.errors import (
    EncodeError,
    MasterMissedError,
    ProgrammeFileError,
    SilentProgrammeError,
    UnstableFileError,
)
from broadcaster.core.files import hash_file, sync_folder
from broadcaster.core.ids import Sha256
from broadcaster.core.model import LoudnessReading, Master, MasteringTarget, TagSet
from broadcaster.core.time import Clock, SystemClock
from broadcaster.mastering.container import Container
from broadcaster.mastering.encode import choose_level_loss_db, write_mp3
from broadcaster.mastering.header import Track
from broadcaster.mastering.limiter import Limiter
from broadcaster.mastering.load import Source, check_source, read_sound
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.setting import Attempt, Setting, choose_next, choose_setting, is_hit
from broadcaster.mastering.sound import CHANNELS, HEADROOM_DB, RATE_HZ, AudioSegment, list_samples, wrap_samples
from broadcaster.mastering.tag import plan_tags, write_tags

_TRIES = 4
_GOOD_LU = 0.1
_SHORTEST_S = 0.4
_CLICK_S = 0.8
_SHARES = (0.2, 0.6, 0.2)  # of the work: measuring, encoding, measuring again


def measure_source(source: Source, progress: Callable[[float], None]) -> tuple[LoudnessReading, float]:
    """Decode and measure a recording; `progress` is told the seconds done. Gives the reading and the audible seconds.

    Raises:
        DecodeError: Damaged or cut off.
    """
    meter = LoudnessMeter(RATE_HZ, CHANNELS)
    done_s = 0.0
    with contextlib.closing(read_sound(source)) as pieces:
        for piece in pieces:
            meter.feed(list_samples(piece, HEADROOM_DB))
            done_s += piece.duration_seconds
            progress(done_s)
    return meter.read(), meter.sum_audible_s()


def rehearse_setting(source: Source, before: LoudnessReading, setting: Setting, target: MasteringTarget) -> Setting:
    """Limit without encoding and make good what the limiter takes off the loudness; cheaper than an encode.

    Raises:
        DecodeError: Damaged or cut off.
    """
    if setting.limit_dbtp is None:
        return setting
    meter = LoudnessMeter(RATE_HZ, CHANNELS)
    with contextlib.closing(_render(source, before, setting, _start_limiter(setting), lambda _: None)) as pieces:
        for piece in pieces:
            meter.feed(list_samples(piece))
    missed_lu = target.loudness_lufs + choose_level_loss_db(target.bitrate_kbps) - meter.read().integrated_lufs
    return Setting(setting.gain_db + missed_lu, setting.limit_dbtp)


def make_master(
    source: Path,
    folder: Path,
    target: MasteringTarget,
    tags: TagSet,
    progress: Callable[[float], None] | None = None,
    *,
    clock: Clock | None = None,
) -> Master:
    """Make one master of a recording: an MP3 at the target loudness, under the ceiling, tagged, named by its SHA-256.

    The finished MP3 itself is decoded and measured; where it misses, gain and limiter are corrected and it is encoded
    again, four times at most. The same recording, target and tags give the same bytes. The recording is only read.

    Args:
        source: The recording; sound of a video clip too.
        folder: Where `<sha256>.mp3` is put, by a rename when it is whole and on the disk. It must exist.
        target: Loudness, ceiling, tolerance and bit rate.
        tags: What the tag says.
        progress: Told the share of the work that is done, from 0.0 to 1.0; it may stand still but not go back.
        clock: To tell a file that is still being copied; the machine's own when None.

    Returns:
        The master's hash, size and length (ms, of what really sounds), the readings before and after, the gain (dB,
        without what only makes good LAME's loss of level) and what the limiter took off at most (dB).

    Raises:
        ProgrammeFileError: The file is not a usable recording, or under 0.4 s long.
        SilentProgrammeError: Nothing in it to normalise.
        UnstableFileError: It is, or was meanwhile, being written.
        DecodeError: Damaged or cut off.
        EncodeError: Disk full or ffmpeg failed.
        MasterMissedError: No attempt met loudness and ceiling.
        TagError: Tags read back otherwise than written.
        ToolMissingError: No ffmpeg on this machine.
        In every case nothing is left in `folder`.
    """
    checked = check_source(source, clock or SystemClock())
    source_sha256 = _hash_source(source)
    advance = _Progress(progress)
    before, audible_s = measure_source(checked, advance.plan_stage(0, checked.announced_s))
    _require_sound(source, before, audible_s)
    part = folder / f".{secrets.token_hex(8)}.mp3.tmp"
    try:
        attempt = _write_best(checked, part, before, target, advance)
        duration_ms = round(attempt.after.duration_s * 1000)
        write_tags(part, plan_tags(tags, duration_ms, before, attempt.after))
        if _hash_source(source) != source_sha256:
            raise UnstableFileError(f"{source} was changed while it was being mastered")
        sha256 = hash_file(part)
        size_bytes = part.stat().st_size
        _publish(part, folder / f"{sha256}.mp3")
    except OSError as error:
        raise EncodeError(f"the master of {source} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    advance.tell(1.0)
    return Master(
        sha256=sha256,
        size_bytes=size_bytes,
        duration_ms=duration_ms,
        before=before,
        after=attempt.after,
        gain_db=attempt.setting.gain_db - choose_level_loss_db(target.bitrate_kbps),
        limiter_db=attempt.limiter_db,
    )


class _Progress:
    """Turns seconds of sound in the stages of the work into one share that never goes back."""

    def __init__(self, tell: Callable[[float], None] | None) -> None:
        self._tell = tell
        self._share = 0.0

    def tell(self, share: float) -> None:
        self._share = max(self._share, min(1.0, share))
        if self._tell:
            self._tell(self._share)

    def plan_stage(self, stage: int, length_s: float | None) -> Callable[[float], None]:
        start, share = sum(_SHARES[:stage]), _SHARES[stage]
        return lambda done_s: self.tell(start + share * min(1.0, done_s / length_s) if length_s else start)


def _require_sound(source: Path, before: LoudnessReading, audible_s: float) -> None:
    if before.duration_s < _SHORTEST_S:
        raise ProgrammeFileError(f"{source} is shorter than {_SHORTEST_S} s: too short to be measured")
    if audible_s == 0 or (audible_s <= _CLICK_S and before.duration_s > 2 * _CLICK_S):
        raise SilentProgrammeError(f"{source} is silent: nothing to normalise, at most a click is heard in it")


def _hash_source(source: Path) -> Sha256:
    try:
        return hash_file(source)
    except OSError as error:
        raise ProgrammeFileError(f"{source} cannot be read: {error.strerror}") from error


def _write_best(
    source: Source, part: Path, before: LoudnessReading, target: MasteringTarget, advance: _Progress
) -> Attempt:
    attempts: list[Attempt] = []
    setting = rehearse_setting(source, before, choose_setting(before, target), target)
    while len(attempts) < _TRIES:
        limiter = _start_limiter(setting)
        stage = advance.plan_stage(1, before.duration_s)
        with contextlib.closing(_render(source, before, setting, limiter, stage)) as pieces:
            write_mp3(part, pieces, target.bitrate_kbps)
        encoded = Source(part, Container("mp3"), Track(0, is_default=True), 1, None)
        after, _ = measure_source(encoded, advance.plan_stage(2, before.duration_s))
        attempts.append(Attempt(setting, after, limiter.reduction_db if limiter else 0.0))
        if is_hit(after, target, target.tolerance_lu if len(attempts) > 1 else min(_GOOD_LU, target.tolerance_lu)):
            return attempts[-1]
        setting = choose_next(attempts, before, target)
    raise MasterMissedError(
        f"the master of {source.path} came out at {after.integrated_lufs:.2f} LUFS and {after.true_peak_dbtp:.2f} dBTP"
        f", asked for {target.loudness_lufs} and at most {target.ceiling_dbtp}, after {_TRIES} attempts",
        hint="the sound has peaks far above its loudness; choose a lower target loudness",
    )


def _start_limiter(setting: Setting) -> Limiter | None:
    return None if setting.limit_dbtp is None else Limiter(RATE_HZ, CHANNELS, 10 ** (setting.limit_dbtp / 20))


def _render(
    source: Source,
    before: LoudnessReading,
    setting: Setting,
    limiter: Limiter | None,
    progress: Callable[[float], None],
) -> Generator[AudioSegment]:
    lift_db = setting.gain_db + HEADROOM_DB
    # Whole numbers cannot pass full scale: what would is turned up as floats, between here and the limiter.
    whole_db = lift_db if limiter is None else min(lift_db, HEADROOM_DB - before.true_peak_dbtp)
    done_s = 0.0
    with contextlib.closing(read_sound(source)) as pieces:
        for piece in pieces:
            louder = piece.apply_gain(whole_db)
            yield louder if limiter is None else wrap_samples(limiter.feed(list_samples(louder, lift_db - whole_db)))
            done_s += piece.duration_seconds
            progress(done_s)
    if limiter is not None:
        yield wrap_samples(limiter.finish())


def _publish(part: Path, final: Path) -> None:
    part.chmod(0o644)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(final)
    sync_folder(final.parent)

"""The whole walk: measure, plan the gain, encode, measure what was encoded, correct, tag, name by hash."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from broadcaster.core.errors import (
    EncodeError,
    MasterMissedError,
    ProgrammeFileError,
    SilentProgrammeError,
    UnstableFileError,
)
from broadcaster.core.files import hash_file, name_master, sync_folder
from broadcaster.core.ids import Sha256
from broadcaster.core.model import AS_IT_IS, LoudnessReading, Master, MasteringTarget, SoundWarning, TagSet
from broadcaster.core.time import Clock, SystemClock
from broadcaster.mastering.attempt import Encoding
from broadcaster.mastering.encode import choose_level_loss_db
from broadcaster.mastering.faults import FaultFinder
from broadcaster.mastering.keep import write_as_it_is
from broadcaster.mastering.load import Source, check_source, read_sound
from broadcaster.mastering.loudness import LoudnessMeter
from broadcaster.mastering.rehearse import Levels, list_levels, rehearse_setting
from broadcaster.mastering.setting import GOOD_SHARE, Attempt, choose_next, choose_setting, is_hit
from broadcaster.mastering.sound import CHANNELS, HEADROOM_DB, RATE_HZ, SPREAD_DB, find_scale, view_samples
from broadcaster.mastering.spool import Spool, open_spool
from broadcaster.mastering.tag import plan_tags, write_tags

_TRIES = 6
_WORKERS = 2
_SHORTEST_S = 0.4
_CLICK_S = 0.8
_SHARES = (0.15, 0.85)  # of the work: measuring; encoding and measuring again


@dataclass(frozen=True, slots=True)
class Measured:
    """What one decoding of a recording tells: reading, seconds that can be heard, faults, loudness of each second.

    `levels` are for the limiter's rehearsal.
    """

    reading: LoudnessReading
    audible_s: float
    warnings: tuple[SoundWarning, ...]
    curve_lufs: tuple[float, ...]
    levels: Levels


def measure_source(
    source: Source,
    progress: Callable[[float], None],
    *,
    spool: Spool | None = None,
) -> Measured:
    """Decode and measure a recording; `progress` is told the seconds done.

    Args:
        source: The recording.
        progress: Told the seconds done.
        spool: Takes what was decoded.

    Raises:
        DecodeError: Damaged or cut off.
        OSError: No room for the spool.
    """
    meter = LoudnessMeter(RATE_HZ, CHANNELS, keeps_peaks=True)
    finder = FaultFinder(is_mono=source.track.is_mono)
    done_s = 0.0
    with contextlib.closing(read_sound(source)) as pieces:
        for piece in pieces:
            meter.feed(view_samples(piece), find_scale(HEADROOM_DB))
            finder.feed(piece)
            if spool is not None:
                spool.append(piece)
            done_s += piece.duration_seconds
            progress(done_s)
    curve = tuple(round(float(level), 1) for level in meter.list_short_term_lufs()[::10])
    levels = list_levels(meter)
    return Measured(meter.read(), meter.sum_audible_s(), finder.list_warnings(levels.loud_lufs), curve, levels)


def make_master(
    source: Path,
    folder: Path,
    target: MasteringTarget,
    tags: TagSet,
    progress: Callable[[float], None] | None = None,
    *,
    clock: Clock | None = None,
    is_settled: bool = False,
) -> Master:
    """Make one master of a recording: an MP3 at the target loudness, under the ceiling, tagged, named by its SHA-256.

    The finished MP3 itself is decoded and measured; where it misses, gain and limiter are corrected and what must
    change is encoded again, six times at most. A recording that is already what the target asks for is not encoded:
    its frames pass bit for bit, and the gain is 0. The same recording, target and tags give the same bytes. The
    recording is only read; its decoded sound lies in a file without a name in `folder` meanwhile (1.3 GB an hour).

    Args:
        source: The recording; sound of a video clip too.
        folder: Where `<sha256>.mp3` is put, by a rename when it is whole and on the disk. It must exist.
        target: Loudness, ceiling, tolerance and bit rate.
        tags: What the tag says.
        progress: Told the share of the work that is done, from 0.0 to 1.0; it may stand still but not go back.
        clock: To tell a file that is still being copied; the machine's own when None.
        is_settled: Nobody is copying it any more: it is not watched for the second that it takes to tell.

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
    checked = check_source(source, clock or SystemClock(), target.profile, is_settled=is_settled)
    source_sha256 = _hash_source(source)
    advance = _Progress(progress)
    part = folder / f".{secrets.token_hex(8)}.mp3.tmp"
    try:
        with open_spool(folder) as spool, ThreadPoolExecutor(_WORKERS, "mastering") as workers:
            stage = advance.plan_stage(0, checked.announced_s)
            measured, left = _measure_both(checked, stage, spool)
            attempt = write_as_it_is(checked, part, left.reading, target)
            if attempt is None:
                attempt = _write_best(source, spool, part, left, target, workers, advance)
        duration_ms = round(attempt.after.duration_s * 1000)
        shown = _show_before(checked, measured.reading)
        write_tags(part, plan_tags(tags, duration_ms, shown, attempt.after))
        if _hash_source(source) != source_sha256:
            raise UnstableFileError(f"{source} was changed while it was being mastered")
        sha256 = hash_file(part)
        size_bytes = part.stat().st_size
        _publish(part, folder / name_master(sha256))
    except OSError as error:
        raise EncodeError(f"the master of {source} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    advance.tell(1.0)
    loss_db = 0.0 if attempt.setting.is_kept else choose_level_loss_db(target.bitrate_kbps)
    return Master(
        sha256=sha256,
        size_bytes=size_bytes,
        duration_ms=duration_ms,
        before=shown,
        after=attempt.after,
        gain_db=attempt.setting.gain_db - loss_db,
        limiter_db=attempt.limiter_db,
        is_kept=attempt.setting.is_kept,
        track_note=checked.name_choice(),
        profile=target.profile,
        warnings=measured.warnings,
        before_curve_lufs=measured.curve_lufs,
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


def _measure_both(source: Source, progress: Callable[[float], None], spool: Spool) -> tuple[Measured, Measured]:
    """Measure the recording as it is, and what its profile leaves of it, which is spooled; once where it has none.

    Faults must be looked for before a profile: behind a sum nobody hears that the channels cancelled each other.
    """
    as_it_is = replace(source, profile=AS_IT_IS)
    is_plain = source == as_it_is
    measured = measure_source(as_it_is, progress, spool=spool if is_plain else None)
    _require_sound(source.path, measured.reading, measured.audible_s)
    if is_plain:
        return measured, measured
    left = measure_source(source, progress, spool=spool)
    if left.audible_s == 0:
        raise SilentProgrammeError(
            f"{source.path} is silent behind the loudspeaker profile of schedules/centre.yaml",
            hint="its channels cancel each other or it is bass alone; export it with one channel",
        )
    return measured, left


def _show_before(source: Source, before: LoudnessReading) -> LoudnessReading:
    """Give the reading of the recording itself: a single channel was spread over two, each `SPREAD_DB` lower."""
    if not source.track.is_mono:
        return before
    return replace(before, true_peak_dbtp=before.true_peak_dbtp + SPREAD_DB)


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
    source: Path,
    spool: Spool,
    part: Path,
    left: Measured,
    target: MasteringTarget,
    workers: Executor,
    advance: _Progress,
) -> Attempt:
    attempts: list[Attempt] = []
    before = left.reading
    setting = rehearse_setting(spool, before, left.levels, choose_setting(before, target), workers)
    is_limited = setting.limit_dbtp is not None
    with tempfile.TemporaryFile(dir=part.parent, buffering=0) as room:
        encoding = Encoding(spool, before, target, workers, room, is_limited=is_limited)
        while len(attempts) < _TRIES:
            attempts.append(encoding.write(part, setting, advance.plan_stage(1, before.duration_s)))
            after = attempts[-1].after
            share = 1.0 if len(attempts) > 1 else GOOD_SHARE
            if is_hit(after, target, share * target.tolerance_lu):
                return attempts[-1]
            setting = choose_next(attempts, before, target)
    raise MasterMissedError(
        f"the master of {source} came out at {after.integrated_lufs:.2f} LUFS and {after.true_peak_dbtp:.2f} dBTP"
        f", asked for {target.loudness_lufs} and at most {target.ceiling_dbtp}, after {_TRIES} attempts",
        hint="the sound has peaks far above its loudness; choose a lower target loudness",
    )


def _publish(part: Path, final: Path) -> None:
    part.chmod(0o644)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(final)
    sync_folder(final.parent)

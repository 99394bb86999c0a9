"""The frozen values that rooms hand to each other. Words as in docs/words.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from broadcaster.core.ids import AiringId, CampaignId, ColumnId, LogId, ProgrammeId, Sha256, SlotId, StationId
from broadcaster.core.time import require_aware

LONGEST_AIRING = timedelta(hours=24)
LONGEST_SLOT = timedelta(hours=12)


class Priority(StrEnum):
    """The three priorities of Circular 39/2020/TT-BTTTT."""

    NORMAL = "normal"
    PRIORITY = "priority"
    EMERGENCY = "emergency"


class StartRule(StrEnum):
    """When an airing starts.

    Hard: at its second, cutting what still plays. After: when the item that plays has ended. Within: like after, but
    some minutes after its time at the latest, and then it cuts.
    """

    HARD = "hard"
    AFTER = "after"
    WITHIN = "within"


class LateRule(StrEnum):
    """What a station does that comes up in mid-airing: join where it would be, start from the beginning, or skip."""

    JOIN = "join"
    BEGINNING = "beginning"
    SKIP = "skip"


class StationKind(StrEnum):
    """A fixed station, or a mobile information vehicle whose log may be typed in."""

    FIXED = "fixed"
    VEHICLE = "vehicle"


class ProgrammeKind(StrEnum):
    """A programme, or an ident that frames programmes."""

    PROGRAMME = "programme"
    IDENT = "ident"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Wall times between which nothing sounds, `end` excluded; a span over midnight has `end` before `start`."""

    start: time
    end: time

    def has(self, at: time) -> bool:
        """Tell whether a wall time lies in the quiet span.

        >>> night = QuietHours(time(21, 30), time(4, 45))
        >>> night.has(time(3, 15)), night.has(time(4, 45)), night.has(time(17))
        (True, False, False)
        """
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True, slots=True)
class Station:
    """One commune's receiving and playing box, as schedules/stations.yaml names it.

    Without `has_agent` only an SFTP server answers there: what it holds is known by reading it back. With `tunnel_key`
    it keeps a tunnel to the centre: `port` is then one of the centre's own.
    """

    id: StationId
    name: str
    kind: StationKind = StationKind.FIXED
    groups: tuple[str, ...] = ()
    clusters: int = 0
    host: str | None = None
    port: int = 22
    user: str = "centre"
    host_key: str | None = None
    tunnel_key: str | None = None
    volume: int = 100
    phone: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    has_agent: bool = True

    def is_connected(self) -> bool:
        """Tell whether it has an address and a pinned host key: without them nothing is sent to it."""
        return self.host is not None and self.host_key is not None

    def is_valid_on(self, on: date) -> bool:
        """Tell whether the station exists on a date; both ends of its period belong to it."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Column:
    """A recurring editorial strand (chuyên mục)."""

    id: ColumnId
    name: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A theme with a period; both dates belong to it.

    `baseline` is the period before it that its airtime is compared with, first and last date. Beside its own airings
    those of `columns` are compared: before a campaign began nothing could bear its name.
    """

    id: CampaignId
    name: str
    starts_on: date
    ends_on: date
    baseline: tuple[date, date] | None = None
    columns: tuple[ColumnId, ...] = ()


@dataclass(frozen=True, slots=True)
class LoudnessReading:
    """What the meter says of a whole programme: gated loudness (LUFS), range (LU), true peak (dBTP), length (s)."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    duration_s: float


class SoundFault(StrEnum):
    """What a radio person would want to be warned of in a recording."""

    SHORT = "short"
    CLIPPED = "clipped"
    SILENT_CHANNEL = "silent channel"
    OUT_OF_PHASE = "out of phase"
    SILENCE = "silence"
    HUM = "hum"


@dataclass(frozen=True, slots=True)
class SoundWarning:
    """One fault that was heard in a recording, with what and where in words. It changes nothing."""

    fault: SoundFault
    message: str


@dataclass(frozen=True, slots=True)
class LoudspeakerProfile:
    """What is done to sound for horn loudspeakers: both channels as their sum, no bass below `highpass_hz` (0: all)."""

    is_mono: bool = False
    highpass_hz: int = 0


AS_IT_IS = LoudspeakerProfile()


@dataclass(frozen=True, slots=True)
class MasteringTarget:
    """What a master must measure, what is done for its loudspeakers, and how it is encoded."""

    loudness_lufs: float = -16.0
    ceiling_dbtp: float = -1.0
    tolerance_lu: float = 0.2
    bitrate_kbps: int = 128
    profile: LoudspeakerProfile = AS_IT_IS


@dataclass(frozen=True, slots=True)
class TagSet:
    """What a master's tags say, besides its loudness."""

    title: str
    centre: str
    column: str
    on: date
    language: str
    programme: ProgrammeId
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class Master:
    """A normalised, tagged file named by its SHA-256, with the proof of what was done to it.

    `is_kept`: the recording's own frames, bit for bit. `track_note` says which sound track was taken where there were
    several. `before_curve_lufs` is the short-term loudness of each second of the recording; empty when the master was
    read from the record, where `read_curve` has it.
    """

    sha256: Sha256
    size_bytes: int
    duration_ms: int
    before: LoudnessReading
    after: LoudnessReading
    gain_db: float
    limiter_db: float
    is_kept: bool = False
    track_note: str = ""
    profile: LoudspeakerProfile = AS_IT_IS
    warnings: tuple[SoundWarning, ...] = ()
    before_curve_lufs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Programme:
    """One produced piece of audio with a title, a column and a date, and the master made of it.

    `stories` is how many news items and articles (tin, bài) it holds.
    """

    id: ProgrammeId
    title: str
    kind: ProgrammeKind
    column: ColumnId | None
    campaign: CampaignId | None
    language: str
    on: date
    source_name: str
    source_sha256: Sha256
    master: Master
    added_at: datetime
    stories: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "added_at", require_aware(self.added_at))


@dataclass(frozen=True, slots=True)
class Airing:
    """One dated occurrence of a slot's item at one station. `start_at` is in UTC.

    `within_ms` is how long it may wait for the running item's end where its start rule is within. `may_repeat` says
    that what its slot played last may stand in for a missing master; `is_ident` that its master is an ident.
    """

    id: AiringId
    station: StationId
    slot: SlotId
    start_at: datetime
    duration_ms: int
    programme: ProgrammeId
    sha256: Sha256
    size_bytes: int
    title: str
    column: ColumnId | None
    campaign: CampaignId | None
    priority: Priority = Priority.NORMAL
    volume: int = 100
    start_rule: StartRule = StartRule.HARD
    late_rule: LateRule = LateRule.JOIN
    is_repeat: bool = False
    within_ms: int = 0
    may_repeat: bool = False
    is_ident: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_at", require_aware(self.start_at))

    def end_at(self) -> datetime:
        """Give its planned end."""
        return self.start_at + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class StationContact:
    """What the centre knows of its line to a station.

    `clock_offset_s` is the station's clock minus the centre's, as last measured. `journal_until` is the instant (by the
    station's clock) up to which its journal is known to be whole: its agent was alive then and everything it had
    written was collected. None where nothing was ever collected. `stopped_key` is the pinned host key that the station
    failed to show: while it is the pinned one, nothing is sent or fetched.
    """

    station: StationId
    reached_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""
    message: str = ""
    clock_offset_s: float | None = None
    journal_until: datetime | None = None
    log: LogId | None = None
    stopped_key: str = ""

    def is_reached(self) -> bool:
        """Tell whether the last try reached the station."""
        return self.reached_at is not None and (self.failed_at is None or self.failed_at < self.reached_at)

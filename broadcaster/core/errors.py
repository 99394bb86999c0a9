"""Every error an operator may see. The class names the trouble, carries the exit code and says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class BroadcasterError(Exception):
    """Trouble that a person can act on.

    Args:
        message: What is wrong and where, one sentence.
        hint: What to do next; the class's own hint when None.
    """

    exit_code: ClassVar[int] = 70
    is_retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file that a person edits: where it stands, what is wrong, what was expected.

    A hint, such as the name that was most likely meant, is said instead of what was expected.
    """

    path: Path
    line: int
    column: int
    message: str
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.say()}"

    def say(self) -> str:
        """Say what is wrong without the place."""
        said = self.hint or (self.expected and f"expected {self.expected}")
        return f"{self.message} ({said})" if said else self.message


class InputError(BroadcasterError):
    """Something a person handed in cannot be used."""

    exit_code = 10


class WorkspaceError(InputError):
    """The folder is not a workspace, or a part of it is missing."""

    exit_code = 11
    default_hint = "run `broadcaster init DIR` to make a workspace, or name it with --workspace DIR"


class ConfigError(InputError):
    """Files in schedules/ or a station's settings cannot be read as written. `faults` holds every fault found."""

    exit_code = 12
    default_hint = "correct the lines named and run `broadcaster check`"

    def __init__(self, faults: Sequence[Fault], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(fault) for fault in faults), hint=hint)
        self.faults = tuple(faults)


class ProgrammeFileError(InputError):
    """The file is not a usable recording. Nothing has been changed."""

    exit_code = 13
    default_hint = "open the file in a player; export it again as WAV, MP3 or FLAC"


class SilentProgrammeError(InputError):
    """The recording is silent (at or below the absolute gate of -70 LUFS): nothing to normalise."""

    exit_code = 14
    default_hint = "listen to the recording; was the microphone or the right track recorded?"


class UnstableFileError(InputError):
    """The file is still growing or changing: it is being copied or recorded."""

    exit_code = 15
    is_retryable = True
    default_hint = "wait until copying has ended and run the command again"


class UnknownNameError(InputError):
    """A name was given that nothing in the workspace bears."""

    exit_code = 16


class InUseError(InputError):
    """What should be removed or changed is on air or planned."""

    exit_code = 17


class NotAllowedError(InputError):
    """Who acts may not do this: another role, the same person twice, or a wrong password. Nothing was changed."""

    exit_code = 18


class MasteringError(BroadcasterError):
    """A master could not be made. No half-made file is left."""

    exit_code = 20


class DecodeError(MasteringError):
    """ffmpeg could not read the whole recording."""

    exit_code = 21
    default_hint = "the file is damaged or cut off; export or copy it again"


class EncodeError(MasteringError):
    """ffmpeg could not write the master."""

    exit_code = 22


class MasterMissedError(MasteringError):
    """The finished master, measured again, misses the loudness target or the true-peak ceiling; it was thrown away."""

    exit_code = 23


class TagError(MasteringError):
    """Tags read back from the master differ from what was written."""

    exit_code = 24


class ToolMissingError(MasteringError):
    """A program that the work needs is not on this machine."""

    exit_code = 25


class TimetableError(BroadcasterError):
    """The timetable breaks a rule: overlap, quiet hours, unknown name. `faults` holds every break found."""

    exit_code = 30
    default_hint = "correct the lines named and run `broadcaster check`"

    def __init__(self, faults: Sequence[Fault], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(fault) for fault in faults), hint=hint)
        self.faults = tuple(faults)


class DeliveryError(BroadcasterError):
    """A station could not be served."""

    exit_code = 40


class UnreachableError(DeliveryError):
    """Nothing answers at the station's address."""

    exit_code = 41
    is_retryable = True
    default_hint = "is the box switched on and on the network? telephone the commune"


class BrokenTransferError(DeliveryError):
    """The line broke or stalled. What was sent stays as a .part file and is resumed."""

    exit_code = 42
    is_retryable = True
    default_hint = "the next try resumes where this one stopped"


class StationFullError(DeliveryError):
    """The station's disk has no room for the file."""

    exit_code = 43
    is_retryable = True
    default_hint = "free space on the station's disk"


class LoginRefusedError(DeliveryError):
    """The station does not accept the centre's key."""

    exit_code = 44
    default_hint = "put the line that `broadcaster key` prints into the station's authorized_keys"


class HostKeyChangedError(DeliveryError):
    """The station shows another host key than the pinned one: never accepted silently, never retried."""

    exit_code = 45
    default_hint = "`broadcaster trust STATION` shows both keys; confirm only what somebody has read at the box itself"


class NotEnrolledError(DeliveryError):
    """The station has no address or no pinned host key yet."""

    exit_code = 46
    default_hint = (
        "`broadcaster station enrol STATION` (docs/station-box.md); its address is `host` in schedules/stations.yaml"
    )


class CentreKeyError(DeliveryError):
    """The centre's private key is missing, unreadable or open to others."""

    exit_code = 47
    default_hint = "the key file must exist and be readable by its owner only (chmod 600)"


class StationFolderError(DeliveryError):
    """The station's folders do not allow what the centre has to do there, or its SFTP server is not set up."""

    exit_code = 48
    default_hint = "inbox/ must be there and writable for the centre's account (docs/station-box.md says how)"


class GaveWayError(BrokenTransferError):
    """A transfer stopped by itself: an emergency goes first, or the centre is being stopped. It is resumed later."""

    exit_code = 49


class StationError(BroadcasterError):
    """Trouble on the commune's box."""

    exit_code = 50


class VerificationError(StationError):
    """A received file is not what its name says. It was refused."""

    exit_code = 51


class SignatureError(StationError):
    """A document was not signed by the centre. It was refused."""

    exit_code = 52


class PlayerError(StationError):
    """The player could not play: no sound device, no player, a hung process."""

    exit_code = 53


class UnplayableError(PlayerError):
    """The player works, but a master gives no sound: damaged, cut short, or silent."""

    exit_code = 57


class StationDiskError(StationError):
    """The box's disk is full or cannot be written."""

    exit_code = 54


class StationConfigError(StationError):
    """The station's settings file is missing or wrong."""

    exit_code = 55
    default_hint = "correct the settings file and run `broadcaster-station check`"


class AlreadyRunningError(StationError):
    """Another process holds the lock: two would play, or plan, everything twice."""

    exit_code = 56


class InstallError(StationError):
    """The box could not be set up or taken down. What was done already is found done by the next try."""

    exit_code = 58
    default_hint = "put right what is named and run the command again"


class RecordError(BroadcasterError):
    """The centre's record or a document cannot be read or written."""

    exit_code = 60


class RecordBusyError(RecordError):
    """The database stayed locked by another process."""

    exit_code = 61
    is_retryable = True


class RecordVersionError(RecordError):
    """The database was written by a newer release."""

    exit_code = 62
    default_hint = "update broadcaster; nothing was changed"


class DocumentError(RecordError):
    """A plan, journal, receipt or status document does not have the agreed form."""

    exit_code = 63


class BrokenChainError(DocumentError):
    """A chained log has a gap, an edit or a reordering."""

    exit_code = 64

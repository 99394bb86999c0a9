"""ID3v2.3 tags in UTF-16, the form that every player in the field reads; no ID3v1, which loses Vietnamese letters.

Source: id3.org, ID3 tag version 2.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mutagen import MutagenError, PaddingInfo
from mutagen.id3 import COMM, ID3, TALB, TDAT, TIT2, TLEN, TPE1, TXXX, TYER, Encoding

from broadcaster.core.errors import TagError
from broadcaster.core.ids import compose
from broadcaster.core.model import LoudnessReading, TagSet

_TEXT_FRAMES = {"TIT2": TIT2, "TPE1": TPE1, "TALB": TALB, "TYER": TYER, "TDAT": TDAT, "TLEN": TLEN}
_COMMENT = "COMM::vie"


def plan_tags(tags: TagSet, duration_ms: int, before: LoudnessReading, after: LoudnessReading) -> dict[str, str]:
    """Choose what a master's tag says: frame name to text in NFC. Empty fields are left out. Pure.

    The comment names centre, column and date in one line for a person at a player; the TXXX frames keep what a program
    may want.
    """
    day = tags.on.strftime("%d/%m/%Y")
    fields = {
        "TIT2": tags.title,
        "TPE1": tags.centre,
        "TALB": tags.column,
        "TYER": f"{tags.on.year:04d}",
        "TDAT": tags.on.strftime("%d%m"),
        "TLEN": str(duration_ms),
        _COMMENT: " · ".join(part for part in (tags.centre, tags.column, day) if part),
        "TXXX:PROGRAMME_ID": tags.programme,
        "TXXX:CAMPAIGN": tags.campaign,
        "TXXX:LANGUAGE": tags.language,
        "TXXX:LOUDNESS_BEFORE": f"{before.integrated_lufs:.2f} LUFS",
        "TXXX:LOUDNESS_AFTER": f"{after.integrated_lufs:.2f} LUFS",
        "TXXX:TRUE_PEAK_BEFORE": f"{before.true_peak_dbtp:.2f} dBTP",
        "TXXX:TRUE_PEAK_AFTER": f"{after.true_peak_dbtp:.2f} dBTP",
    }
    return {name: composed for name, text in fields.items() if (composed := compose(text))}


def write_tags(path: Path, fields: Mapping[str, str]) -> None:
    """Put a tag of exactly these fields at the start of an MP3, drop any other, and read it back.

    Raises:
        TagError: It could not be written, or reads back otherwise.
    """
    tag = ID3()
    for name, text in fields.items():
        if name == _COMMENT:
            tag.add(COMM(encoding=Encoding.UTF16, lang="vie", desc="", text=[text]))
        elif name.startswith("TXXX:"):
            tag.add(TXXX(encoding=Encoding.UTF16, desc=name.removeprefix("TXXX:"), text=[text]))
        else:
            tag.add(_TEXT_FRAMES[name](encoding=Encoding.UTF16, text=[text]))
    try:
        tag.save(path, v1=0, v2_version=3, padding=_choose_no_padding)
    except (MutagenError, OSError) as error:
        raise TagError(f"tags cannot be written: {error}") from error
    found = read_tags(path)
    if found != fields:
        wrong = ", ".join(sorted(name for name in {*found, *fields} if found.get(name) != fields.get(name)))
        raise TagError(f"tags read back otherwise than written: {wrong}")


def read_tags(path: Path) -> dict[str, str]:
    """Read a master's tag: frame name to text.

    Raises:
        TagError: The file has no ID3 tag or it cannot be read.
    """
    try:
        tag = ID3(path, translate=False)
    except (MutagenError, OSError) as error:
        raise TagError(f"{path} has no tags that can be read: {error}") from error
    return {name: str(frame) for name, frame in tag.items()}


def _choose_no_padding(_info: PaddingInfo) -> int:
    return 0  # a master is never tagged again

"""The sample recordings that the demo plays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of audio/ and what the demo says of it. `column` None makes it an ident."""

    file_name: str
    id: str
    title: str
    column: str | None


RECORDINGS = (Recording("dai-hieu.wav", "dai-hieu", "Đài hiệu Triệu Sơn", None),)

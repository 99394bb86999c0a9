"""Identifiers with types of their own, and the rules their spelling obeys."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import NewType

StationId = NewType("StationId", str)
ProgrammeId = NewType("ProgrammeId", str)
ColumnId = NewType("ColumnId", str)
CampaignId = NewType("CampaignId", str)
SlotId = NewType("SlotId", str)
AiringId = NewType("AiringId", str)
Sha256 = NewType("Sha256", str)
LogId = NewType("LogId", str)

ID_RULE = "small letters a-z, digits and single hyphens, 1 to 60 characters"
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_id(text: str) -> bool:
    """Tell whether a text may name a station, programme, column, campaign or slot.

    >>> is_id("an-nong"), is_id("An Nông"), is_id("-x")
    (True, False, False)
    """
    return len(text) <= 60 and _ID.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 in small hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def plan_id(title: str) -> str:
    """Make an identifier from a Vietnamese title: no diacritics, hyphens between words.

    Returns:
        The identifier; "" when the title holds no letter or digit.

    >>> plan_id("Chuyển đổi số: vì sao?")
    'chuyen-doi-so-vi-sao'
    """
    bare = unicodedata.normalize("NFD", title.casefold().replace("đ", "d"))
    ascii_only = "".join(c for c in bare if not unicodedata.combining(c))
    return "-".join(re.findall(r"[a-z0-9]+", ascii_only))[:60].strip("-")


def compose(text: str) -> str:
    """Bring a text to NFC with single spaces, the one form in which titles are kept, compared and tagged.

    >>> compose("An No\\u0302ng ") == "An N\\u00f4ng"
    True
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def choose_nearest(name: str, names: Iterable[str]) -> str | None:
    """Choose the existing name that a misspelt one most likely meant; None when nothing is near.

    >>> choose_nearest("Xã Thọ Dân", ["tho-dan", "dan-ly"])
    'tho-dan'
    """
    bare = {plan_id(known): known for known in names}
    known = list(bare.values())
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    meant = near or [bare[one] for one in difflib.get_close_matches(plan_id(name), bare, n=1, cutoff=0.6)]
    return meant[0] if meant else None


def suggest_nearest(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """Say which existing name a misspelt one most likely meant, as a hint; `otherwise` when nothing is near.

    >>> suggest_nearest("an-nog", ["an-nong", "dan-ly"], "schedules/stations.yaml lists all")
    "did you mean 'an-nong'?"
    """
    near = choose_nearest(name, names)
    return f"did you mean {near!r}?" if near else otherwise

"""Room on the box's disk: what is no longer planned goes, oldest first, and never what is next."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broadcaster.core.files import hash_bytes
from broadcaster.wire.receipt import Verdict
from tests.station_box import make_plan
from tests.system.test_station_receive import TODAY, Inbox
from tests.unit.makers import START, make_airing

OLD, OLDER, NEXT = b"o" * 100, b"p" * 100, b"n" * 100


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """Give a box that holds an old, an older and a planned master, on a disk with room for 350 bytes of masters."""
    inbox = Inbox(tmp_path / "box")
    for age_days, data in ((9, NEXT), (5, OLDER), (3, OLD)):
        path = inbox.box.library / f"{hash_bytes(data)}.mp3"
        path.write_bytes(data)
        came_at = (START - timedelta(days=age_days)).timestamp()
        os.utime(path, (came_at, came_at))
    inbox.box.send_plan(make_plan(TODAY, [replace(make_airing("a"), sha256=hash_bytes(NEXT))]))
    inbox.receive()

    def count_free_bytes() -> int:
        return 350 - sum(path.stat().st_size for path in inbox.box.library.glob("*.mp3"))

    monkeypatch.setattr(inbox.library, "free_bytes", count_free_bytes)
    return inbox


def test_oldest_unplanned_master_makes_room_and_has_a_receipt(inbox: Inbox) -> None:
    name = inbox.box.send_bytes(b"x" * 100)
    removed, came = inbox.receive()
    assert (removed.verdict, removed.sha256, removed.reason) == (
        Verdict.REMOVED, hash_bytes(OLDER), "no longer planned",
    )  # fmt: skip
    assert (came.verdict, came.name) == (Verdict.VERIFIED, name)
    assert inbox.library.list_masters() == {hash_bytes(OLD), hash_bytes(NEXT), hash_bytes(b"x" * 100)}


def test_planned_and_new_masters_stay_and_what_does_not_fit_is_refused(inbox: Inbox) -> None:
    inbox.box.send_bytes(b"x" * 300)
    *removed, refused = inbox.receive()
    assert [receipt.sha256 for receipt in removed] == [hash_bytes(OLDER), hash_bytes(OLD)]
    assert (refused.verdict, refused.reason) == (Verdict.REFUSED, "disk full")
    assert inbox.library.list_masters() == {hash_bytes(NEXT)}


def test_clock_far_ahead_does_not_cost_what_is_next(inbox: Inbox) -> None:
    inbox.clock.at = START + timedelta(days=400)
    assert hash_bytes(NEXT) not in inbox.library.list_removable(inbox.clock.at)


def test_master_that_came_lately_waits_for_its_plan(inbox: Inbox) -> None:
    assert inbox.library.list_removable(START - timedelta(days=2)) == [hash_bytes(OLDER)]

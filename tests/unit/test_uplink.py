from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest

from broadcaster.centre.traffic import Traffic, hold_emergency
from broadcaster.core.errors import GaveWayError
from broadcaster.link.uplink import BURST_S, Uplink


def test_all_senders_together_wait_their_turn(tmp_path: Path) -> None:
    one, other = Uplink(tmp_path / "uplink"), Uplink(tmp_path / "uplink")  # as two processes would
    waits_s = [sender.reserve_s(1000, 1000) for sender in (one, other, one, other)]
    assert waits_s[0] == 0.0
    for n, wait_s in enumerate(waits_s[1:], 1):
        assert n - 1 < wait_s <= n - BURST_S + 0.001


def test_a_free_uplink_does_not_save_up_for_later(tmp_path: Path) -> None:
    path = tmp_path / "uplink"
    path.write_bytes(struct.pack("d", 0.0))  # free since the machine was started
    uplink = Uplink(path)
    uplink.reserve_s(1000, 1000)
    assert uplink.reserve_s(1000, 1000) > 0.5


@pytest.mark.parametrize("kept", [b"", b"abc", struct.pack("d", 1e12), struct.pack("d", float("nan"))])
def test_what_an_earlier_start_of_the_machine_left_is_not_believed(tmp_path: Path, kept: bytes) -> None:
    path = tmp_path / "uplink"
    path.write_bytes(kept)
    assert Uplink(path).reserve_s(1000, 1000) == 0.0


def test_transfers_give_way_as_long_as_any_emergency_lasts(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, lambda: None)
    traffic.pace(100_000)
    with hold_emergency(tmp_path):
        with hold_emergency(tmp_path), pytest.raises(GaveWayError, match="emergency"):
            Traffic(tmp_path, lambda: None).pace(1)
        with pytest.raises(GaveWayError, match="emergency"):
            Traffic(tmp_path, lambda: None).pace(1)
    Traffic(tmp_path, lambda: None).pace(1)


def test_looking_from_many_threads_never_sees_an_emergency_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "emergency.lock").touch()
    seen: list[bool] = []

    def look() -> None:
        seen.extend(Traffic(tmp_path, lambda: None).is_free() for _ in range(50))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seen)


def test_a_stopping_centre_ends_transfers_also_while_they_wait_for_the_uplink(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, lambda: 1.0)
    Uplink(tmp_path / "uplink").reserve_s(500, 1.0)
    threading.Timer(0.05, traffic.stop).start()
    with pytest.raises(GaveWayError, match="being stopped"):
        traffic.pace(2000)

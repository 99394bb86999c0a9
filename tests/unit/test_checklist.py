"""The checklist of a new box says what holds for it, and nothing that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broadcaster.centre.checklist import CHECKLISTS
from broadcaster.core.ids import StationId
from broadcaster.wire.enrolment import Enrolment, TunnelEnd

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMKbbRLDqUfrSTQ8SDsk28D7zwPN4SirIvFzksnUdih/"
PLAIN = Enrolment(StationId("an-nong"), "Xã An Nông", "Trung tâm", "Asia/Ho_Chi_Minh", "centre", KEY, None)
TUNNELLED = replace(PLAIN, tunnel=TunnelEnd("centre.example.vn", 22, "broadcaster-tunnel", KEY, 22001))


@pytest.mark.parametrize("language", sorted(CHECKLISTS))
def test_a_box_with_a_tunnel_hears_of_it_and_another_of_its_address_and_of_sticks(language: str) -> None:
    plain, tunnelled = CHECKLISTS[language](PLAIN), CHECKLISTS[language](TUNNELLED)
    assert "`tunnel`" in tunnelled
    assert "centre.example.vn" in tunnelled
    assert "tunnel" not in plain
    assert "`host`" in plain
    assert "broadcaster usb export" in plain
    assert "`host`" not in tunnelled
    assert [line for line in plain.splitlines() if line.startswith("[ ]")][1:] == [
        line for line in tunnelled.splitlines() if line.startswith("[ ]")
    ][1:]

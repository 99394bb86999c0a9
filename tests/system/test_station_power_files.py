"""The power goes at a random write, 240 times: no half file, no lost or doubled line, the next slot plays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from broadcaster.core.files import hash_bytes, hash_file
from broadcaster.core.model import Airing, StartRule
from broadcaster.station.journal import Journal
from broadcaster.station.library import Library
from broadcaster.station.logbook import ChainedLog, read_log_id
from broadcaster.station.playout import Playout
from broadcaster.station.receive import Receiver
from broadcaster.wire.journal import Ending, Happening
from broadcaster.wire.receipt import FILE_NAME, Verdict
from tests.power import PowerCutError, PowerSwitch
from tests.station_box import AN_NONG, StationBox, make_plan
from tests.station_simulator import FakeClock, SimulatedPlayer
from tests.system.test_station_day import MINUTE
from tests.system.test_station_orders import ORDER, send_order
from tests.unit.makers import START, make_airing

CUTS = 240
SIREN = b"siren" * 500
BEGIN_AT = START - MINUTE / 2
REVISION_2_AT = START + timedelta(seconds=20)
ORDER_AT = START + timedelta(seconds=70)
NEXT_AT = START + 5 * MINUTE
END_AT = START + 6 * MINUTE


@dataclass
class Station:
    """A whole agent without its threads: it receives and plays by a clock that stands while nothing waits."""

    box: StationBox
    switch: PowerSwitch
    clock: FakeClock = field(default_factory=lambda: FakeClock(BEGIN_AT))
    sent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.player = SimulatedPlayer(self.clock, lengths_ms={hash_bytes(SIREN): ORDER.duration_ms})
        first = make_airing("1", START, 40_000)
        second = replace(make_airing("2", START + timedelta(seconds=40), 90_000), start_rule=StartRule.AFTER)
        self.airings = [self._make_master(one) for one in (first, second, make_airing("next", NEXT_AT, 30_000))]

    def _make_master(self, airing: Airing) -> Airing:
        data = _make_bytes(airing)
        self.player.lengths_ms[hash_bytes(data)] = airing.duration_ms
        return replace(airing, sha256=hash_bytes(data), size_bytes=len(data))

    def send(self) -> None:
        """Send what the centre sends at its time, once; the switch does not watch what others write."""
        due = {"plan": BEGIN_AT, "revision": REVISION_2_AT, "order": ORDER_AT}
        for what in [name for name, at in due.items() if self.clock.at >= at and name not in self.sent]:
            self.sent.add(what)
            was, self.switch.is_watching = self.switch.is_watching, False
            if what == "order":
                self.box.send_bytes(SIREN)
                order = replace(ORDER, sha256=hash_bytes(SIREN), issued_at=ORDER_AT, size_bytes=len(SIREN))
                send_order(self.box, order)
            else:
                self.box.send_plan(make_plan(START.date(), self.airings, revision=1 if what == "plan" else 2))
                for airing in self.airings if what == "plan" else ():
                    self.box.send_bytes(_make_bytes(airing))
            self.switch.trust(self.box.inbox)
            self.switch.is_watching = was

    def run(self, until_at: datetime) -> None:
        """Boot and run; the boot too may be cut off."""
        box = self.box
        library = Library(box.library, box.key_line, AN_NONG)
        library.open()
        receipts_path = box.outbox / FILE_NAME
        has_begun = receipts_path.exists() or any(box.outbox.glob("journal-*"))
        log = read_log_id(box.library, has_begun=has_begun)
        receipts = ChainedLog(log, [receipts_path] if receipts_path.exists() else [], box.library / "torn-lines")
        journal = Journal(box.outbox, log, box.library)
        receiver = Receiver(box.inbox, box.outbox, library, receipts, self.clock, 0)
        playout = Playout(library, journal, self.player, box.make_settings(), self.clock)
        playout.recover()
        while self.clock.at < until_at:
            self.send()
            receiver.receive_all()
            self.clock.sleep_s(max(0.25, playout.step()))


def _make_bytes(airing: Airing) -> bytes:
    return airing.id.encode() * 5000


def read_safe_lines(box: StationBox) -> list[bytes]:
    """Read the whole lines of the diary as they lie there."""
    data = b"".join(path.read_bytes() for path in sorted(box.outbox.glob("journal-*")))
    return data[: data.rfind(b"\n") + 1].splitlines()


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Count the operations of a day on which nothing happens."""
    station = make_station(tmp_path_factory.mktemp("whole"), 0)
    with pytest.MonkeyPatch.context() as patch:
        station.switch.watch(patch)
        station.run(END_AT)
    station.switch.is_watching = False
    ends = [line for line in station.box.read_journal() if line.happening is Happening.END]
    assert [(line.airing, line.ending) for line in ends] == [
        ("1", Ending.COMPLETE), ("2", Ending.CUT_BY_EMERGENCY), ("order-lu-quet-01", Ending.COMPLETE),
        ("2", Ending.COMPLETE), ("next", Ending.COMPLETE),
    ]  # fmt: skip
    return station.switch.done


def make_station(folder: Path, seed: int) -> Station:
    box = StationBox(folder / "box")
    return Station(box, PowerSwitch(box.folder, seed))


@pytest.mark.parametrize("seed", range(CUTS))
def test_power_cut_at_a_random_write_leaves_everything_whole(tmp_path: Path, seed: int, operations: int) -> None:
    station = make_station(tmp_path, seed)
    box, chance = station.box, np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        station.switch.watch(patch, cut_at=(seed * operations + int(chance.integers(operations))) // CUTS)
        with pytest.raises(PowerCutError):
            station.run(END_AT)
    cut_at = station.clock.at
    station.switch.come_back()
    before = read_safe_lines(box)
    station.clock.sleep_s(float(chance.uniform(1, 30)))
    station.run(max(END_AT, cut_at + 2 * MINUTE))

    for path in box.library.glob("*.mp3"):
        assert hash_file(path) == path.stem
    assert list((box.library / ".incoming").iterdir()) == []
    assert [path for path in box.inbox.iterdir() if path.suffix != ".sig"] == []  # a lone signature goes after an hour
    assert {receipt.verdict for receipt in box.read_receipts()} == {Verdict.VERIFIED}
    after = read_safe_lines(box)
    assert after[: len(before)] == before
    lines = box.read_journal()  # requires the chain to hold
    counts = Counter((line.airing, line.happening) for line in lines)
    interrupted = {line.airing for line in lines if line.ending is Ending.INTERRUPTED}
    cut = {line.airing for line in lines if line.ending is Ending.CUT_BY_EMERGENCY}
    for name in {line.airing for line in lines}:
        most = 1 + (name in interrupted and not name.startswith("order-")) + (name in cut)
        assert counts[name, Happening.START] == counts[name, Happening.END] <= most, name
    assert {"1", "2", "next", "order-lu-quet-01"} == {line.airing for line in lines}
    if cut_at < NEXT_AT - MINUTE:
        assert [line.ending for line in lines if line.airing == "next"] == [None, Ending.COMPLETE]

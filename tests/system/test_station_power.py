"""Power cuts at 200 random moments, some in the middle of a line: nothing lost, nothing doubled, the next plays."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from broadcaster.wire.journal import Ending, Happening
from tests.station_box import StationBox
from tests.system.test_station_day import MINUTE, Day
from tests.unit.makers import START, make_airing


@pytest.mark.parametrize("seed", range(200))
def test_power_cut_at_a_random_moment_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    day = Day(StationBox(tmp_path / "box"), cues_ahead=bool(seed % 2))
    airings = [day.add(make_airing(f"{n}", START + 2 * n * MINUTE)) for n in range(4)]
    cut_at = START + timedelta(seconds=float(chance.uniform(-30, 400)))
    day.run(day.boot(*airings), cut_at)
    before = [path.read_bytes() for path in sorted(day.box.outbox.glob("journal-*"))]
    if before and chance.random() < 0.5:  # the power went in the middle of the next line
        with sorted(day.box.outbox.glob("journal-*"))[-1].open("ab") as file:
            file.write(before[-1].splitlines()[-1][: int(chance.integers(1, 200))])
    day.clock.sleep_s(float(chance.uniform(1, 40)))
    day.run(day.boot(), START + 8 * MINUTE)
    after = [path.read_bytes() for path in sorted(day.box.outbox.glob("journal-*"))]
    assert b"".join(after).startswith(b"".join(before))
    lines = day.box.read_journal()  # requires the chain to hold
    counts = Counter((line.airing, line.happening) for line in lines)
    interrupted = {line.airing for line in lines if line.ending is Ending.INTERRUPTED}
    assert len(interrupted) <= 1
    for airing in airings:
        starts, ends = counts[airing.id, Happening.START], counts[airing.id, Happening.END]
        assert starts == ends <= (2 if airing.id in interrupted else 1)
        assert starts + counts[airing.id, Happening.SKIP] >= 1
    later = [airing for airing in airings if airing.start_at > cut_at + timedelta(seconds=41)]
    whole = {line.airing for line in lines if line.ending is Ending.COMPLETE}
    assert {airing.id for airing in later} <= whole

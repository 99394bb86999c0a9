"""A box for tests: its folders, its settings, and a centre that signs plans for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcaster.core.files import hash_bytes, hash_file
from broadcaster.core.ids import Sha256, StationId
from broadcaster.core.model import Airing, QuietHours
from broadcaster.core.programs import find_ffmpeg
from broadcaster.station.settings import PlayerKind, StationSettings
from broadcaster.wire.chain import ChainedLine, match_chain, read_lines
from broadcaster.wire.day_plan import DayPlan, plan_file_name, write_day_plan
from broadcaster.wire.journal import JournalEntry, read_entry
from broadcaster.wire.receipt import Receipt, read_receipt
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document, write_key_pair

AN_NONG = StationId("an-nong")
ZONE_NAME = "Asia/Ho_Chi_Minh"


def make_plan(
    on: date,
    airings: Iterable[Airing],
    *,
    revision: int = 1,
    station: StationId = AN_NONG,
    quiet_hours: tuple[QuietHours, ...] = (),
    zone: str = ZONE_NAME,
) -> DayPlan:
    return DayPlan(
        station=station,
        centre="Trung tâm Văn hóa, Thông tin huyện Triệu Sơn",
        on=on,
        zone=zone,
        revision=revision,
        published_at=datetime(2023, 10, 8, 9, 0, tzinfo=UTC),
        quiet_hours=quiet_hours,
        airings=tuple(sorted(airings, key=lambda airing: (airing.start_at, airing.id))),
    )


@dataclass
class StationBox:
    """The folders of one box and its centre's key."""

    folder: Path
    library: Path = field(init=False)
    key: Ed25519PrivateKey = field(init=False)
    key_line: str = field(init=False)

    def __post_init__(self) -> None:
        for name in ("inbox", "outbox", "library"):
            (self.folder / name).mkdir(parents=True)
        self.library = self.folder / "library"
        self.key_line = write_key_pair(self.folder / "centre_key", "centre")
        self.key = read_private_key(self.folder / "centre_key")

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def make_settings(self, *, player: PlayerKind = PlayerKind.PCM, output: str = "null") -> StationSettings:
        return StationSettings(
            path=self.folder / "station.toml",
            station=AN_NONG,
            centre_key=self.key_line,
            inbox=self.inbox,
            outbox=self.outbox,
            library=self.library,
            player=player,
            output=output,
            reserve_bytes=0,
        )

    def write_settings(self, **fields: object) -> Path:
        values: dict[str, object] = {
            "station": AN_NONG, "centre_key": self.key_line, "inbox": str(self.inbox), "outbox": str(self.outbox),
            "library": str(self.library), "player": "pcm", "output": "null", "reserve_mb": 0,
        }  # fmt: skip
        path = self.folder / "station.toml"
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in (values | fields).items()))
        return path

    def send_plan(self, plan: DayPlan, *, name: str | None = None, key: Ed25519PrivateKey | None = None) -> str:
        document = write_day_plan(plan)
        name = name or plan_file_name(plan.on, plan.revision)
        (self.inbox / f"{name}.sig").write_text(sign_document(document, key or self.key, PLAN_NAMESPACE))
        (self.inbox / name).write_bytes(document)
        return name

    def send_bytes(self, data: bytes) -> str:
        name = f"{hash_bytes(data)}.mp3"
        (self.inbox / name).write_bytes(data)
        return name

    def read_receipts(self) -> list[Receipt]:
        path = self.outbox / "receipts.jsonl"
        lines = self.read_chain([path]) if path.exists() else []
        return [read_receipt(line).receipt for line in lines]

    def read_journal(self) -> list[JournalEntry]:
        lines = self.read_chain(sorted(self.outbox.glob("journal-*.jsonl")))
        return [read_entry(line).entry for line in lines]

    def read_chain(self, paths: Iterable[Path]) -> list[ChainedLine]:
        """Read a chain and require it to hold from its first line on."""
        lines: list[ChainedLine] = []
        for path in paths:
            found, errors, covered = read_lines(path.read_bytes())
            assert errors == []
            assert covered == path.stat().st_size
            lines += found
        lines.sort(key=lambda line: line.seq)
        assert [error.message for error in match_chain(lines, None)] == []
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        return lines


def make_master(folder: Path, seconds: float, tone_hz: int = 440) -> tuple[Path, Sha256]:
    """Make a real MP3 and give it its name."""
    path = folder / f"tone-{tone_hz}-{seconds}.mp3"
    subprocess.run(
        [find_ffmpeg(), "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", f"sine={tone_hz}:r=48000:d={seconds}",
         "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "1", str(path)],
        check=True,
    )  # fmt: skip
    sha256 = hash_file(path)
    return path.rename(folder / f"{sha256}.mp3"), sha256


def make_airing_of(airing: Airing, path: Path, seconds: float) -> Airing:
    """Make an airing ask for a real file."""
    return replace(airing, sha256=hash_file(path), size_bytes=path.stat().st_size, duration_ms=round(seconds * 1000))


def start_agent(settings: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the real agent as its own process."""
    command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "run"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)


def wait_until(is_true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for another process to do something."""
    until_s = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)

"""A hostile inbox: everything is refused with a reason, nothing is overwritten, and the agent goes on."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from broadcaster.core.errors import StationDiskError
from broadcaster.core.files import hash_bytes
from broadcaster.core.ids import LogId, StationId
from broadcaster.station.library import Library
from broadcaster.station.logbook import ChainedLog
from broadcaster.station.receive import Receiver
from broadcaster.wire.day_plan import plan_file_name, write_day_plan
from broadcaster.wire.receipt import Receipt, Verdict
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document, write_key_pair
from tests.station_box import StationBox, make_plan
from tests.station_simulator import FakeClock
from tests.unit.makers import START, make_airing

TODAY = date(2023, 10, 9)
LOG = LogId("0123456789abcdef")


class Inbox:
    """A box whose receiving part runs when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.box = StationBox(folder)
        self.clock = FakeClock(START)
        self.restart()

    def restart(self) -> None:
        self.library = Library(self.box.library, self.box.key_line, StationId("an-nong"))
        self.library.open()
        receipts = self.box.outbox / "receipts.jsonl"
        log = ChainedLog(LOG, [receipts] if receipts.exists() else [], self.box.library / "torn-lines")
        self.receiver = Receiver(self.box.inbox, self.box.outbox, self.library, log, self.clock, 0)

    def receive(self) -> list[Receipt]:
        """Make two passes and give the new receipts; the second pass must have nothing to add."""
        before = len(self.box.read_receipts())
        self.receiver.receive_all()
        after = self.box.read_receipts()
        self.receiver.receive_all()
        assert self.box.read_receipts() == after
        return after[before:]

    def refuse(self) -> str:
        """Receive, require one refusal and an empty inbox, and give the reason."""
        (receipt,) = self.receive()
        assert receipt.verdict is Verdict.REFUSED
        assert list(self.box.inbox.iterdir()) == []
        return receipt.reason


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "box")


def test_master_is_filed_under_its_hash(inbox: Inbox) -> None:
    name = inbox.box.send_bytes(b"sound")
    (receipt,) = inbox.receive()
    assert receipt == Receipt(START, name, hash_bytes(b"sound"), Verdict.VERIFIED, "")
    assert (inbox.box.library / name).read_bytes() == b"sound"
    assert list(inbox.box.inbox.iterdir()) == []


def test_bytes_that_are_not_their_name_are_refused_and_held_ones_stay(inbox: Inbox) -> None:
    name = inbox.box.send_bytes(b"sound")
    inbox.receive()
    (inbox.box.inbox / name).write_bytes(b"noise")
    (receipt,) = inbox.receive()
    assert (receipt.reason, receipt.sha256) == ("its bytes are not what its name says", hash_bytes(b"noise"))
    assert (inbox.box.library / name).read_bytes() == b"sound"
    assert list((inbox.box.library / ".incoming").iterdir()) == []


def test_master_that_gave_no_sound_is_removed_when_its_bytes_are_damaged_and_may_come_again(inbox: Inbox) -> None:
    names = [inbox.box.send_bytes(data) for data in (b"sound", b"music")]
    inbox.receive()
    (inbox.box.library / names[0]).write_bytes(b"sounX")
    inbox.library.doubted |= {hash_bytes(b"sound"), hash_bytes(b"music")}
    (receipt,) = inbox.receive()
    assert (receipt.name, receipt.verdict, receipt.reason) == (names[0], Verdict.REMOVED, "damaged on the box's disk")
    assert inbox.library.list_masters() == {hash_bytes(b"music")}
    assert inbox.library.doubted == set()
    inbox.box.send_bytes(b"sound")
    assert inbox.receive()[0].verdict is Verdict.VERIFIED


def test_writer_that_holds_the_file_open_cannot_change_the_library(inbox: Inbox) -> None:
    name = inbox.box.send_bytes(b"sound")
    with (inbox.box.inbox / name).open("r+b") as file:
        inbox.receive()
        file.write(b"noise")
    assert (inbox.box.library / name).read_bytes() == b"sound"


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path may be 107 bytes
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize("name", ["0" * 64 + ".mp3", "plan-2023-10-09.r1.json", "plan-2023-10-09.r1.json.sig", "x"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(make_link, "a symbolic link"), (os.mkfifo, "a FIFO"), (Path.mkdir, "a folder"), (make_socket, "a device or")],
)
def test_what_is_no_file_is_refused(inbox: Inbox, name: str, make: Callable[[Path], None], kind: str) -> None:
    make(inbox.box.inbox / name)
    assert inbox.refuse().startswith(kind)


def test_folder_with_something_in_it_is_told_once_and_left(inbox: Inbox) -> None:
    folder = inbox.box.inbox / "folder"
    folder.mkdir()
    (folder / "file").touch()
    assert len(inbox.receive()) == 1
    assert "stays in the inbox" in inbox.receiver.trouble
    inbox.box.send_bytes(b"sound")
    assert [receipt.verdict for receipt in inbox.receive()] == [Verdict.VERIFIED]


@pytest.mark.parametrize(
    "name",
    ["..mp3", "a.mp3", "A" * 64 + ".mp3", "plan-2023-13-01.r1.json", "plan-2023-10-09.json", ".hidden", "-rf",
     "..\\plan.json", "a\nb", "tên có dấu", "lock", "log-id"],
)  # fmt: skip
def test_names_that_nobody_agreed_on_are_refused(inbox: Inbox, name: str) -> None:
    (inbox.box.inbox / name).write_bytes(b"x")
    assert inbox.refuse() == "neither a master, a day plan nor an order by its name"


def test_name_that_is_no_text_is_refused(inbox: Inbox) -> None:
    Path(os.fsdecode(os.fsencode(inbox.box.inbox) + b"/\xff\xfe")).write_bytes(b"x")
    (receipt,) = inbox.receive()
    assert receipt.name == r"\xff\xfe"
    assert list(inbox.box.inbox.iterdir()) == []


def test_too_large_a_master_is_refused_unread(inbox: Inbox) -> None:
    with (inbox.box.inbox / ("0" * 64 + ".mp3")).open("wb") as file:
        file.truncate(10 << 30)
    assert inbox.refuse() == "larger than 1073741824 bytes"


def test_master_that_would_use_up_the_reserve_is_refused_as_disk_full(inbox: Inbox) -> None:
    inbox.receiver.reserve_bytes = 1 << 60
    inbox.box.send_bytes(b"sound")
    assert inbox.refuse() == "disk full"
    inbox.receiver.reserve_bytes = 0
    inbox.box.send_bytes(b"sound")
    assert inbox.receive()[0].verdict is Verdict.VERIFIED


def test_unfinished_files_are_left_for_a_week(inbox: Inbox) -> None:
    part = inbox.box.inbox / ("0" * 64 + ".mp3.part")
    part.write_bytes(b"so")
    os.utime(part, (START.timestamp(), START.timestamp()))
    assert inbox.receive() == []
    inbox.clock.at += timedelta(days=8)
    assert "given up" in inbox.refuse()


def test_ten_thousand_files_do_not_hold_up_a_plan_and_each_is_refused(inbox: Inbox) -> None:
    for number in range(10_000):
        (inbox.box.inbox / f"junk-{number}").touch()
    inbox.box.send_plan(make_plan(TODAY, [make_airing()]))
    inbox.receiver.receive_all()
    assert inbox.box.read_receipts()[0].verdict is Verdict.VERIFIED
    assert inbox.library.plans[TODAY].plan.revision == 1
    passes = 1
    while any(inbox.box.inbox.iterdir()):
        inbox.receiver.receive_all()
        passes += 1
    assert passes <= 51
    receipts = inbox.box.read_receipts()[1:]
    assert {receipt.name for receipt in receipts} == {f"junk-{number}" for number in range(10_000)}
    assert len(receipts) == 10_000
    assert {receipt.reason for receipt in receipts} == {"neither a master, a day plan nor an order by its name"}


def test_plans_that_wait_for_their_signatures_hold_up_neither_a_plan_nor_a_master(inbox: Inbox) -> None:
    for number in range(1, 400):
        (inbox.box.inbox / f"plan-2023-10-09.r{number}.json").write_bytes(b"{}")
        (inbox.box.inbox / f"{number:064x}.mp3.part").touch()
    inbox.box.send_plan(make_plan(TODAY, [make_airing()], revision=999))
    name = inbox.box.send_bytes(b"sound")
    assert [receipt.name for receipt in inbox.receive()] == ["plan-2023-10-09.r999.json", name]


def test_plan_is_taken_into_use_and_a_newer_one_after_it(inbox: Inbox) -> None:
    for revision in (1, 2):
        name = inbox.box.send_plan(make_plan(TODAY, [make_airing()], revision=revision))
        (receipt,) = inbox.receive()
        assert (receipt.name, receipt.verdict) == (name, Verdict.VERIFIED)
        assert inbox.library.plans[TODAY].plan.revision == revision
    assert sorted(path.name for path in inbox.library.plans_folder.iterdir()) == [name, f"{name}.sig"]
    assert list(inbox.box.inbox.iterdir()) == []


def test_same_plan_again_is_verified_again(inbox: Inbox) -> None:
    plan = make_plan(TODAY, [make_airing()])
    for _ in range(2):
        inbox.box.send_plan(plan)
        assert inbox.receive()[0].verdict is Verdict.VERIFIED


def test_older_revision_is_refused(inbox: Inbox) -> None:
    inbox.box.send_plan(make_plan(TODAY, [make_airing()], revision=2))
    inbox.receive()
    inbox.box.send_plan(make_plan(TODAY, [], revision=1))
    assert inbox.refuse() == "older revision: 2 is held"
    inbox.box.send_plan(make_plan(TODAY, [], revision=2))
    assert inbox.refuse() == "revision 2 is held already, with other contents"
    assert len(inbox.library.plans[TODAY].plan.airings) == 1


def test_replayed_plan_of_a_past_day_is_refused(inbox: Inbox) -> None:
    inbox.box.send_plan(make_plan(date(2023, 10, 1), [make_airing()]))
    assert inbox.refuse() == "its day is over: today is 2023-10-09 by this box's clock"


def test_plan_for_another_station_is_refused(inbox: Inbox) -> None:
    inbox.box.send_plan(make_plan(TODAY, [make_airing()], station=StationId("binh-son")))
    assert inbox.refuse() == "a plan for another station (binh-son)"


def test_plan_signed_by_another_key_is_refused(inbox: Inbox, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "other", "other")
    inbox.box.send_plan(make_plan(TODAY, [make_airing()]), key=read_private_key(tmp_path / "other"))
    assert inbox.refuse() == "signed with a key that is not this station's centre"


def test_plan_signed_for_another_purpose_is_refused(inbox: Inbox) -> None:
    document = write_day_plan(make_plan(TODAY, []))
    name = plan_file_name(TODAY, 1)
    (inbox.box.inbox / f"{name}.sig").write_text(sign_document(document, inbox.box.key, "file"))
    (inbox.box.inbox / name).write_bytes(document)
    assert inbox.refuse() == "the signature was made for another purpose"


def test_plan_changed_after_signing_is_refused(inbox: Inbox) -> None:
    name = inbox.box.send_plan(make_plan(TODAY, [make_airing()]))
    path = inbox.box.inbox / name
    path.write_bytes(path.read_bytes().replace(b'"volume": 100', b'"volume": 130'))
    assert inbox.refuse() == "the document was changed after it was signed"


@pytest.mark.parametrize("signature", [b"", b"\xff\xff", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n", b"x" * 100_000])
def test_damaged_signature_is_refused(inbox: Inbox, signature: bytes) -> None:
    name = inbox.box.send_plan(make_plan(TODAY, []))
    (inbox.box.inbox / f"{name}.sig").write_bytes(signature)
    inbox.refuse()
    assert inbox.library.plans == {}


def test_signed_plan_under_another_name_is_refused(inbox: Inbox) -> None:
    plan = make_plan(TODAY, [make_airing()])
    inbox.box.send_plan(plan, name="plan-2023-10-09.r7.json")
    assert inbox.refuse() == "the plan inside is plan-2023-10-09.r1.json"
    inbox.box.send_plan(plan, name="plan-2023-10-10.r1.json")
    assert inbox.refuse() == "the plan inside is plan-2023-10-09.r1.json"


def test_signed_document_that_is_no_plan_is_refused(inbox: Inbox) -> None:
    document = b"[]"
    name = plan_file_name(TODAY, 1)
    (inbox.box.inbox / f"{name}.sig").write_text(sign_document(document, inbox.box.key, PLAN_NAMESPACE))
    (inbox.box.inbox / name).write_bytes(document)
    assert inbox.refuse() == "the day plan is not a JSON object"


def test_plan_with_a_title_that_is_no_text_or_an_id_twice_is_refused(inbox: Inbox) -> None:
    document = write_day_plan(make_plan(TODAY, [make_airing()])).replace(b'"title": "Tin"', rb'"title": "\ud800"')
    name = plan_file_name(TODAY, 1)
    (inbox.box.inbox / f"{name}.sig").write_text(sign_document(document, inbox.box.key, PLAN_NAMESPACE))
    (inbox.box.inbox / name).write_bytes(document)
    assert inbox.refuse() == "a title in the plan is no valid text"
    later = replace(make_airing(), start_at=START + timedelta(hours=1))
    inbox.box.send_plan(make_plan(TODAY, [make_airing(), later]))
    assert inbox.refuse() == "two airings in the plan bear the same id"


def test_plan_without_signature_waits_a_minute(inbox: Inbox) -> None:
    name = inbox.box.send_plan(make_plan(TODAY, []))
    signature = inbox.box.inbox / f"{name}.sig"
    held_back = signature.read_bytes()
    signature.unlink()
    assert inbox.receive() == []
    inbox.clock.at += timedelta(seconds=59)
    assert inbox.receive() == []
    signature.write_bytes(held_back)
    assert inbox.receive()[0].verdict is Verdict.VERIFIED
    inbox.box.send_plan(make_plan(TODAY, [], revision=2))
    (inbox.box.inbox / "plan-2023-10-09.r2.json.sig").unlink()
    assert inbox.receive() == []
    inbox.clock.at += timedelta(seconds=61)
    assert inbox.refuse() == "no signature came with it"


def test_lone_signature_is_refused_after_an_hour(inbox: Inbox) -> None:
    (inbox.box.inbox / "plan-2023-10-09.r1.json.sig").write_text("x")
    assert inbox.receive() == []
    inbox.clock.at += timedelta(hours=2)
    assert inbox.refuse() == "a signature without its document"


def test_plan_changed_on_the_boxs_own_disk_is_not_played(inbox: Inbox) -> None:
    name = inbox.box.send_plan(make_plan(TODAY, [make_airing()]))
    inbox.receive()
    path = inbox.library.plans_folder / name
    path.write_bytes(path.read_bytes().replace(b"an-nong", b"an-nonh"))
    inbox.restart()
    assert inbox.library.plans == {}
    assert "is not played" in inbox.library.troubles[0]


def test_power_cut_while_filing_leaves_the_plan_before(inbox: Inbox) -> None:
    inbox.box.send_plan(make_plan(TODAY, [make_airing()]))
    inbox.receive()
    (inbox.library.plans_folder / "plan-2023-10-09.r2.json.sig").write_text("the signature alone was written")
    inbox.restart()
    assert inbox.library.plans[TODAY].plan.revision == 1


def test_power_cut_between_filing_and_receipt_ends_with_a_receipt(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = inbox.box.send_bytes(b"sound")

    def lose_power(path: Path, fields: dict[str, object]) -> None:
        raise StationDiskError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(inbox.receiver.receipts, "append", lose_power)
        with pytest.raises(StationDiskError):
            inbox.receiver.receive_all()
    assert (inbox.box.library / name).exists()
    assert (inbox.box.inbox / name).exists()
    inbox.restart()
    assert [receipt.verdict for receipt in inbox.receive()] == [Verdict.VERIFIED]

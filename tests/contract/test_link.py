"""What the link promises of a station, over every SFTP server that it may find there, and over a stick."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from broadcaster.core.errors import (
    CentreKeyError,
    HostKeyChangedError,
    LoginRefusedError,
    NotEnrolledError,
    ProgrammeFileError,
    StationFolderError,
    UnreachableError,
)
from broadcaster.core.ids import StationId
from broadcaster.demo.embedded import start_embedded
from broadcaster.demo.openssh import start_sshd
from broadcaster.link.line import find_congestion_trouble
from broadcaster.link.session import StationSession, open_session
from broadcaster.link.sftp import BLOCK_BYTES, POSIX_RENAME, SftpClient
from broadcaster.link.stick import open_stick
from broadcaster.link.transfer import (
    list_folder,
    measure_clock_offset_s,
    read_each,
    read_from,
    remove,
    send_bytes,
    send_file,
    stat_size,
)
from broadcaster.wire.signature import write_key_pair
from tests.relay import open_line
from tests.sshd import Box, StartServer, make_bytes, open_box
from tests.turns import count_turns

ECDSA_LINE = (
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDzcV2ymtHf12b0BzZBOFuEGJeWxVlyzLRVRzIyoSvlZ"
    "dqJQRVbHsvdYxhJN8AwTkGtDq6Zf7gSgYRYRwYZCxMM="
)
SIZE_BYTES = 12_000_001


@dataclass(frozen=True)
class Carrier:
    """What carries files to a station and from it: its folder as it lies on this disk, and how a session is opened."""

    folder: Path
    open: Callable[[], AbstractContextManager[StationSession]]

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def list_inbox(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())


@pytest.fixture(scope="module", params=[start_sshd, start_embedded], ids=["openssh", "embedded"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    start: StartServer = request.param
    with open_box(tmp_path_factory.mktemp("link"), start=start) as box:
        yield box


@pytest.fixture(scope="module", params=[start_sshd, start_embedded, None], ids=["openssh", "embedded", "stick"])
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    place = tmp_path_factory.mktemp("link")
    start: StartServer | None = request.param
    if start is None:
        folder = place / "station-an-nong"
        folder.mkdir()
        yield Carrier(folder, lambda: open_stick(place, StationId("an-nong")))
        return
    with open_box(place, start=start) as box:
        yield Carrier(box.folder, lambda: open_session(box.address, box.key))


@pytest.fixture
def box(carrier: Carrier) -> Carrier:
    for folder in (carrier.inbox, carrier.outbox):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    return carrier


@pytest.fixture
def session(box: Carrier) -> Iterator[StationSession]:
    with box.open() as session:
        yield session


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("masters") / "master.mp3"
    path.write_bytes(make_bytes(SIZE_BYTES, seed=7))
    return path


def test_a_sent_file_arrives_whole_and_leaves_no_part(session: StationSession, box: Carrier, master: Path) -> None:
    seen: list[int] = []
    sent = send_file(session, master, "a.mp3", seen.append)
    assert (sent.bytes_sent, sent.resumed_from) == (SIZE_BYTES, 0)
    assert sum(seen) == SIZE_BYTES
    assert box.list_inbox() == ["a.mp3"]
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


def test_a_file_that_is_there_is_not_sent_again(session: StationSession, master: Path) -> None:
    send_file(session, master, "a.mp3", lambda _: None)
    seen: list[int] = []
    again = send_file(session, master, "a.mp3", seen.append)
    assert (again.bytes_sent, again.resumed_from) == (0, SIZE_BYTES)
    assert seen == [SIZE_BYTES]


def test_round_trips_are_few_on_a_far_line(server: Box, tmp_path: Path) -> None:
    source = tmp_path / "small.mp3"
    source.write_bytes(make_bytes(10_000, seed=3))
    with open_session(server.address, server.key) as session:
        counter = count_turns(session)
        send_file(session, source, "turns.mp3", lambda _: None)
        assert counter.turns == 3  # what is there and the handle, the writing, the name
        counter = count_turns(session)
        send_file(session, source, "turns.mp3", lambda _: None)
        assert counter.turns == 1
        counter = count_turns(session)
        offsets = {"inbox/turns.mp3": 0, "inbox/none.mp3": 0, "inbox/../inbox/turns.mp3": 9_000}
        assert list(read_each(session, offsets).values()) == [source.read_bytes(), b"", source.read_bytes()[9_000:]]
        assert counter.turns == 2
        remove(session, "inbox/turns.mp3")
        assert [file.name for file in list_folder(session, "inbox") if file.name.startswith("turns")] == []


def test_a_session_and_a_first_question_take_few_round_trips(server: Box) -> None:
    def count() -> int:
        with open_line(server.address.port, delay_s=0.3) as line:
            with open_session(replace(server.address, port=line.port), server.key) as session:
                list_folder(session, "inbox")
            return line.turns

    # Algorithms, keys, login, channel, subsystem, greeting with the opening of the folder, its names. A busy machine
    # may tear apart what goes out together.
    assert any(count() <= 7 for _ in range(3))


def test_a_file_of_the_wrong_size_is_replaced(session: StationSession, box: Carrier, master: Path) -> None:
    (box.inbox / "a.mp3").write_bytes(b"short")
    send_file(session, master, "a.mp3", lambda _: None)
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


def test_an_empty_file_and_one_of_one_byte_can_be_sent(session: StationSession, box: Carrier, tmp_path: Path) -> None:
    for size in (0, 1):
        source = tmp_path / f"{size}.mp3"
        source.write_bytes(b"x" * size)
        send_file(session, source, source.name, lambda _: None)
        assert (box.inbox / source.name).read_bytes() == source.read_bytes()


def test_a_part_is_resumed_where_it_ends(session: StationSession, box: Carrier, master: Path) -> None:
    held = 9_000_000
    (box.inbox / "a.mp3.part").write_bytes(master.read_bytes()[:held])
    sent = send_file(session, master, "a.mp3", lambda _: None)
    assert (sent.bytes_sent, sent.resumed_from) == (SIZE_BYTES - held, held)
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


def test_a_part_whose_end_is_zeros_is_taken_up_before_them(session: StationSession, box: Carrier, master: Path) -> None:
    held = 9_000_000
    (box.inbox / "a.mp3.part").write_bytes(master.read_bytes()[: held - 5000] + bytes(5000))
    sent = send_file(session, master, "a.mp3", lambda _: None)
    assert 0 < sent.resumed_from < held - 5000
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


@pytest.mark.parametrize("size", [100, 9_000_000, SIZE_BYTES, SIZE_BYTES + 70_000])
def test_a_part_of_other_bytes_is_found_out_before_it_is_trusted(
    session: StationSession, box: Carrier, master: Path, size: int
) -> None:
    (box.inbox / "a.mp3.part").write_bytes(make_bytes(size, seed=8))
    sent = send_file(session, master, "a.mp3", lambda _: None)
    assert (sent.bytes_sent, sent.resumed_from) == (SIZE_BYTES, 0)
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


@pytest.mark.parametrize("begins", [1_000_000, 3_000_000 - 40_000, 5_999_000])
def test_a_hole_in_the_middle_of_a_part_is_found_before_it_is_trusted(
    session: StationSession, box: Carrier, master: Path, begins: int
) -> None:
    held = 9_000_000
    data = bytearray(master.read_bytes()[:held])
    data[begins : begins + BLOCK_BYTES] = bytes(BLOCK_BYTES)
    (box.inbox / "a.mp3.part").write_bytes(data)
    sent = send_file(session, master, "a.mp3", lambda _: None)
    assert begins - BLOCK_BYTES < sent.resumed_from <= begins
    assert (box.inbox / "a.mp3").read_bytes() == master.read_bytes()


def test_looking_into_a_part_costs_a_small_share_of_its_bytes(server: Box, master: Path) -> None:
    (server.inbox / "look.mp3.part").write_bytes(master.read_bytes())
    with open_line(server.address.port) as line:
        with open_session(replace(server.address, port=line.port), server.key) as away:
            list_folder(away, "inbox")
        before_bytes = line.passed_bytes
        with open_session(replace(server.address, port=line.port), server.key) as away:
            send_file(away, master, "look.mp3", lambda _: None)
        assert line.passed_bytes - 2 * before_bytes < SIZE_BYTES * 0.015
    (server.inbox / "look.mp3").unlink()


def test_a_whole_part_only_gets_its_name(session: StationSession, box: Carrier, master: Path) -> None:
    (box.inbox / "a.mp3.part").write_bytes(master.read_bytes())
    sent = send_file(session, master, "a.mp3", lambda _: None)
    assert (sent.bytes_sent, sent.resumed_from) == (0, SIZE_BYTES)
    assert box.list_inbox() == ["a.mp3"]


def test_a_server_without_posix_rename_still_gets_the_file(server: Box, master: Path) -> None:
    with open_session(server.address, server.key) as session:
        assert isinstance(session.sftp, SftpClient)
        session.sftp.extensions.discard(POSIX_RENAME)
        (server.inbox / "a.mp3").write_bytes(b"old")
        send_file(session, master, "a.mp3", lambda _: None)
    assert (server.inbox / "a.mp3").read_bytes() == master.read_bytes()
    assert server.list_inbox() == ["a.mp3"]


def test_a_missing_source_is_the_programme_files_error(session: StationSession, tmp_path: Path) -> None:
    with pytest.raises(ProgrammeFileError):
        send_file(session, tmp_path / "gone.mp3", "gone.mp3", lambda _: None)


def test_a_document_is_sent_and_replaced_and_not_sent_twice(session: StationSession, box: Carrier) -> None:
    first = send_bytes(session, "kế hoạch một".encode(), "plan.json")
    again = send_bytes(session, "kế hoạch một".encode(), "plan.json")
    send_bytes(session, "kế hoạch hai".encode(), "plan.json")
    assert first.bytes_sent > 0
    assert again.bytes_sent == 0
    assert (box.inbox / "plan.json").read_text() == "kế hoạch hai"
    assert box.list_inbox() == ["plan.json"]


def test_a_missing_inbox_is_named(session: StationSession, box: Carrier, master: Path) -> None:
    box.inbox.rmdir()
    with pytest.raises(StationFolderError, match="an-nong: sending a\\.mp3"):
        send_file(session, master, "a.mp3", lambda _: None)


@pytest.mark.parametrize("offset", [0, 1, 32_640, 2_999_999, 3_000_000, 3_000_001])
def test_reading_starts_at_an_offset_and_ends_with_the_file(session: StationSession, box: Carrier, offset: int) -> None:
    data = make_bytes(3_000_000, seed=9)
    (box.outbox / "journal.jsonl").write_bytes(data)
    assert read_from(session, "outbox/journal.jsonl", offset) == data[offset:]


def test_reading_is_bounded(session: StationSession, box: Carrier) -> None:
    (box.outbox / "journal.jsonl").write_bytes(b"0123456789")
    assert read_from(session, "outbox/journal.jsonl", 3, limit_bytes=4) == b"3456"


def test_a_file_that_is_not_there_reads_as_nothing_and_has_no_size(session: StationSession) -> None:
    assert read_from(session, "outbox/none.jsonl", 0) == b""
    assert stat_size(session, "outbox/none.jsonl") is None


def test_a_folder_is_listed_and_files_are_removed(session: StationSession, box: Carrier) -> None:
    (box.outbox / "b").write_bytes(b"12")
    (box.outbox / "a").write_bytes(b"1")
    files = list_folder(session, "outbox")
    assert [(file.name, file.size_bytes) for file in files] == [("a", 1), ("b", 2)]
    assert abs(files[0].modified_s - time.time()) < 60
    remove(session, "outbox/a")
    remove(session, "outbox/a")
    assert [file.name for file in list_folder(session, "outbox")] == ["b"]
    with pytest.raises(StationFolderError):
        list_folder(session, "nothing")


def test_the_clock_of_a_station_on_this_machine_is_ours(server: Box) -> None:
    before = server.list_inbox()
    with open_session(server.address, server.key) as session:
        assert abs(measure_clock_offset_s(session)) < 1.5
    assert server.list_inbox() == before


def test_a_congestion_control_that_the_kernel_has_not_is_told() -> None:
    assert find_congestion_trouble(b"no-such") == "no-such is not loaded, or not in this kernel"
    (usual,) = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().split()
    assert find_congestion_trouble(usual.encode()) == ""


def test_another_host_key_is_never_accepted(server: Box, tmp_path: Path) -> None:
    other = write_key_pair(tmp_path / "other", "other")
    for line in (other, ECDSA_LINE):
        with (
            pytest.raises(HostKeyChangedError),
            open_session(replace(server.address, host_key=line), server.key),
        ):
            pass


def test_a_pinned_key_that_is_none_means_not_enrolled(server: Box) -> None:
    for line in ("", "ssh-ed25519", "ssh-ed25519 ***", "no-key AAAA"):
        with pytest.raises(NotEnrolledError), open_session(replace(server.address, host_key=line), server.key):
            pass


def test_a_key_that_the_station_does_not_know_is_refused(server: Box, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "stranger", "stranger")
    with pytest.raises(LoginRefusedError, match="an-nong"), open_session(server.address, tmp_path / "stranger"):
        pass


def test_a_key_open_to_others_is_not_used(server: Box, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(server.key.read_bytes())
    key.chmod(0o644)
    with pytest.raises(CentreKeyError), open_session(server.address, key):
        pass


def test_a_stopped_server_is_unreachable(tmp_path: Path, server: Box) -> None:
    start = start_embedded if server.address.user == "centre" else start_sshd
    with open_box(tmp_path, start=start) as box:
        pass
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1"), open_session(box.address, box.key):
        pass

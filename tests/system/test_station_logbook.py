"""Chained logs on a real disk: torn lines, full disks, new boxes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from broadcaster.core.errors import StationDiskError
from broadcaster.core.ids import LogId
from broadcaster.station.logbook import ChainedLog, read_log_id
from broadcaster.wire.chain import match_chain, read_lines

LOG = LogId("0123456789abcdef")


def open_log(folder: Path) -> ChainedLog:
    return ChainedLog(LOG, folder.glob("journal-*"), folder / "torn")


def read_seqs(folder: Path) -> list[int]:
    lines = [line for path in folder.glob("journal-*") for line in read_lines(path.read_bytes())[0]]
    lines.sort(key=lambda line: line.seq)
    assert list(match_chain(lines, None)) == []
    return [line.seq for line in lines]


def test_chain_runs_on_over_files_and_restarts_and_a_clock_set_back(tmp_path: Path) -> None:
    for day in ("09", "10", "08", "10"):
        log = open_log(tmp_path)
        log.append(tmp_path / f"journal-2023-10-{day}.jsonl", {"day": day})
        log.append(tmp_path / f"journal-2023-10-{day}.jsonl", {"day": day})
    assert read_seqs(tmp_path) == list(range(1, 9))


@pytest.mark.parametrize("torn", [b'{"log":"0123', b"\0" * 300, b"\xff"])
def test_torn_last_line_is_put_aside_and_the_chain_goes_on(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal-2023-10-09.jsonl"
    open_log(tmp_path).append(path, {"n": 1})
    with path.open("ab") as file:
        file.write(torn)
    log = open_log(tmp_path)
    assert log.troubles == [f"{path.name}: a torn last line of {len(torn)} bytes was set aside"]
    log.append(path, {"n": 2})
    assert read_seqs(tmp_path) == [1, 2]
    assert torn in (tmp_path / "torn").read_bytes()


def test_every_cut_through_the_last_line_leaves_a_chain_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "journal-2023-10-09.jsonl"
    log = open_log(tmp_path)
    for n in range(3):
        log.append(path, {"title": f"Thời sự {n}"})
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        log = open_log(tmp_path)
        log.append(path, {"title": "after"})
        assert read_seqs(tmp_path) == list(range(1, whole[:length].count(b"\n") + 2))


def test_line_that_nobody_can_read_is_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal-2023-10-09.jsonl"
    open_log(tmp_path).append(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b"damaged\n")
    log = open_log(tmp_path)
    assert "cannot be read" in log.troubles[0]
    log.append(path, {"n": 3})
    assert [line.seq for line in read_lines(path.read_bytes())[0]] == [1, 3]
    assert b"damaged\n" in path.read_bytes()


def test_refused_line_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal-2023-10-09.jsonl"
    log = open_log(tmp_path)
    log.append(path, {"n": 1})
    before = path.read_bytes()
    write = os.write

    def write_half(handle: int, data: bytes) -> int:
        return write(handle, data[: len(data) // 2])

    def refuse_sync(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for name, double in (("write", write_half), ("fsync", refuse_sync)):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, double)
            with pytest.raises(StationDiskError):
                log.append(path, {"n": 2})
        assert path.read_bytes() == before
    log.append(path, {"n": 2})
    assert read_seqs(tmp_path) == [1, 2]


def test_log_id_stays_with_its_logs_and_a_new_log_gets_a_new_one(tmp_path: Path) -> None:
    first = read_log_id(tmp_path, has_begun=False)
    assert len(first) == 16
    assert read_log_id(tmp_path, has_begun=True) == first
    assert read_log_id(tmp_path, has_begun=False) != first
    (tmp_path / "log-id").write_text("")
    assert len(read_log_id(tmp_path, has_begun=True)) == 16

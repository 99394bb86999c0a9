"""The technician's commands as a technician runs them: processes, exit codes, what is said on errors."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broadcaster.centre import check
from broadcaster.centre.workspace import Workspace, init_workspace
from broadcaster.core.files import hold_lock
from broadcaster.demo.server import choose_port
from broadcaster.link.line import find_congestion_trouble
from broadcaster.wire.signature import write_key_pair
from tests.sshd import Box, open_box

AUDIO = Path(__file__).parents[2] / "audio"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "Đài Triệu Sơn"
    init_workspace(root)
    return root


@pytest.fixture
def run(workspace: Path) -> Command:
    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "broadcaster.cli.main", "--workspace", str(workspace), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def read_json(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found = json.loads(done.stdout)
    return found if isinstance(found, list) else [found]


def write_stations(workspace: Path, **fields: object) -> None:
    station = {"id": "an-nong", "name": "Xã An Nông", **fields}
    text = json.dumps({"format": 1, "stations": [station]}, ensure_ascii=False)
    (workspace / "schedules" / "stations.yaml").write_text(text, encoding="utf-8")


def test_a_day_by_hand(run: Command, workspace: Path) -> None:
    decomposed = workspace / "audio" / unicodedata.normalize("NFD", "-Bản tin 'sáng' \"10\".mp3")
    shutil.copy2(AUDIO / "thong-bao-qua-to.mp3", decomposed)
    (added,) = read_json(run("programme", "add", "--column", "thoi-su", "--date", "09/10/2023", "--json", "--",
                             str(decomposed)))  # fmt: skip
    assert added["title"] == unicodedata.normalize("NFC", "-Bản tin 'sáng' \"10\"")
    assert added["id"] == "ban-tin-sang-10-20231009"
    assert added["master"]["after"]["integrated_lufs"] == pytest.approx(-16.0, abs=0.2)
    shown = run("programme", "show", added["id"]).stdout
    assert "-16." in shown
    assert "limiter" in shown
    (slot,) = [s for s in read_json(run("timetable", "show", "--date", "2023-10-09", "--json")) if s["items"]]
    assert [item["programme"] for item in slot["items"]] == [added["id"]]
    assert slot["start_at"] == "2023-10-09T10:00:00+00:00"
    week = read_json(run("timetable", "show", "--week", "2023-W41", "--json"))
    assert [s["date"] for s in week if s["items"]] == ["2023-10-09", "2023-10-10"]
    assert "1 new plans" in run("timetable", "publish", "--date", "2023-10-09").stdout
    assert "0 new plans, 1 unchanged" in run("timetable", "publish", "--date", "2023-10-09").stdout
    (report,) = read_json(run("report", "weekly", "--week", "2023-W41", "--json"))
    assert (report["planned"], report["no_journal"], report["played_min"]) == (2, 2, 0)
    assert Path(report["html"]).name == "bao-cao-2023-W41.html"
    run("programme", "remove", added["id"])
    assert read_json(run("programme", "list", "--json")) == []
    run("programme", "restore", added["id"])
    assert len(read_json(run("programme", "list", "--json"))) == 1


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", 13, "is empty"),
        (b"Day la mot bai viet, khong phai am thanh." * 50, 13, "is not a sound"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x44\xac\x00\x00\x88\x58\x01\x00\x02\x00\x10\x00"
         b"data" + (88_200).to_bytes(4, "little") + bytes(88_200), 14, "silent"),
    ],
)  # fmt: skip
def test_useless_recording_is_refused_and_nothing_is_kept(
    run: Command, workspace: Path, data: bytes, code: int, said: str
) -> None:
    path = workspace / "audio" / "x.wav"
    path.write_bytes(data)
    done = run("programme", "add", "--column", "thoi-su", str(path), code=code)
    assert said in done.stderr
    assert " hint: " in done.stderr
    assert read_json(run("programme", "list", "--json")) == []
    assert list((workspace / ".broadcaster" / "masters").iterdir()) == []


def test_recording_that_is_still_being_copied_is_refused(run: Command, workspace: Path) -> None:
    path = workspace / "audio" / "x.mp3"
    data = (AUDIO / "thong-bao-qua-to.mp3").read_bytes()
    is_over = threading.Event()

    def copy() -> None:
        with path.open("wb", buffering=0) as file:
            while not is_over.is_set():
                file.write(data[:2000])
                time.sleep(0.05)

    copier = threading.Thread(target=copy)
    copier.start()
    try:
        assert "still growing" in run("programme", "add", "--column", "thoi-su", str(path), code=15).stderr
    finally:
        is_over.set()
        copier.join()


def test_good_files_are_added_beside_a_bad_one(run: Command, workspace: Path) -> None:
    bad = workspace / "audio" / "bad.mp3"
    bad.write_bytes(b"")
    good = str(AUDIO / "thong-bao-qua-to.mp3")
    done = run("programme", "add", "--column", "thoi-su", str(bad), good, code=1)
    assert "bad.mp3 is empty" in done.stderr
    assert "thong-bao-qua-to" in done.stdout
    again = run("programme", "add", "--column", "thoi-su", good, code=13)
    assert "is there already" in again.stderr


def test_wrong_names_are_answered_with_the_nearest(run: Command) -> None:
    assert "did you mean 'thoi-su'?" in run("programme", "add", "--column", "thoi-xu", "x.mp3", code=16).stderr
    assert "did you mean 'xa-mau'?" in run("push", "--station", "xa-mao", code=16).stderr
    assert "2023-W41" in run("report", "weekly", "--week", "41", code=10).stderr
    assert "no programme" in run("programme", "show", "khong-co", code=16).stderr


def test_check_says_everything_at_once(run: Command, workspace: Path) -> None:
    schedules = workspace / "schedules"
    (schedules / "columns.yaml").write_text("format: 1\ncolumn: []\n", encoding="utf-8")
    (schedules / "timetable.yaml").write_text("format: 1\nslots:\n  - id: a\n    at: 17h\n", encoding="utf-8")
    (workspace / ".broadcaster" / "centre_ed25519").chmod(0o644)
    done = run("check", code=1)
    for said in (
        "columns.yaml:2:1: unknown field 'column'",
        "timetable.yaml:4:9: field 'at' is '17h'",
        "open to others",
    ):
        assert said in done.stdout, done.stdout
    assert "columns.yaml:2:1" in run("timetable", "show", code=12).stderr
    assert len([f for f in read_json(run("check", "--json", code=1)) if f["wrong"]]) >= 4


def test_check_says_that_poor_lines_will_be_slow_where_the_kernel_cannot_help(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "find_congestion_trouble", lambda: find_congestion_trouble(b"none-such"))
    found = check.check_workspace(Workspace(workspace), datetime.now(UTC))
    (told,) = [one for one in found if "lines that lose packets" in one.message]
    assert "none-such is not loaded, or not in this kernel" in told.message
    assert "docs/centre-service.md" in told.hint
    assert not told.is_wrong


def test_folder_that_is_no_workspace_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "broadcaster.cli.main", "--workspace", str(tmp_path), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 11
    assert "broadcaster init" in done.stderr


def test_station_in_trouble_is_named_with_its_trouble(run: Command, workspace: Path, tmp_path: Path) -> None:
    key = workspace / ".broadcaster" / "centre_ed25519"
    place = tmp_path / "box"
    place.mkdir()
    for suffix in ("", ".pub"):
        shutil.copy2(f"{key}{suffix}", place / f"centre_key{suffix}")
    stranger = write_key_pair(tmp_path / "other_host", "other")

    def push() -> dict[str, Any]:
        run("timetable", "publish")
        (result,) = read_json(run("push", "--wait", "0", "--tries", "1", "--json", code=1))
        return result

    write_stations(workspace)
    assert push()["error"] == "NotEnrolledError"
    assert "has no host" in run("trust", "an-nong", code=46).stderr
    write_stations(workspace, host="127.0.0.1", port=choose_port(), host_key=stranger)
    assert push()["error"] == "UnreachableError"
    with open_box(place) as box:
        where = {"host": "127.0.0.1", "port": box.address.port, "user": box.address.user}
        write_stations(workspace, **where)
        assert "none yet" in run("trust", "an-nong", "--preview").stdout
        first = subprocess.run(["ssh-keygen", "-lf", str(box.state / "host_key.pub")], capture_output=True, check=True)
        assert "goes on" in run("trust", "an-nong", "--fingerprint", first.stdout.decode().split()[1]).stdout
        assert box.address.host_key.split()[1] in (workspace / "schedules" / "stations.yaml").read_text()
        write_stations(workspace, **where, host_key=stranger)
        assert push()["error"] == "HostKeyChangedError"
        assert list(box.inbox.iterdir()) == []
        let_go_on(run, workspace, box)
        (box.state / "authorized_keys").write_text(stranger)
        assert push()["error"] == "LoginRefusedError"
        assert "→ put the line that `broadcaster key` prints" in run("status", "--station", "an-nong").stdout
        (box.state / "authorized_keys").write_text(key.with_name(f"{key.name}.pub").read_text())
        (result,) = read_json(run("push", "--wait", "0", "--json"))
        assert (result["error"], result["confirmed"]) == (None, False)
        assert len(box.list_inbox()) == 4
        assert "0 could not be served, 1 sent no receipt" in run("push", "--wait", "0.2", code=1).stdout
        tried = run("status", "--station", "an-nong").stdout
        for said in ("another host key", "does not let", "refused"):
            assert said in tried, tried
    failed = run("collect", code=1)
    assert "Xã An Nông" in failed.stderr


def let_go_on(run: Command, workspace: Path, box: Box) -> None:
    """Confirm the key that the box shows, as a person does who has telephoned."""
    shown = subprocess.run(["ssh-keygen", "-lf", str(box.state / "host_key.pub")], capture_output=True, check=True)
    fingerprint = shown.stdout.decode().split()[1]
    preview = run("trust", "an-nong", "--preview").stdout
    assert fingerprint in preview
    assert "stopped   yes" in preview
    stopped = run("push", "--tries", "1", code=1).stdout
    assert "is stopped" in stopped
    assert "`broadcaster trust an-nong`" in stopped
    assert "did you mean" in run("trust", "an-nongg", code=16).stderr
    assert "shows SHA256:" in run("trust", "an-nong", "--fingerprint", "SHA256:other", code=10).stderr
    assert "not done" in run("trust", "an-nong", code=130).stderr  # nobody answers the question
    assert "Xã An Nông goes on" in run("trust", "an-nong", "--fingerprint", fingerprint).stdout
    assert box.address.host_key.split()[1] in (workspace / "schedules" / "stations.yaml").read_text()
    assert "nothing to confirm" in run("trust", "an-nong").stdout
    assert "host key confirmed" in run("audit").stdout


def test_station_that_another_push_serves_is_left_to_it(run: Command, workspace: Path) -> None:
    write_stations(workspace, host="127.0.0.1", port=1, host_key="ssh-ed25519 AAAA")
    run("timetable", "publish")
    lock = workspace / ".broadcaster" / "lines" / "an-nong.lock"
    lock.parent.mkdir()
    with hold_lock(lock, "a push"):
        assert "already running" in run("push", "--wait", "1", code=1).stdout
    assert "connecting" in run("push", "--tries", "1", code=1).stderr

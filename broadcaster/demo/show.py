"""The demo: the whole way on one machine, every step by the commands that a technician and a box would run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from broadcaster.centre.workspace import Workspace, find_workspace, init_workspace
from broadcaster.core.errors import BroadcasterError, DeliveryError, StationError, ToolMissingError
from broadcaster.core.files import write_atomic
from broadcaster.core.ids import StationId
from broadcaster.core.programs import find_ffmpeg, find_mpv
from broadcaster.core.time import format_week
from broadcaster.demo.embedded import start_embedded
from broadcaster.demo.openssh import start_sshd
from broadcaster.demo.recordings import RECORDINGS, Recording
from broadcaster.demo.server import RunningServer
from broadcaster.link.session import StationAddress, open_session

STATIONS = (("an-nong", "Xã An Nông"), ("binh-son", "Xã Bình Sơn"), ("thi-tran-nua", "Thị trấn Nưa"))
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LEAD_S = 12
LEAD_COMMANDS = 6
GRACE_S = 6


@dataclass(frozen=True, slots=True)
class DemoStation:
    """One running box of the demo."""

    id: str
    folder: Path
    server: RunningServer
    agent: subprocess.Popen[bytes]


def run_demo(source: Path | None, keep: Path | None) -> None:
    """Run the demo and print what it made.

    Args:
        source: A workspace whose audio/ holds the sample recordings; found like every workspace when None.
        keep: Where everything goes; `.demo/` in the source workspace when None. What an earlier demo left is removed.

    Raises:
        BroadcasterError: A step failed; its own output says why.
    """
    origin = find_workspace(source)
    folder = (keep or origin.root / ".demo").resolve()
    _clear(folder)
    workspace, _ = init_workspace(folder / "workspace")
    for recording in RECORDINGS:
        shutil.copy2(origin.audio / recording.file_name, workspace.audio / recording.file_name)
    _write_schedules(workspace, [], None)
    _say(f"workspace: {workspace.root}")
    _say(f"ffmpeg:    {find_ffmpeg()}")
    for recording in RECORDINGS:
        _run(workspace, "programme", "add", *_list_options(recording), "--", str(workspace.audio / recording.file_name))
    with ExitStack() as stack:
        stations = [stack.enter_context(_start_station(folder, name, workspace)) for name, _ in STATIONS]
        began_s = time.monotonic()
        _run(workspace, "check")
        # Four more commands come before the slot: on a slow machine they need more time.
        lead_s = LEAD_S + LEAD_COMMANDS * (time.monotonic() - began_s)
        start_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=lead_s // 1)
        _write_schedules(workspace, stations, start_at)
        on = f"{start_at.astimezone(ZONE):%Y-%m-%d}"
        _run(workspace, "timetable", "show", "--date", on)
        _run(workspace, "timetable", "publish", "--date", on)
        _run(workspace, "push")
        _run(workspace, "status")
        _wait_for_end(workspace, on, start_at)
        _run(workspace, "collect")
    week = format_week(start_at.astimezone(ZONE).date())
    _run(workspace, "report", "weekly", "--week", week)
    _sum_up(workspace, stations, week)


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left; a folder that no demo made is never touched."""
    marker = folder / "made-by-broadcaster-demo"
    if folder.exists() and not marker.exists() and any(folder.iterdir()):
        raise BroadcasterError(f"{folder} is not empty and was not made by a demo", hint="name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


def _list_options(recording: Recording) -> Iterator[str]:
    yield from ("--title", recording.title, "--id", recording.id)
    if recording.column is None:
        yield "--ident"
    else:
        yield from ("--column", recording.column, "--campaign", "ngay-chuyen-doi-so")


def _write_schedules(workspace: Workspace, stations: Sequence[DemoStation], start_at: datetime | None) -> None:
    """Write the demo's decisions: its stations on loopback and one slot that starts in a moment. JSON is YAML, too."""
    today = (start_at or datetime.now(UTC)).astimezone(ZONE).date()
    names = dict(STATIONS)
    columns = [{"id": "thoi-su", "name": "Thời sự"}, {"id": "chuyen-doi-so", "name": "Chuyển đổi số"}]
    campaign = {
        "id": "ngay-chuyen-doi-so", "name": "Ngày Chuyển đổi số quốc gia 10/10",
        "from": str(today - timedelta(days=6)), "to": str(today + timedelta(days=6)),
    }  # fmt: skip
    slots = []
    if start_at is not None:
        rundown: list[dict[str, str]] = [{"programme": r.id} for r in RECORDINGS if r.column is None]
        rundown += [{"column": column["id"]} for column in columns]
        at = f"{start_at.astimezone(ZONE):%H:%M:%S}"
        slots = [{"id": "chuong-trinh", "title": "Chương trình truyền thanh huyện", "at": at, "max_min": 5,
                  "rundown": rundown}]  # fmt: skip
    boxes = [
        {"id": one.id, "name": names[one.id], "clusters": 5, "host": one.server.host, "port": one.server.port,
         "user": one.server.user, "host_key": one.server.host_key_line}
        for one in stations
    ]  # fmt: skip
    centre: dict[str, object] = {
        "name": "Trung tâm Văn hóa, Thông tin huyện Triệu Sơn",
        "place": "Triệu Sơn",
        "zone": str(ZONE),
    }
    files: dict[str, dict[str, object]] = {
        "centre": centre, "stations": {"stations": boxes}, "columns": {"columns": columns},
        "campaigns": {"campaigns": [campaign]}, "timetable": {"slots": slots},
    }  # fmt: skip
    for name, fields in files.items():
        text = json.dumps({"format": 1, **fields}, ensure_ascii=False, indent=1)
        write_atomic(workspace.schedules / f"{name}.yaml", text.encode())


@contextmanager
def _start_station(folder: Path, name: str, workspace: Workspace) -> Iterator[DemoStation]:
    home = folder / "stations" / name
    for part in ("inbox", "outbox", "library"):
        (home / part).mkdir(parents=True)
    key = workspace.read_public_key()
    settings = home / "station.toml"
    fields = {
        "station": name, "centre_key": key, "inbox": str(home / "inbox"), "outbox": str(home / "outbox"),
        "library": str(home / "library"), "player": "mpv" if find_mpv() else "pcm", "output": "null",
    }  # fmt: skip
    lines = [f"{field} = {json.dumps(value, ensure_ascii=False)}" for field, value in fields.items()]
    write_atomic(settings, ("\n".join(lines) + "\nreserve_mb = 0\n").encode())
    with ExitStack() as stack:
        server, kind = _start_server(home, workspace)
        stack.callback(server.stop)
        log = stack.enter_context((home / "agent.log").open("wb"))
        command = [sys.executable, "-m", "broadcaster.cli.station", "--settings", str(settings), "run"]
        agent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(_stop_agent, agent)
        player = f"mpv ({find_mpv()}), null output" if find_mpv() else "the built-in player, null output"
        _say(f"station {name}: SFTP by {kind} on {server.host} port {server.port}; plays with {player}")
        yield DemoStation(name, home, server, agent)


def _start_server(home: Path, workspace: Workspace) -> tuple[RunningServer, str]:
    """Start OpenSSH where it is installed and lets the centre in, else the embedded server."""
    key = workspace.read_public_key()
    try:
        server = start_sshd(home, home / "sshd", key)
    except ToolMissingError as error:
        return start_embedded(home, home / "sshd", key), f"the embedded server ({error.message})"
    address = StationAddress(StationId("demo"), server.host, server.port, server.user, server.host_key_line)
    try:
        with open_session(address, workspace.key):
            return server, "OpenSSH"
    except DeliveryError as error:  # an account that is locked, say
        server.stop()
        return start_embedded(home, home / "embedded", key), f"the embedded server ({error.message})"


def _stop_agent(agent: subprocess.Popen[bytes]) -> None:
    agent.terminate()
    try:
        agent.wait(10)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def _wait_for_end(workspace: Workspace, on: str, start_at: datetime) -> None:
    shown = _run(workspace, "timetable", "show", "--date", on, "--json", is_quiet=True)
    occurrences = json.loads(shown)
    length_s = sum(item["duration_ms"] for item in occurrences[0]["items"]) / 1000
    end_at = start_at + timedelta(seconds=length_s + GRACE_S)
    while (left_s := (end_at - datetime.now(UTC)).total_seconds()) > 0:
        if sys.stderr.isatty():
            on_air = datetime.now(UTC) >= start_at
            what = "on air at three stations" if on_air else f"the slot starts at {start_at.astimezone(ZONE):%H:%M:%S}"
            click.echo(f"\r  {what}, {left_s:.0f} s left   ", err=True, nl=False)
        time.sleep(min(1.0, left_s))
    if sys.stderr.isatty():
        click.echo("", err=True)


def _sum_up(workspace: Workspace, stations: Sequence[DemoStation], week: str) -> None:
    figures = json.loads(_run(workspace, "report", "weekly", "--week", week, "--json", is_quiet=True))
    masters = json.loads(_run(workspace, "programme", "list", "--json", is_quiet=True))
    _say("")
    for master in masters:
        _say(f"master:  {workspace.masters / (master['master']['sha256'] + '.mp3')}  ({master['title']})")
    for station in stations:
        for journal in sorted((station.folder / "outbox").glob("journal-*.jsonl")):
            _say(f"journal: {journal}")
    _say(f"report:  {figures['html']}")
    expected = len(stations) * len(RECORDINGS)
    _say(f"{figures['full']} of {expected} airings were played in full and journalled.")
    if figures["full"] != expected:
        raise StationError("not everything was played in full", hint="the tables above and each agent.log say why")


def _run(workspace: Workspace, *words: str, is_quiet: bool = False) -> str:
    """Run one command as a technician would type it, and show it."""
    if not is_quiet:
        shown = " ".join(repr(word) if " " in word else word for word in words)
        _say(f"\n$ broadcaster {shown.replace(str(workspace.root) + '/', '')}")
    command = [sys.executable, "-m", "broadcaster.cli.main", "--workspace", str(workspace.root), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if is_quiet else None, check=False)
    if done.returncode != 0:
        raise BroadcasterError(f"`broadcaster {words[0]}` ended with {done.returncode}", hint="see its output above")
    return done.stdout.decode() if is_quiet else ""


def _say(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()

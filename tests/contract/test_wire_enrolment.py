"""Enrolment and reply against files that never change; nothing in them is more than a word in the files of root."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from broadcaster.core.errors import DocumentError, InstallError
from broadcaster.core.ids import StationId
from broadcaster.station.box_files import plan_settings
from broadcaster.wire.enrolment import (
    Enrolment,
    Reply,
    TunnelEnd,
    read_enrolment,
    read_reply,
    write_enrolment,
    write_reply,
)

GOLDEN = Path(__file__).parent / "golden"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFaMA91niiPPeIHq7lKNJvHC3wJxaIX60ijZvtMJKPe0"
ENROLMENT = Enrolment(
    station=StationId("an-nong"),
    name="Xã An Nông",
    centre="Trung tâm Văn hóa, Thông tin huyện Triệu Sơn",
    zone="Asia/Ho_Chi_Minh",
    account="centre",
    centre_key=KEY,
    tunnel=TunnelEnd("centre.example.vn", 2222, "broadcaster-tunnel", KEY, 22001),
)
REPLY = Reply(StationId("an-nong"), KEY, KEY)


def test_enrolment_and_reply_are_as_they_were() -> None:
    document, reply = (GOLDEN / "enrolment.json").read_bytes(), (GOLDEN / "reply.json").read_bytes()
    assert read_enrolment(document) == ENROLMENT
    assert write_enrolment(ENROLMENT) == document
    assert read_reply(reply) == REPLY
    assert write_reply(REPLY) == reply
    without = replace(ENROLMENT, tunnel=None)
    assert read_enrolment(write_enrolment(without)) == without


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("station", "../an-nong"),
        ("name", "Xã\nAn Nông"),
        ("zone", "../../etc/passwd"),
        ("zone", "/etc/passwd"),
        ("account", "centre\nMatch all"),
        ("account", "-o"),
        ("account", "root; id"),
        ("centre_key", f'command="id" {KEY}'),
        ("centre_key", "ssh-rsa AAAA"),
        ("tunnel", "centre.example.vn"),
        ("tunnel.host", "centre\n    ProxyCommand id"),
        ("tunnel.host", "-oProxyCommand=id"),
        ("tunnel.host", "a b"),
        ("tunnel.port", "22\n"),
        ("tunnel.user", "x y"),
        ("tunnel.host_key", "ssh-ed25519 AAAA"),
        ("tunnel.listen_port", 22),
    ],
)
def test_what_could_be_more_than_one_word_is_refused(field: str, value: object) -> None:
    fields = json.loads(write_enrolment(ENROLMENT))
    *inside, name = field.split(".")
    (fields["tunnel"] if inside else fields)[name] = value
    with pytest.raises(DocumentError, match=name):
        read_enrolment(json.dumps(fields).encode())


def test_a_comment_behind_a_key_goes_no_further() -> None:
    fields = json.loads(write_enrolment(ENROLMENT))
    fields["centre_key"] = f"{KEY} anything\nMatch all"
    assert read_enrolment(json.dumps(fields).encode()).centre_key == KEY


def test_settings_that_were_changed_at_the_box_stay() -> None:
    first = plan_settings(None, replace(ENROLMENT, centre_key="ssh-ed25519 OLD"))
    changed = first.replace("# volume = 100 ", "volume = 80 ")
    assert plan_settings(changed, ENROLMENT) == changed.replace("ssh-ed25519 OLD", KEY)
    with pytest.raises(InstallError, match="set up as station 'an-nong'"):
        plan_settings(first, replace(ENROLMENT, station=StationId("dan-ly")))
    with pytest.raises(InstallError, match="not TOML"):
        plan_settings("station =", ENROLMENT)

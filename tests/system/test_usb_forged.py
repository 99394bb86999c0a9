"""A stick whose files were changed, forged or lead elsewhere: nothing of it is believed, and nothing is lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from broadcaster.core.errors import (
    DocumentError,
    InputError,
    NotEnrolledError,
    SignatureError,
)
from broadcaster.core.files import hash_file
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document
from broadcaster.wire.stick import write_contents
from tests.district import DAYS, MASTER_BYTES, NAMES, District, read_list
from tests.sshd import make_bytes
from tests.usb_stick import Stick


def test_what_was_altered_or_forged_on_the_way_home_is_not_taken(district: District, stick: Stick) -> None:
    name, other = NAMES
    commune = district.communes[name]
    district.export(stick)
    with commune.running():
        commune.usb(stick)
    outbox = stick.place(name, "outbox")
    receipts = outbox / "receipts.jsonl"
    true = receipts.read_bytes()

    def take() -> object:
        assert district.read_held(name) == set()
        result = district.take(stick)[name]
        assert (result.new_lines, district.read_held(name)) == (0, set())
        return result.error

    receipts.write_bytes(true.replace(b"verified", b"refused ", 1))
    error = take()
    assert isinstance(error, DocumentError)
    assert "receipts.jsonl on the stick is not what the box wrote" in error.message
    receipts.unlink()
    assert isinstance(take(), DocumentError)
    receipts.symlink_to(commune.box.outbox / "receipts.jsonl")
    assert take() is not None
    receipts.unlink()
    receipts.write_bytes(true[:-40] + b"\n")
    contents = read_list(outbox)
    forged = tuple(
        replace(file, size_bytes=len(true) - 39, sha256=hash_file(receipts)) if file.name == receipts.name else file
        for file in contents.files
    )
    document = (outbox / "contents.json").read_bytes()
    (outbox / "contents.json").write_bytes(write_contents(replace(contents, files=forged)))
    assert isinstance(take(), SignatureError)
    stranger = district.communes[other].box.folder / "host_key"
    signed = (outbox / "contents.json.sig").read_bytes()
    (outbox / "contents.json.sig").write_text(
        sign_document((outbox / "contents.json").read_bytes(), read_private_key(stranger), "stick@broadcaster")
    )
    assert isinstance(take(), SignatureError)
    receipts.write_bytes(true)
    (outbox / "contents.json").write_bytes(document)
    (outbox / "contents.json.sig").write_bytes(signed)
    shutil.copytree(outbox, stick.place(other, "outbox"))
    results = district.take(stick)
    assert results[name].new_lines == 2 * DAYS
    assert isinstance(results[other].error, DocumentError)
    assert "is of an-nong" in str(results[other].error)
    assert district.read_held(other) == set()


def test_without_a_proof_of_whose_it_is_no_diary_is_taken_and_with_it_the_same_stick_is(
    district: District, stick: Stick
) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    pinned = district.schedules
    for host_key in (None, "ecdsa-sha2-nistp256 AAAA"):
        bare = tuple(replace(station, host_key=host_key) for station in pinned.stations)
        district.schedules = replace(pinned, stations=bare)
        with commune.running():
            assert "not signed" not in commune.usb(stick)
        result = district.take(stick)[name]
        assert isinstance(result.error, NotEnrolledError)
        assert f"enrol {name} --reply" in str(result.error.hint)
        assert (result.new_lines, district.read_held(name)) == (0, set())
    district.schedules = pinned
    assert (district.take(stick)[name].error, len(district.read_held(name))) == (None, 2 * DAYS)
    (commune.box.folder / "host_key").unlink()
    with commune.running():
        assert "it is not signed" in commune.usb(stick)
    assert isinstance(district.take(stick)[name].error, SignatureError)


def test_what_was_altered_or_forged_on_the_way_out_is_refused_and_sent_anew(district: District, stick: Stick) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    district.export(stick, name)
    inbox = stick.place(name, "inbox")
    plans = sorted(path for path in inbox.glob("plan-*.json"))
    masters = [stick.root / "masters" / master for master in stick.list_masters()]
    masters[0].write_bytes(make_bytes(MASTER_BYTES, seed=99))  # as large as it should be
    masters[1].write_bytes(masters[1].read_bytes()[:-1])
    plans[0].write_bytes(plans[0].read_bytes().replace(b"tin-0", b"tin-9").replace(b"Tin-0", b"Tin-9"))
    stranger = district.communes[NAMES[1]].box.key
    plans[1].with_name(f"{plans[1].name}.sig").write_text(
        sign_document(plans[1].read_bytes(), stranger, PLAN_NAMESPACE)
    )
    secret = commune.box.folder / "secret"
    secret.write_bytes(plans[2].read_bytes())
    plans[2].unlink()
    plans[2].symlink_to(secret)
    with commune.running():
        said = commune.usb(stick, code=1)
        assert "its bytes are not what its name says" in said
        assert f"its size on the stick is not the {MASTER_BYTES} bytes that the centre wrote" in said
        assert "changed after it was signed" in said
        assert "signed with a key that is not this station's centre" in said
        assert "is a symbolic link" in said
        assert said.count("  verified") == 1
        assert commune.list_library() == {masters[2].stem}
        assert not list(commune.box.inbox.glob("*.mp3*"))
        result = district.take(stick)[name]
        assert (result.error, result.new_lines) == (None, 4)
        exported = district.export(stick, name)
        assert [(one.error, one.plans, one.masters) for one in exported] == [(None, DAYS, DAYS - 1)]
        assert commune.usb(stick).count("  verified") == 2 * DAYS - 1
    assert district.take(stick)[name].error is None
    assert district.masters < district.read_held(name)


def test_no_symbolic_link_leads_off_the_stick(district: District, stick: Stick, tmp_path: Path) -> None:
    name = NAMES[0]
    commune = district.communes[name]
    away = tmp_path / "away"
    away.mkdir()
    stick.root.symlink_to(away)
    with pytest.raises(InputError, match="symbolic link"):
        district.export(stick)
    with pytest.raises(InputError, match="symbolic link"):
        district.take(stick)
    assert "no stick of the centre's" in commune.usb(stick, code=10)
    stick.root.unlink()
    district.export(stick)
    stick.place(name, "outbox").symlink_to(away)
    with commune.running():
        said = commune.usb(stick, code=54)
    assert "symbolic link" in said
    assert list(away.iterdir()) == []
    assert district.take(stick)[name].error is not None
    shutil.rmtree(stick.root / "masters")
    (stick.root / "masters").symlink_to(away)
    with pytest.raises(InputError, match="symbolic link"):
        district.export(stick)
    assert list(away.iterdir()) == []

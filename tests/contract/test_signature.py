"""Our signatures and ssh-keygen's, each verified by the other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from broadcaster.core.errors import CentreKeyError, SignatureError
from broadcaster.wire.signature import PLAN_NAMESPACE, read_private_key, sign_document, verify_document, write_key_pair

DOCUMENT = "kế hoạch phát trong ngày\n".encode()


def verify_with_ssh_keygen(folder: Path, key_line: str, signature: str, document: bytes) -> bool:
    (folder / "allowed").write_text(f"centre {key_line}\n")
    (folder / "signature").write_text(signature)
    command = [
        "ssh-keygen", "-Y", "verify", "-f", str(folder / "allowed"), "-I", "centre", "-n", PLAN_NAMESPACE,
        "-s", str(folder / "signature"),
    ]  # fmt: skip
    return subprocess.run(command, input=document, capture_output=True, check=False).returncode == 0


def test_ssh_keygen_accepts_our_signature_and_no_changed_document(tmp_path: Path) -> None:
    line = write_key_pair(tmp_path / "key", "centre")
    signature = sign_document(DOCUMENT, read_private_key(tmp_path / "key"), PLAN_NAMESPACE)
    assert verify_with_ssh_keygen(tmp_path, line, signature, DOCUMENT)
    assert not verify_with_ssh_keygen(tmp_path, line, signature, DOCUMENT + b"x")


def test_we_accept_the_signature_of_ssh_keygen_with_its_own_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "centre", "-f", str(key)], check=True)
    (tmp_path / "plan").write_bytes(DOCUMENT)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", PLAN_NAMESPACE, str(tmp_path / "plan")]
    subprocess.run(command, check=True, capture_output=True)
    signature = (tmp_path / "plan.sig").read_text()
    line = key.with_name("key.pub").read_text()
    verify_document(DOCUMENT, signature, line, PLAN_NAMESPACE)
    with pytest.raises(SignatureError, match="changed"):
        verify_document(DOCUMENT + b"x", signature, line, PLAN_NAMESPACE)
    with pytest.raises(SignatureError, match="another purpose"):
        verify_document(DOCUMENT, signature, line, "file")
    # Ed25519 leaves no choice: the same key signs the same bytes alike, whoever does it.
    assert sign_document(DOCUMENT, read_private_key(key), PLAN_NAMESPACE) == signature


def test_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    write_key_pair(tmp_path / "key", "centre")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(CentreKeyError, match="open to others"):
        read_private_key(tmp_path / "key")

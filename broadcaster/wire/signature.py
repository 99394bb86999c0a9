"""SSHSIG: signatures with the centre's own SSH key, the same that `ssh-keygen -Y sign` makes and `-Y verify` checks.

Only Ed25519 and SHA-512 are made and accepted: one way, no negotiation.

Sources: PROTOCOL.sshsig of OpenSSH; RFC 8032; RFC 4251 section 5 (strings).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broadcaster.core.errors import CentreKeyError, SignatureError
from broadcaster.core.files import write_atomic

PLAN_NAMESPACE = "day-plan@broadcaster"
SIGNATURE_SUFFIX = ".sig"  # of the file beside the document
KEY_TYPE = "ssh-ed25519"
_MAGIC = b"SSHSIG"
_HASH = b"sha512"
_HEAD = "-----BEGIN SSH SIGNATURE-----"
_TAIL = "-----END SSH SIGNATURE-----"


def write_key_pair(path: Path, comment: str) -> str:
    """Make a new Ed25519 key pair: the private key at `path` (0600), the public one beside it as `.pub`.

    Returns:
        The public key line.

    Raises:
        FileExistsError: A key is there already; it is never overwritten.
    """
    if path.exists():
        raise FileExistsError(path)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    line = f"{public.decode()} {comment}"
    write_atomic(path, private, mode=0o600)
    write_atomic(path.with_name(path.name + ".pub"), f"{line}\n".encode())
    return line


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the centre's private key.

    Raises:
        CentreKeyError: Missing, readable by others than its owner, or not an Ed25519 key without passphrase.
    """
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise CentreKeyError(f"the centre's key {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise CentreKeyError(f"the centre's key {path} is open to others (mode {mode & 0o777:04o})")
    try:
        key = serialization.load_ssh_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise CentreKeyError(f"the centre's key {path} cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CentreKeyError(f"the centre's key {path} is not an Ed25519 key")
    return key


def read_public_key(line: str) -> bytes:
    """Read a public key line as OpenSSH writes it and return the key's wire form.

    Raises:
        ValueError: Not an Ed25519 public key line.
    """
    words = line.split()
    if len(words) < 2 or words[0] != KEY_TYPE:
        raise ValueError(f"expected a line that starts with {KEY_TYPE}")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise ValueError("the key's base64 is damaged") from error
    if len(blob) != 51 or blob[:19] != _string(KEY_TYPE.encode()) + b"\x00\x00\x00\x20":
        raise ValueError("the key is not an Ed25519 key")
    return blob


def make_fingerprint(blob: bytes) -> str:
    """Make the fingerprint of a public key's wire form, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def sign_document(data: bytes, key: Ed25519PrivateKey, namespace: str) -> str:
    """Sign a document's bytes.

    Returns:
        The armoured signature as `ssh-keygen -Y sign` writes it.
    """
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = _string(KEY_TYPE.encode()) + _string(key.sign(_signed_part(data, namespace)))
    blob = (
        _MAGIC
        + struct.pack(">I", 1)
        + _string(_string(KEY_TYPE.encode()) + _string(public))
        + _string(namespace.encode())
        + _string(b"")
        + _string(_HASH)
        + _string(signature)
    )
    text = base64.b64encode(blob).decode()
    lines = [text[n : n + 70] for n in range(0, len(text), 70)]
    return "\n".join([_HEAD, *lines, _TAIL, ""])


def verify_document(data: bytes, armoured: str, public_key_line: str, namespace: str) -> None:
    """Check that a document was signed by the holder of one key, for one purpose.

    Raises:
        SignatureError: Not a signature, by another key, for another purpose, or the bytes were changed.
    """
    trusted = read_public_key(public_key_line)
    key_blob, signed_namespace, signature = _read_signature(armoured)
    if key_blob != trusted:
        raise SignatureError("signed with a key that is not this station's centre")
    if signed_namespace != namespace.encode():
        raise SignatureError("the signature was made for another purpose")
    try:
        Ed25519PublicKey.from_public_bytes(trusted[19:]).verify(signature, _signed_part(data, namespace))
    except InvalidSignature as error:
        raise SignatureError("the document was changed after it was signed") from error


def _read_signature(armoured: str) -> tuple[bytes, bytes, bytes]:
    lines = [line.strip() for line in armoured.strip().splitlines()]
    if len(lines) < 3 or lines[0] != _HEAD or lines[-1] != _TAIL:
        raise SignatureError("not an SSH signature")
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
        if blob[:6] != _MAGIC or blob[6:10] != b"\x00\x00\x00\x01":
            raise SignatureError("not an SSH signature of version 1")
        key_blob, rest = _take(blob[10:])
        namespace, rest = _take(rest)
        _, rest = _take(rest)
        hash_name, rest = _take(rest)
        wrapped, _ = _take(rest)
        kind, rest = _take(wrapped)
        signature, _ = _take(rest)
    except (binascii.Error, struct.error, IndexError) as error:
        raise SignatureError("the signature is damaged") from error
    if hash_name != _HASH or kind != KEY_TYPE.encode() or len(signature) != 64:
        raise SignatureError("the signature is not Ed25519 over SHA-512")
    return key_blob, namespace, signature


def _signed_part(data: bytes, namespace: str) -> bytes:
    digest = hashlib.sha512(data).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(_HASH) + _string(digest)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise IndexError(length)
    return data[4 : 4 + length], data[4 + length :]

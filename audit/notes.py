"""Checkpoints: signed notes that say which tree there was at a moment (C2SP tlog-checkpoint and signed-note).

    origin
    size
    root hash, base64
    digest sm3
    time 2026-11-01T02:00:00.000000+00:00
    next-key SubjectPublicKeyInfo, base64        only where another audit key succeeds

    — origin base64(key ID || signature)

The lines after the root are extension lines. Where a key succeeds another, both sign, the former first. The assigned
signature types know neither SM2 nor RSA: ours are of type 0xff, followed by `yinxin/ALGORITHM` as the specification
recommends, with the key as SubjectPublicKeyInfo.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from core.algorithms import ALGORITHMS, DIGESTS, Algorithm, Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

MAXIMUM_NOTE = 64 * 1024
_UNASSIGNED = b"\xff"
_NEXT_KEY = "next-key "
_SIZE = re.compile("0|[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class Checkpoint:
    """What a note says."""

    origin: str
    """Which log: a URL without scheme."""
    size: int
    """Entries."""
    root: bytes
    digest: Digest
    at: datetime
    next_key: bytes | None = None
    """SubjectPublicKeyInfo (DER) of the key that signs from here on."""

    def text(self) -> bytes:
        """What is signed."""
        moment = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        root = base64.b64encode(self.root).decode()
        text = f"{self.origin}\n{self.size}\n{root}\ndigest {self.digest.name}\ntime {moment}\n"
        if self.next_key is not None:
            text += f"{_NEXT_KEY}{base64.b64encode(self.next_key).decode()}\n"
        return text.encode()


def key_id(origin: str, algorithm: Algorithm, public_key_info: bytes) -> bytes:
    """The four octets by which a signature line names its key."""
    kind = _UNASSIGNED + f"yinxin/{algorithm.name}".encode()
    return hashlib.sha256(origin.encode() + b"\n" + kind + public_key_info).digest()[:4]


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> bytes:
    """The note, with a signature of each."""
    return sign_note(checkpoint.text(), checkpoint.origin, *signers)


def sign_note(text: bytes, name: str, *signers: Signer) -> bytes:
    """Any text (UTF-8, its last line ended) as a signed note; `name`: of the keys, without spaces."""
    lines = "\n"
    for signer in signers:
        identifier = key_id(name, signer.algorithm, signer.public_key_info)
        lines += f"— {name} {base64.b64encode(identifier + signer.sign(text)).decode()}\n"
    return text + lines.encode()


def open_checkpoint(note: bytes, public_key_info: bytes) -> Checkpoint:
    """What the note says, if this key (SPKI, DER) signed it; else `YinxinError` (invalid).

    Signatures of other keys, witnesses' for example, are passed over.
    """
    checkpoint = read_checkpoint(note)
    open_note(note, checkpoint.origin, public_key_info)
    return checkpoint


def open_note(note: bytes, name: str, public_key_info: bytes) -> bytes:
    """The text of a note, if the key (SPKI, DER) of this name signed it; else `YinxinError` (invalid)."""
    text, signatures = _divide(note)
    for algorithm in ALGORITHMS.values():
        identifier = key_id(name, algorithm, public_key_info)
        for signer, value in signatures:
            if signer != name or value[:4] != identifier:
                continue
            try:
                verify(public_key_info, algorithm, value[4:], text)
            except InvalidSignature:
                raise _unusable(_("the signature of the checkpoint is not good")) from None
            return text
    raise _unusable(_("the checkpoint is not signed by this audit key"))


def read_checkpoint(note: bytes) -> Checkpoint:
    """What the note says, whoever signed it; `YinxinError` (invalid) if it is none."""
    return _parse(_divide(note)[0])


def _divide(note: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Text and signatures."""
    text, blank, lines = note.rpartition(b"\n\n")
    if not blank or len(note) > MAXIMUM_NOTE or not lines.endswith(b"\n"):
        raise _unusable(_("this is not a checkpoint"))
    signatures = []
    try:
        for line in lines.decode().removesuffix("\n").split("\n"):
            dash, name, value = line.split(" ")
            signature = base64.b64decode(value, validate=True)
            is_canonical = base64.b64encode(signature).decode() == value
            if dash != "—" or not name or len(signature) <= 4 or not is_canonical:
                raise ValueError
            signatures.append((name, signature))
    except (ValueError, binascii.Error):
        raise _unusable(_("this is not a checkpoint")) from None
    return text + b"\n", signatures


def _parse(text: bytes) -> Checkpoint:
    """Read strictly: the text must be what would be written for what is read."""
    try:
        origin, size, root, *extensions = text.decode().removesuffix("\n").split("\n")
        digest_line, time_line, *key_line = extensions
        if not _SIZE.fullmatch(size) or not digest_line.startswith("digest ") or not time_line.startswith("time "):
            raise ValueError
        digest = DIGESTS[digest_line.removeprefix("digest ")]
        at = datetime.fromisoformat(time_line.removeprefix("time "))
        key = base64.b64decode(key_line[0].removeprefix(_NEXT_KEY), validate=True) if key_line else None
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True), digest, at, key)
        if at.tzinfo is None or key == b"" or len(checkpoint.root) != digest.size or checkpoint.text() != text:
            raise ValueError
    except (ValueError, KeyError, OverflowError, binascii.Error):
        raise _unusable(_("this is not a checkpoint")) from None
    return checkpoint


def _unusable(what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what)

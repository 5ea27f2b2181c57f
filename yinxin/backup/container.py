"""The file of a backup: a ZIP archive (stored, schema `yinxin-backup/1`) that says whose it is before it is opened.

header.json     what it is, in clear, and the content's key to each custodian (`core.keys.sealed`)
content.enc     a gzipped tar (`yinxin.backup.archive`), encrypted (`core.keys.stream`)
manifest.txt    digests of both, as a signed note of the audit key, written last
"""

import io
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Literal

from asn1crypto import x509
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from audit.key import fingerprint
from audit.notes import open_note, sign_note
from core import files
from core.algorithms import DIGESTS, Digest, Hash
from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey
from core.keys.sealed import unseal
from core.keys.signer import Signer
from core.keys.stream import CipherName, DecryptingReader, EncryptingWriter

SCHEMA: Literal["yinxin-backup/1"] = "yinxin-backup/1"
HEADER, CONTENT, MANIFEST = "header.json", "content.enc", "manifest.txt"
MAXIMUM_HEADER = 1 << 20
_READ = 1 << 20

Octets = Annotated[
    bytes,
    BeforeValidator(lambda value: b64decode(value, validate=True) if isinstance(value, str) else value),
    PlainSerializer(lambda value: b64encode(value).decode()),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Custodian(_Model):
    """Somebody who can open the backup."""

    certificate: Octets
    envelope: str
    """The content's key (`core.keys.sealed`)."""

    @property
    def name(self) -> str:
        """As the certificate has it."""
        return describe_name(x509.Certificate.load(self.certificate).subject.dump())


class Header(_Model):
    """What can be read without a key."""

    format: Literal["yinxin-backup/1"] = SCHEMA
    made_at: AwareDatetime
    database: Literal["sqlite", "postgresql"]
    revision: Annotated[str, Field(pattern="^[0-9]{4}$")]
    """Of the schema."""
    origin: str
    """The audit log's name, which no other installation has."""
    digest: Literal["sm3", "sha256"]
    size: Annotated[int, Field(ge=0)]
    """Entries of the audit log that are in the snapshot and have their place."""
    checkpoint: str = ""
    """The newest in the snapshot."""
    audit_key: Octets
    """SubjectPublicKeyInfo, DER."""
    cipher: CipherName
    custodians: Annotated[tuple[Custodian, ...], Field(min_length=1)]


def key_name(origin: str) -> str:
    """What the note calls the audit key: not as checkpoints do, so that neither can pass for the other."""
    return f"{origin}/backup"


@contextmanager
def writing(file: IO[bytes], header: Header, key: bytes, signer: Signer) -> Iterator[EncryptingWriter]:
    """Write a backup around what the block writes. An exception in it leaves the file useless: remove it."""
    digest = DIGESTS[header.digest]
    encoded = (header.model_dump_json(indent=2) + "\n").encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(HEADER, encoded)
        with archive.open(CONTENT, "w", force_zip64=True) as member:
            hashed = _Hashing(member, digest.new())
            stream = EncryptingWriter(hashed, header.cipher, key)  # type: ignore[arg-type]
            yield stream
            stream.finish()
        text = _manifest(header, digest, encoded, hashed.context.digest())
        archive.writestr(MANIFEST, sign_note(text, key_name(header.origin), signer))


def _manifest(header: Header, digest: Digest, encoded: bytes, content: bytes) -> bytes:
    lines = [SCHEMA, header.origin, f"{HEADER} {digest.name} {digest.of(encoded).hex()}"]
    lines.append(f"{CONTENT} {digest.name} {content.hex()}")
    return ("\n".join(lines) + "\n").encode()


class _Hashing(io.RawIOBase):
    """Hashes what passes."""

    def __init__(self, file: IO[bytes], context: Hash) -> None:
        self._file, self.context = file, context

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.context.update(data)
        return self._file.write(data)


@dataclass(frozen=True)
class Backup:
    """A backup file that is open, its signature verified."""

    file: Path
    header: Header
    _archive: zipfile.ZipFile

    @contextmanager
    def content(self, recipient: PrivateKey) -> Iterator[DecryptingReader]:
        """What is in it, for one of its custodians; `YinxinError` (forbidden) for anybody else."""
        key = next(
            (
                unseal(one.envelope.encode(), recipient)
                for one in self.header.custodians
                if x509.Certificate.load(one.certificate).public_key.dump() == recipient.public_key_info
            ),
            None,
        )
        if key is None:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("the backup is not encrypted to this key"),
                remedy=_("it opens for: {names}").format(names=", ".join(one.name for one in self.header.custodians)),
            )
        with self._archive.open(CONTENT) as member:
            yield DecryptingReader(member, self.header.cipher, key)


@contextmanager
def opened(path: Path, fingerprint_of_key: str = "", audit_keys: Sequence[bytes] = ()) -> Iterator[Backup]:
    """A backup, verified whole before anything of it is used, by one of the audit keys or by its key's fingerprint.

    `YinxinError` (invalid) if it was altered or cut off, or another installation's key has signed it.
    """
    with _archive_of(path) as archive:
        encoded = _whole(archive, HEADER)
        header = _header(path, encoded)
        trusted = _trusted(path, header, fingerprint_of_key, audit_keys)
        content = DIGESTS[header.digest].new()
        with archive.open(CONTENT) as member:
            while piece := member.read(_READ):
                content.update(piece)
        note = _whole(archive, MANIFEST)
        wanted = _manifest(header, DIGESTS[header.digest], encoded, content.digest())
        try:
            text = open_note(note, key_name(header.origin), trusted)
        except YinxinError:
            text = b""
        if text != wanted:
            raise _unusable(path, _("the signature of the backup is not good: it was altered"))
        yield Backup(path, header, archive)


def read_header(path: Path) -> Header:
    """What a file says of itself; nothing of it is verified."""
    with _archive_of(path) as archive:
        return _header(path, _whole(archive, HEADER))


@contextmanager
def _archive_of(path: Path) -> Iterator[zipfile.ZipFile]:
    with files.opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if sorted(archive.namelist()) != sorted((HEADER, CONTENT, MANIFEST)) or any(
                    one.compress_type != zipfile.ZIP_STORED for one in archive.infolist()
                ):
                    raise _unusable(path, _("this is no backup of Yinxin"))
                yield archive
        except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError) as error:
            raise _unusable(path, _("this is no backup, or it was cut off or altered")) from error


def _whole(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return member.read(MAXIMUM_HEADER)


def _header(path: Path, encoded: bytes) -> Header:
    try:
        return Header.model_validate_json(encoded)
    except ValidationError as error:
        raise _unusable(path, _("the header of the backup cannot be read; another version made it")) from error


def _trusted(path: Path, header: Header, wanted: str, audit_keys: Sequence[bytes]) -> bytes:
    brought = fingerprint(header.audit_key)
    expected = list(map(fingerprint, audit_keys)) or ([wanted.lower().replace(":", "")] if wanted else [])
    if not expected:
        raise YinxinError(
            Kind.INVALID,
            _("nobody says whose backup this is"),
            subject=str(path),
            remedy=_("give --audit-key or --fingerprint, which you have from the centre"),
        )
    if brought not in expected:
        raise _unusable(path, _("the backup is signed by another key: {fingerprint}").format(fingerprint=brought))
    return header.audit_key


def _unusable(path: Path, what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what, subject=str(path), remedy=_("take another backup; nothing was changed"))


def file_name(made_at: datetime) -> str:
    """Of a backup made at this moment: by name they sort as by time."""
    return f"yinxin-{made_at:%Y%m%dT%H%M%SZ}.backup"

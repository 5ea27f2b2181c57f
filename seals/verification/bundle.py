"""Evidence bundles: what an auditor needs years later, without us, in one ZIP under a signed manifest.

```
manifest.json   every other file with its size and SHA-256 (canonical JSON, RFC 8785)
manifest.p7s    CMS SignedData over exactly these octets, with a signature timestamp
anchors/  certificates/  crls/  ocsp/  makers/    DER
register/  audit/                        what the books said
```

Nothing in a bundle is trusted before its manifest is: the signer must lead to an anchor that the reader names. Nor is
an anchor trusted for being in a bundle: whoever has a certificate for signing could have made one.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Literal

import rfc8785
from asn1crypto import x509
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from core import cms
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.path import build_path
from seals.contracts import Timestamper
from seals.electronic.makers import judge_maker
from seals.tokens import checked_stamp, time_of
from seals.verification.report import Verdict
from seals.verification.trust import Trust

MANIFEST, SIGNATURE = "manifest.json", "manifest.p7s"
_PATH = "^[a-z]{1,16}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MOST_FILES = 20_000
MOST_OCTETS = 512 << 20
"""Of all files, unpacked."""
_LONGEST_MANIFEST = 16 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Model):
    """A file of the bundle."""

    path: Annotated[str, Field(pattern=_PATH)]
    size: Annotated[int, Field(ge=0)]
    """Octets."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(_Model):
    """What is signed."""

    schema_: Annotated[Literal["yinxin-bundle/1"], Field(alias="schema")] = "yinxin-bundle/1"
    made_at: AwareDatetime
    files: tuple[FileEntry, ...]

    def canonical(self) -> bytes:
        """Canonical JSON; the moment in UTC to the microsecond."""
        at = self.made_at.astimezone(UTC).isoformat(timespec="microseconds")
        return rfc8785.dumps(self.model_dump(mode="json", by_alias=True) | {"made_at": at})


@dataclass(frozen=True)
class Bundle:
    """A bundle whose manifest is trusted and whose files are those of the manifest."""

    made_at: datetime
    proven_at: datetime
    """By the time stamp of the manifest."""
    signer: bytes
    """The certificate of whoever signed the manifest, DER."""
    anchors: Sequence[bytes]
    """Those that the reader trusts, DER."""
    files: Mapping[str, bytes]

    @property
    def trust(self) -> Trust:
        """What verification rests on."""
        return Trust(self.anchors, *(self._of(folder) for folder in ("certificates", "crls", "ocsp", "makers")))

    def _of(self, folder: str) -> list[bytes]:
        return [content for path, content in sorted(self.files.items()) if path.startswith(f"{folder}/")]


def write_bundle(
    contents: Mapping[str, bytes], signer: Signer, certificates: Sequence[bytes], timestamper: Timestamper, clock: Clock
) -> bytes:
    """The ZIP. `certificates`: the signer's, then its issuers, DER. `YinxinError` if there is no time stamp."""
    now = clock.now()
    entries = [
        FileEntry(path=path, size=len(content), sha256=sha256(content).hexdigest())
        for path, content in sorted(contents.items())
    ]
    manifest = Manifest(made_at=now, files=tuple(entries)).canonical()
    digest = signer.algorithm.digest
    builder = cms.SignedDataBuilder(signer, certificates[0], certificates=certificates)
    signature = builder.build_timestamped(
        manifest, lambda value: checked_stamp(timestamper, digest, digest.of(value)), signed_at=now
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in ((MANIFEST, manifest), (SIGNATURE, signature), *sorted(contents.items())):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


Anchored = Callable[[Sequence[bytes]], Sequence[bytes]]
"""The certificates that the reader trusts, given those that the bundle brings as anchors (DER)."""


def by_certificates(anchors: Sequence[bytes]) -> Anchored:
    """The reader has the anchors (DER)."""
    return lambda _brought: anchors


def by_fingerprints(fingerprints: Sequence[str]) -> Anchored:
    """The reader knows the SHA-256 of each anchor, in hexadecimal; colons and spaces do not count.

    Every one of them must be in the bundle.
    """
    wanted = {re.sub(r"[:\s]", "", fingerprint).lower() for fingerprint in fingerprints}
    if not all(re.fullmatch("[0-9a-f]{64}", one) for one in wanted):
        raise YinxinError(Kind.INVALID, _("not a SHA-256 fingerprint"), remedy=_("write its 64 hexadecimal digits"))

    def named(brought: Sequence[bytes]) -> Sequence[bytes]:
        found = {sha256(one).hexdigest(): one for one in brought}
        return [found[one] for one in wanted] if wanted <= set(found) else []

    return named


def read_bundle(data: bytes, anchored: Anchored, clock: Clock) -> Bundle:
    """The bundle; `YinxinError` (invalid) if it is none, is not whole, or is not signed by whom the reader trusts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, anchored, clock)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, EOFError, OSError) as error:
        raise _refused(_("not a ZIP archive that can be read")) from error


def _read(archive: zipfile.ZipFile, anchored: Anchored, clock: Clock) -> Bundle:
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(names) > MOST_FILES or sum(member.file_size for member in members) > MOST_OCTETS:
        raise _refused(_("the bundle is larger than any that is made here"))
    if len(set(names)) != len(names):
        raise _refused(_("a file is in the bundle twice"))
    if MANIFEST not in names or SIGNATURE not in names:
        raise _refused(_("not an evidence bundle: it has no signed manifest"))
    text = _member(archive, MANIFEST, _LONGEST_MANIFEST)
    signed = cms.check(_member(archive, SIGNATURE, _LONGEST_MANIFEST))
    if signed.content_type != cms.DATA or signed.content != text:
        raise _refused(_("the signature is not over this manifest"))
    manifest = _manifest(text)
    if {*names} != {MANIFEST, SIGNATURE, *(entry.path for entry in manifest.files)} or len(names) != 2 + len(
        manifest.files
    ):
        raise _refused(_("the files are not those of the manifest"))
    files = {entry.path: _checked(archive, entry) for entry in manifest.files}
    brought = [content for path, content in files.items() if path.startswith("anchors/")]
    anchors = tuple(anchored(brought))
    proven_at = _require_trusted(signed, anchors, files, clock)
    return Bundle(manifest.made_at, proven_at, signed.certificate, anchors, files)


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate(json.loads(text))
        canonical = manifest.canonical() == text
    except (ValidationError, ValueError, RecursionError):
        canonical = False
    if not canonical:
        raise _refused(_("the manifest cannot be read"))
    return manifest


def _checked(archive: zipfile.ZipFile, entry: FileEntry) -> bytes:
    content = _member(archive, entry.path, entry.size)
    if len(content) != entry.size or sha256(content).hexdigest() != entry.sha256:
        raise _refused(_("a file was changed: {path}").format(path=entry.path))
    return content


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The file's octets; no more of them are unpacked than it may have, whatever the archive says of it."""
    with archive.open(name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise _refused(_("a file was changed: {path}").format(path=name))
    return content


def _require_trusted(
    signed: cms.Signed, anchors: Sequence[bytes], files: Mapping[str, bytes], clock: Clock
) -> datetime:
    """When the manifest was signed, by its time stamp; `YinxinError` (invalid) if the reader cannot trust it."""
    if not anchors:
        raise YinxinError(
            Kind.INVALID,
            _("the bundle holds no anchor of this fingerprint"),
            remedy=_("compare the fingerprint with the one that the authority has published"),
        )
    crls = tuple(content for path, content in files.items() if path.startswith("crls/"))
    digest = signed.algorithm.digest
    if not signed.timestamps:
        raise _refused(_("the manifest has no time stamp"))
    token = signed.timestamps[0]
    at, authority = time_of(token, digest, digest.of(signed.signature))
    if at > clock.now():
        raise _refused(_("the time stamp is of a time yet to come"))
    carried = (*signed.certificates, *cms.check(token).certificates)
    build_path(authority, carried, anchors, at)
    trust = Trust(anchors, carried, crls)
    for finding in judge_maker(signed.certificate, trust, at):
        if finding.verdict > Verdict.REMARKS:
            raise _refused(_("whoever signed the bundle is not trusted: {reason}").format(reason=finding.text))
    return at


def _refused(what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what, remedy=_("ask for another copy; nothing of this one was used"))


def self_named(certificate: bytes) -> str:
    """What people recognise the signer by."""
    name = x509.Certificate.load(certificate).subject.native.get("common_name")
    return name if isinstance(name, str) else sha256(certificate).hexdigest()[:16]

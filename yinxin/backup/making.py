"""Making a backup: whole and signed before it has its name, logged before it leaves, in the books when it is there."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from asn1crypto import x509

from audit.checkpoints import Notary
from audit.rotation import open_key
from ca.register import state_of
from ca.state import State
from core import files
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.sealed import seal
from core.keys.stream import CipherName, new_key
from core.words import in_words
from yinxin.backup import archive, container, snapshot
from yinxin.backup.container import Custodian, Header
from yinxin.backup.records import enter

SCRATCH = "yinxin-backup-"
LEFT_OVER = timedelta(days=1)
"""What a backup that was killed has left half written is removed after so long."""


@dataclass(frozen=True)
class Made:
    """A backup that was made."""

    file: Path
    octets: int
    header: Header
    members: int
    removed: tuple[Path, ...]
    """Older ones, of which there were more than are kept."""


def make(home: Home, destination: Path, custodians: Sequence[bytes], *, keep: int = 0, actor: str) -> Made:
    """A backup in a new file, or in a folder under the name of its moment.

    `custodians`: certificates (DER) of those who can open it, each alone. `keep`: how many stay in the folder; 0: all.
    `YinxinError`, and nothing is there, if it cannot be made whole, or if a custodian's certificate counts no more.
    """
    in_folder = destination.is_dir()
    if keep and not in_folder:
        raise YinxinError(Kind.INVALID, _("old backups are kept count of in a folder only"), subject=str(destination))
    _require_custodians(home, custodians)
    # So that all that is in the snapshot can be held against what was signed about it.
    notary = Notary.of(home.context, partial(open_key, home), home.configuration.audit, None)
    notary.checkpoint()
    signer = notary.signer
    made_at = home.clock.now().replace(microsecond=0)
    file = destination / container.file_name(made_at) if in_folder else destination
    _remove_scratch()
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as scratch:
        # Records before files: what the records speak of was made before, and lies in the home still.
        taken = snapshot.take(home.storage, Path(scratch) / archive.RECORDS)
        cipher: CipherName = "sm4-gcm" if taken.digest.name == "sm3" else "aes-256-gcm"
        key = new_key(cipher)
        header = Header(
            made_at=made_at,
            database=taken.database,
            revision=taken.revision,
            origin=taken.origin,
            digest="sm3" if taken.digest.name == "sm3" else "sha256",
            size=taken.size,
            checkpoint=(taken.checkpoint or b"").decode(),
            audit_key=signer.public_key_info,
            cipher=cipher,
            custodians=tuple(Custodian(certificate=one, envelope=seal(key, one).decode()) for one in custodians),
        )
        with files.writing(file, mode=0o600, replace=False) as written:
            with container.writing(written, header, key, signer) as stream:
                members = chain([(archive.RECORDS, taken.file)], archive.members_of(home.path))
                count = archive.pack(stream, members, taken.digest)
            octets = written.tell()
            written.flush()
            os.fsync(written.fileno())  # what the log says was made must not fail on a full disk afterwards
            _record(home, file, header, octets, actor)
    # Only now that it has its name: by this row people are told that there is one.
    with home.storage.transaction() as connection:
        enter(connection, header.made_at, file, octets, header.size)
    return Made(file, octets, header, count, _remove_older(file, header.origin, keep))


def _remove_scratch() -> None:
    """Of backups that were killed: what they had copied is personal data."""
    for one in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        if time.time() - one.stat().st_mtime > LEFT_OVER.total_seconds():
            shutil.rmtree(one, ignore_errors=True)


def _record(home: Home, file: Path, header: Header, octets: int, actor: str) -> None:
    details = {
        "made_at": header.made_at.isoformat(),
        "entries": header.size,
        "custodians": [one.name for one in header.custodians],
        "octets": octets,
    }
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event("backup.make", actor, file.name, details))


def custodians_of(paths: Sequence[Path]) -> list[bytes]:
    """The certificates (DER) in these files: the first of each, as issuers may follow."""
    return [read_certificates(path)[0] for path in paths]


def _require_custodians(home: Home, custodians: Sequence[bytes]) -> None:
    if not custodians:
        raise YinxinError(
            Kind.INVALID,
            _("nobody is named who could open the backup"),
            remedy=_("give --custodian CERTIFICATE, or set backup.custodians; best two or more persons"),
        )
    with closing(home.storage.engine.connect()) as connection:
        for one in custodians:
            certificate = x509.Certificate.load(one)
            name = describe_name(certificate.subject.dump())
            state = state_of(connection, one)
            if state in (State.HELD, State.REVOKED):
                raise YinxinError(
                    Kind.CONFLICT,
                    _("the custodian's certificate is {state}").format(state=in_words(state.value)),
                    subject=name,
                    remedy=_("name another custodian; whoever has this key must not open new backups"),
                )
            usage = certificate.key_usage_value
            if usage is not None and not usage.native & {"key_encipherment", "data_encipherment"}:
                raise YinxinError(
                    Kind.INVALID,
                    _("the certificate is not for encryption"),
                    subject=name,
                    remedy=_("name the custodian's encryption certificate, or one without key usage"),
                )


def _remove_older(file: Path, origin: str, keep: int) -> tuple[Path, ...]:
    """Of this installation's backups beside the file, those beyond so many; and what was left half written."""
    if not keep:
        return ()
    now = file.stat().st_mtime
    for one in file.parent.glob(".yinxin-*.backup.*"):
        if now - one.stat().st_mtime > LEFT_OVER.total_seconds():
            one.unlink(missing_ok=True)
    ours = [one for one in sorted(file.parent.glob("yinxin-*.backup"), reverse=True) if _is_of(one, origin)]
    for one in ours[keep:]:
        one.unlink(missing_ok=True)
    return tuple(ours[keep:])


def _is_of(file: Path, origin: str) -> bool:
    try:
        return container.read_header(file).origin == origin
    except YinxinError:
        return False  # whatever it is, it is not ours to remove

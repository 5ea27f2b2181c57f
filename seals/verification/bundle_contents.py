"""What goes into a bundle, from an installation: whom it trusts, what is revoked, the register, the audit log."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

import sqlalchemy as sa

from core.algorithms import Algorithm
from core.audit import entries
from core.certificates import read_certificates
from core.errors import YinxinError
from core.home import Home
from seals import records
from seals.contracts import SupportSource
from seals.verification.trust import load_trust


def contents_of(
    home: Home, support: SupportSource, algorithms: Iterable[Algorithm], checkpoint: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Every file by its path in the bundle. Lists that are out of date are left out: they would prove nothing.

    `checkpoint`: the newest of the audit log, files by their names.
    """
    trust = load_trust(home.trust)
    certificates, crls, responses = list(trust.certificates), list(trust.crls), list(trust.ocsp_responses)
    for authority in ("seals", "tsa"):
        folder = home.certificates(authority)
        if folder.is_dir():
            certificates += read_certificates(folder)
    for algorithm in algorithms:
        with suppress(YinxinError):
            source = support.support(algorithm).evidence
            if source is not None:
                found = source.evidence(certificates)
                certificates += found.certificates
                crls += found.crls
                responses += found.ocsp_responses
    known = [one for one in dict.fromkeys(certificates) if one not in trust.anchors]
    return {
        **_numbered("anchors", "cer", trust.anchors),
        **_numbered("certificates", "cer", known),
        **_numbered("crls", "crl", crls),
        **_numbered("ocsp", "der", responses),
        **_numbered("makers", "cer", trust.makers),
        **_register(home),
        **{f"audit/{name}": content for name, content in checkpoint.items()},
        "audit/digest.json": audit_digest(home),
    }


def audit_digest(home: Home) -> bytes:
    """How far the audit log reached, and a digest of all of it.

    The digest is SHA-256 over each entry's length (8 octets, big endian) and octets, in the order of their numbers:
    whoever has the log can compute it again.
    """
    digest, count, last = sha256(), 0, 0
    query = sa.select(entries.c.id, entries.c.entry).order_by(entries.c.id)
    with home.storage.reading() as connection:
        for number, entry in connection.execute(query.execution_options(yield_per=1000)):
            digest.update(len(entry).to_bytes(8, "big") + entry)
            count, last = count + 1, number
    at = home.clock.now().isoformat()
    return _json({"at": at, "entries": count, "last": last, "sha256": digest.hexdigest()})


def _register(home: Home) -> dict[str, bytes]:
    """Of each seal: its versions, structures (SESeal) and the signed statements about it, as they are stored."""
    files: dict[str, bytes] = {}
    with home.storage.reading() as connection:
        seals = connection.execute(sa.select(records.seals).order_by(records.seals.c.name)).all()
        for place, seal in enumerate(seals, 1):
            begin = f"register/{place:05}"
            files[f"{begin}.json"] = _json({"name": seal.name, "owner": seal.owner, "kind": seal.kind})
            versions = sa.select(records.versions).where(records.versions.c.seal_id == seal.id)
            for row in connection.execute(versions.order_by(records.versions.c.revision)):
                files[f"{begin}-v{row.revision}.json"] = row.content
                if row.structure is not None:
                    files[f"{begin}-v{row.revision}.esl"] = row.structure
            statements = sa.select(records.statements).where(records.statements.c.seal_id == seal.id)
            for row in connection.execute(statements.order_by(records.statements.c.sequence)):
                files[f"{begin}-s{row.sequence:03}.p7s"] = row.statement
    return files


def _numbered(folder: str, suffix: str, contents: Sequence[bytes]) -> dict[str, bytes]:
    unique = list(dict.fromkeys(contents))
    return {f"{folder}/{place:04}.{suffix}": content for place, content in enumerate(unique, 1)}


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"

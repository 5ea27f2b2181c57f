"""How a service renews its own certificates: ask in time, install what was issued, remove what it replaced.

Every step may be interrupted and done again: a key that was made is used, a request that was left is not left twice,
a certificate is installed whole or not at all.
"""

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from asn1crypto import x509

from core import cms, files
from core.algorithms import SHA256
from core.audit import Event
from core.certificates import armour, read_certificates
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.i18n import _
from core.keys.private_key import kind_of
from core.path import build_path
from core.service.installed import Installed, generation_of, installed, newest
from core.service.records import requests


@dataclass(frozen=True)
class Renewed:
    """What came of one round."""

    asked: tuple[str, ...] = ()
    """Names of the keys for which certificates were asked."""
    installed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return bool(self.asked or self.installed or self.removed)


def renew(home: Home, keeper: Authority, *, names: Collection[str] | None = None, early: bool = False) -> Renewed:
    """One round for the certificates of a service, or for those of these names.

    `early`: ask for new ones although the present ones have time left.

    `YinxinError` if a key does not open, or the records cannot be reached. Nothing is done while another process is
    at it.
    """
    with _alone(home, keeper) as alone:
        if not alone:
            return Renewed()
        taken = tuple(_install(home, keeper))
        return Renewed(tuple(_ask(home, keeper, names, early)), taken, tuple(_remove(home, keeper)))


def fingerprint_of(home: Home, keeper: Authority, present: Installed) -> str | None:
    """SHA-256 of the next key (SPKI), hexadecimal, for reading out to the authority; None while there is none."""
    keys = home.key_store(keeper)
    if present.next_key_name not in keys:
        return None
    return SHA256.of(keys.signer(present.next_key_name).public_key_info).hex()


@contextmanager
def _alone(home: Home, keeper: Authority) -> Iterator[bool]:
    """Whether no other process of this service renews."""
    folder = home.certificates(keeper)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".renewal.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _install(home: Home, keeper: Authority) -> Iterator[str]:
    """The certificates that the authority has issued since."""
    present = {one.name: one for one in newest(home, keeper)}
    keys = home.key_store(keeper)
    query = sa.select(requests.c.name, requests.c.certificate).where(
        requests.c.keeper == keeper, requests.c.certificate.is_not(None)
    )
    with home.storage.reading() as connection:
        answered = connection.execute(query.order_by(requests.c.id)).all()
    for row in answered:
        name, generation = generation_of(row.name)
        predecessor = present.get(name)
        if predecessor is None or generation <= predecessor.generation or row.name not in keys:
            continue
        path = predecessor.path.with_name(f"{row.name}.pem")
        _require_successor(row.certificate, keys.signer(row.name).public_key_info, predecessor, row.name)
        _record(home, keeper, "install", row.name)  # before: what is interrupted is recorded and done again
        files.write(path, armour([row.certificate, *_chain(home, row.certificate, predecessor)]))
        present[name] = Installed.read(path)
        yield row.name


def _require_successor(certificate: bytes, public_key_info: bytes, predecessor: Installed, name: str) -> None:
    """Return if it is for this key, and by the issuer of the one that it follows; else `YinxinError`."""
    loaded = x509.Certificate.load(certificate)
    issuer = x509.Certificate.load(predecessor.certificate).issuer.dump()
    if loaded.public_key.dump() != public_key_info or loaded.issuer.dump() != issuer:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate in the records is not for the key that it was asked for"),
            subject=name,
            remedy=_("somebody has altered the records: look into it; the present certificate stays in use"),
        )


def _chain(home: Home, certificate: bytes, predecessor: Installed) -> tuple[bytes, ...]:
    """The issuers of the new certificate: those of the one before, unless the authority signs by another key since."""
    known, folder = list(predecessor.chain), home.certificates("ca")
    known += read_certificates(folder) if any(folder.glob("*.pem")) else []
    anchors = read_certificates(home.trust) if any(home.trust.glob("*.pem")) else []
    try:
        return build_path(certificate, known, anchors, home.clock.now())[1:]
    except YinxinError:
        return predecessor.chain


def _subject(certificate: bytes) -> bytes:
    """Name DER."""
    name: bytes = x509.Certificate.load(certificate).subject.dump()
    return name


def _ask(home: Home, keeper: Authority, names: Collection[str] | None, early: bool) -> Iterator[str]:
    """Requests for what is due, and was not asked for yet."""
    now = home.clock.now()
    with home.storage.reading() as connection:
        asked = set(connection.scalars(sa.select(requests.c.name).where(requests.c.keeper == keeper)))
    for present in newest(home, keeper):
        wanted = (names is None or present.name in names) and (early or present.due_at <= now)
        if present.next_key_name in asked or not wanted:
            continue
        message = _request(home, keeper, present)
        with home.storage.transaction() as connection:
            connection.execute(
                sa.insert(requests).values(
                    keeper=keeper, name=present.next_key_name, request=message, asked_at=home.clock.now()
                )
            )
            event = Event("service.certificate.ask", f"service:{keeper}", present.next_key_name)
            home.context.audit.append(connection, event)
        yield present.next_key_name


def _request(home: Home, keeper: Authority, present: Installed) -> bytes:
    """PKCS#10 for a new key, in SignedData by the present one, which whoever writes to the records cannot forge."""
    keys = home.key_store(keeper)
    signer = keys.signer(present.key_name)
    name = present.next_key_name
    new = keys.signer(name) if name in keys else keys.create(name, kind_of(signer.public_key_info))
    csr = build_csr(new, _subject(present.certificate))
    return cms.sign(csr, signer, present.certificate, signed_at=home.clock.now())


def _remove(home: Home, keeper: Authority) -> Iterator[str]:
    """Certificates and keys that have a successor in force: a key that signs no more is only a danger."""
    now, keys = home.clock.now(), home.key_store(keeper)
    present = {one.key_name: one for one in installed(home, keeper)}
    in_force = {one.name: one.generation for one in present.values() if one.valid_at(now)}
    # A key may be left without its certificate, where this was interrupted: the certificate goes first, for services
    # take what is installed to have its key.
    for key_name in sorted({*present, *keys.names()}):
        name, generation = generation_of(key_name)
        if generation < in_force.get(name, 0):
            _record(home, keeper, "remove", key_name)
            if key_name in present:
                present[key_name].path.unlink(missing_ok=True)
            keys.remove(key_name)
            yield key_name


def _record(home: Home, keeper: Authority, act: str, name: str) -> None:
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event(f"service.certificate.{act}", f"service:{keeper}", name))

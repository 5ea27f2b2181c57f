"""Certification paths (RFC 5280 6.1), the plain ones: validity, authority, length and signatures, judged at a moment.

Revocation is the caller's question. Critical extensions that are not looked at here (policies) make a path invalid, as
RFC 5280 4.2 asks. Name constraints are pyhanko-certvalidator's.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from asn1crypto import x509

from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify

MAXIMUM_LENGTH = 8
MAXIMUM_TRIES = 200
"""Signatures that are looked at for a path: authorities that certify each other have more paths than there is time."""
_UNDERSTOOD = {"basic_constraints", "key_usage", "extended_key_usage", "name_constraints"}


class _Issuer(NamedTuple):
    """A certificate that may have issued others."""

    encoded: bytes
    authority: tuple[bytes, bytes]
    """Name and SubjectPublicKeyInfo, DER."""


def build_path(leaf: bytes, candidates: Sequence[bytes], anchors: Sequence[bytes], at: datetime) -> tuple[bytes, ...]:
    """The path from a certificate (DER) to one of the anchors, both included, that held at that moment.

    `candidates`: intermediates, in any order. `YinxinError` (invalid) says why there is none.
    """
    return _built(leaf, tuple(candidates), tuple(anchors), at)


# The same path is asked for in each document that an office has sealed. What has no path is not kept.
@lru_cache(maxsize=256)
def _built(leaf: bytes, candidates: tuple[bytes, ...], anchors: tuple[bytes, ...], at: datetime) -> tuple[bytes, ...]:
    try:
        path = _Search(anchors, candidates, at).extend([leaf])
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("a certificate of the path cannot be read")) from error
    return tuple(path)


class _Search:
    """Depth first, the anchors before the others."""

    def __init__(self, anchors: Sequence[bytes], candidates: Sequence[bytes], at: datetime) -> None:
        self._anchors, self._at, self._tries = frozenset(anchors), at, 0
        self._issuers: dict[bytes, list[_Issuer]] = defaultdict(list)
        for encoded in dict.fromkeys([*anchors, *candidates]):
            with suppress(*UNREADABLE):  # what cannot be read has issued nothing
                certificate = x509.Certificate.load(encoded, strict=True)
                subject = certificate.subject.dump()
                self._issuers[subject].append(_Issuer(encoded, (subject, certificate.public_key.dump())))

    def extend(self, path: list[bytes], been: frozenset[tuple[bytes, bytes]] = frozenset()) -> list[bytes]:
        """The path, extended to an anchor; `YinxinError` (invalid) if it leads nowhere. `been`: its authorities."""
        certificate = x509.Certificate.load(path[-1], strict=True)
        # An anchor vouches by being trusted now, also for what its key was linked to before it began (RFC 4210 4.4.1).
        is_link = len(path) > 1 and x509.Certificate.load(path[-2]).self_issued
        begins = not (path[-1] in self._anchors and is_link)
        below = len(path) - 2 if len(path) > 1 else None
        _check_alone(certificate, self._at, authorities_below=below, begins=begins)
        if path[-1] in self._anchors:
            _check_names(path)
            return path
        failure = YinxinError(
            Kind.INVALID,
            _("no trusted issuer is known: {issuer}").format(issuer=describe_name(certificate.issuer.dump())),
            subject=describe_name(certificate.subject.dump()),
            remedy=_("put the issuer's certificate into the folder of trusted certificates"),
        )
        if len(path) == MAXIMUM_LENGTH:
            raise failure
        for issuer in self._issuers.get(certificate.issuer.dump(), ()):
            # No authority twice (RFC 4158 5.2): name and key, for one may have many certificates.
            if issuer.encoded in path or issuer.authority in been or self._tries == MAXIMUM_TRIES:
                continue
            self._tries += 1
            if not _issued(issuer, certificate):
                continue
            try:
                return self.extend([*path, issuer.encoded], been | {issuer.authority})
            except YinxinError as error:
                failure = error
        raise failure


def _check_names(path: list[bytes]) -> None:
    """Return if every name lies in what the authorities above it may certify (RFC 5280 6.1.3 b, c); else refuse."""
    loaded = [x509.Certificate.load(one, strict=True) for one in reversed(path)]
    if not any(one.name_constraints_value for one in loaded):
        return
    from pyhanko_certvalidator import name_trees

    permitted = name_trees.PermittedSubtrees(name_trees.default_permitted_subtrees())
    excluded = name_trees.ExcludedSubtrees(name_trees.default_excluded_subtrees())
    for one in loaded:
        # Self-issued certificates are not bound, unless the path is for them.
        if not one.self_issued or one is loaded[-1]:
            try:
                allowed = bool(permitted.accept_cert(one)) and bool(excluded.accept_cert(one))
            except NotImplementedError:
                allowed = False  # of a kind of name that cannot be compared: not known to be allowed
            if not allowed:
                raise YinxinError(
                    Kind.INVALID,
                    _("an authority above may not certify this name (name constraints)"),
                    subject=describe_name(one.subject.dump()),
                )
        constraints = one.name_constraints_value
        if constraints is None:
            continue
        if constraints["permitted_subtrees"].native:
            permitted.intersect_with(name_trees.process_general_subtrees(constraints["permitted_subtrees"]))
        if constraints["excluded_subtrees"].native:
            excluded.union_with(name_trees.process_general_subtrees(constraints["excluded_subtrees"]))


def _check_alone(
    certificate: x509.Certificate, at: datetime, authorities_below: int | None, *, begins: bool = True
) -> None:
    """What the certificate must be by itself; `authorities_below` is None for the certificate that the path is for.

    `begins`: whether it must have begun.
    """
    subject = describe_name(certificate.subject.dump())
    if (begins and at < certificate.not_valid_before) or at > certificate.not_valid_after:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate was not valid at {moment}: its validity runs from {begin} to {end}").format(
                moment=at.isoformat(), begin=certificate.not_valid_before, end=certificate.not_valid_after
            ),
            subject=subject,
        )
    unknown = sorted(certificate.critical_extensions - _UNDERSTOOD)
    if unknown:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("a critical extension that is not understood here: {extensions}").format(extensions=", ".join(unknown)),
            subject=subject,
        )
    if authorities_below is None:
        return
    constraints = certificate.basic_constraints_value
    usage = certificate.key_usage_value
    may_issue = constraints is not None and constraints["ca"].native
    if not may_issue or (usage is not None and "key_cert_sign" not in usage.native):
        raise YinxinError(Kind.INVALID, _("the certificate is not that of a certificate authority"), subject=subject)
    limit = certificate.max_path_length
    if limit is not None and authorities_below > limit:
        raise YinxinError(Kind.INVALID, _("more authorities below this certificate than it allows"), subject=subject)


def _issued(issuer: _Issuer, certificate: x509.Certificate) -> bool:
    """Whether the key fits, over the original bytes."""
    body = certificate["tbs_certificate"]
    identifier = certificate["signature_algorithm"].dump()
    if body["signature"].dump() != identifier:
        return False
    try:
        signature = certificate["signature_value"].native
        verify(issuer.authority[1], algorithm_by_identifier(identifier), signature, body.dump())
    except (InvalidSignature, YinxinError):
        return False
    return True

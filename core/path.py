"""Certification paths (RFC 5280 6.1), the plain ones: validity, authority, length and signatures, judged at a moment.

Revocation is the caller's question. Critical extensions that are not looked at here (policies) make a path invalid, as
RFC 5280 4.2 asks. Name constraints are pyhanko-certvalidator's.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from asn1crypto import x509

from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify

MAXIMUM_LENGTH = 8
_UNDERSTOOD = {"basic_constraints", "key_usage", "extended_key_usage", "name_constraints"}


def build_path(leaf: bytes, candidates: Sequence[bytes], anchors: Sequence[bytes], at: datetime) -> tuple[bytes, ...]:
    """The path from a certificate (DER) to one of the anchors, both included, that held at that moment.

    `candidates`: intermediates, in any order. `YinxinError` (invalid) says why there is none.
    """
    return _built(leaf, tuple(candidates), tuple(anchors), at)


# The same path is asked for in each document that an office has sealed. What has no path is not kept.
@lru_cache(maxsize=256)
def _built(leaf: bytes, candidates: tuple[bytes, ...], anchors: tuple[bytes, ...], at: datetime) -> tuple[bytes, ...]:
    try:
        path = _extend([leaf], [*anchors, *candidates], set(anchors), at)
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("a certificate of the path cannot be read")) from error
    return tuple(path)


def _extend(path: list[bytes], issuers: list[bytes], anchors: set[bytes], at: datetime) -> list[bytes]:
    certificate = x509.Certificate.load(path[-1], strict=True)
    # An anchor vouches by being trusted now, also for what its key was linked to before it began (RFC 4210 4.4.1).
    is_link = len(path) > 1 and x509.Certificate.load(path[-2]).self_issued
    begins = not (path[-1] in anchors and is_link)
    _check_alone(certificate, at, authorities_below=len(path) - 2 if len(path) > 1 else None, begins=begins)
    if path[-1] in anchors:
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
    for issuer in issuers:
        if issuer in path or not _issued(x509.Certificate.load(issuer, strict=True), certificate):
            continue
        try:
            return _extend([*path, issuer], issuers, anchors, at)
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


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the name and the key fit, over the original bytes."""
    if issuer.subject.dump() != certificate.issuer.dump():
        return False
    body = certificate["tbs_certificate"]
    identifier = certificate["signature_algorithm"].dump()
    if body["signature"].dump() != identifier:
        return False
    try:
        signature = certificate["signature_value"].native
        verify(issuer.public_key.dump(), algorithm_by_identifier(identifier), signature, body.dump())
    except (InvalidSignature, YinxinError):
        return False
    return True

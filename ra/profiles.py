"""What the CA's profiles ask of requests that come through the registration authority."""

import sqlalchemy as sa

from ca.activation import active_profile
from ca.authorities import Authority, authority_of
from ca.books import AuthorityKind
from ca.key_quality import examine_key
from ca.profiles import Audience, KeyType, Profile
from core.algorithms import Family
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.applications import Application
from ra.refusals import RefusedError

OPERATOR = "operator"
"""The profile of operators' certificates: by appointment (`ra.operators`), not on request."""


def subscriber_profile(connection: sa.Connection, name: str) -> Profile:
    """The profile in use; `YinxinError` if there is none, or if it is not for people and units, or CAs of others."""
    profile = active_profile(connection, name).profile
    if profile.audience not in (Audience.SUBSCRIBER, Audience.CROSS) or name == OPERATOR:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("certificates of this profile are not applied for here"),
            subject=name,
            remedy=_("use a profile for people or units; see: yinxin ca profile list"),
        )
    return profile


def check_application(connection: sa.Connection, application: Application) -> None:
    """Return if the request can lead to a certificate; `YinxinError` says what is wrong with it.

    The CA checks what it certifies again; here the errors come before anybody has spent work on the request.
    """
    profile = subscriber_profile(connection, application.profile)
    authority = authority_of(connection, application.authority, AuthorityKind.CERTIFICATES)
    if application.approvals < profile.approvals:
        raise RefusedError(
            "too-few-approvals",
            _("the profile asks for {needed} approvals").format(needed=profile.approvals),
            subject=application.number,
        )
    application.subject.name()
    _check_fields(profile, application)
    _check_key(profile, authority, application)


def _check_fields(profile: Profile, application: Application) -> None:
    subject = application.subject
    rules = (
        (profile.subject, subject.model_dump(exclude_none=True, exclude={"identity"})),
        (profile.identity, subject.identity.model_dump(exclude_none=True)),
    )
    for rule, given in rules:
        missing = [field for field in rule.required if field not in given]
        surplus = [field for field in given if field not in (*rule.required, *rule.optional)]
        # Only the fields' names: their values may be identity numbers.
        if missing:
            raise YinxinError(
                Kind.INVALID,
                _("the profile {profile} asks for: {fields}").format(profile=profile.name, fields=", ".join(missing)),
                remedy=_("give the missing fields"),
            )
        if surplus:
            raise YinxinError(
                Kind.INVALID,
                _("the profile {profile} does not take: {fields}").format(
                    profile=profile.name, fields=", ".join(surplus)
                ),
                remedy=_("leave these fields out, or use another profile"),
            )


def _check_key(profile: Profile, authority: Authority, application: Application) -> None:
    csr = parse_csr(application.csr)
    csr.check_possession()
    key = examine_key(csr.public_key_info)
    if key.type not in profile.keys:
        raise YinxinError(
            Kind.INVALID,
            _("the profile {profile} does not take keys of kind {kind}").format(
                profile=profile.name, kind=key.type.value
            ),
            remedy=_("make a key of another kind: {kinds}").format(
                kinds=", ".join(kind.value for kind in profile.keys)
            ),
        )
    if (key.type is KeyType.SM2) is not (authority.algorithm.family is Family.SM2):
        raise YinxinError(
            Kind.INVALID,
            _("the authority {authority} does not certify keys of kind {kind}").format(
                authority=authority.name, kind=key.type.value
            ),
            remedy=_("SM2 keys go to SM2 authorities, other keys to the others"),
        )

"""What an issuance stands on: the authority, and the profile's version in use. Read once, confirmed for each issuance.

Reading both takes longer than a signature, so they are kept; the transaction that commits the intents asks whether they
hold, so that a profile activated or an authority revoked a moment ago is never missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ca.activation import ProfileVersion, active_profile
from ca.authorities import Authority, authority_of, find_authority
from ca.books import AuthorityKind
from ca.generations import newest_generation
from ca.history import steps_of
from ca.profiles import Audience, Profile
from ca.records import events, profiles, successions
from ca.state import State
from core.errors import Kind, YinxinError
from core.i18n import _
from core.prepared import Prepared

# Built once, as in `ca.history`. One question for both: each costs as much as what it asks about.
_PRESENT = Prepared(
    sa.select(
        sa.select(sa.func.max(profiles.c.version)).where(profiles.c.name == sa.bindparam("profile")).scalar_subquery(),
        sa.select(events.c.state)
        .where(events.c.authority_id == sa.bindparam("issuer"), events.c.serial == sa.bindparam("number"))
        .order_by(events.c.sequence.desc())
        .limit(1)
        .scalar_subquery(),
        sa.select(successions.c.successor_id)
        .where(successions.c.predecessor_id == sa.bindparam("authority"))
        .scalar_subquery(),
    )
)


@dataclass(frozen=True)
class Grounds:
    """Who issues, and by what."""

    authority: Authority
    version: ProfileVersion

    def hold(self, connection: sa.Connection) -> bool:
        """Whether the profile's version is still the one in use, and the authority's key the newest.

        `YinxinError` (conflict) if the authority's own certificate was revoked or held.
        """
        authority, version = self.authority, self.version
        newest, state, successor = _PRESENT.first(
            connection,
            {
                "profile": version.profile.name,
                "issuer": authority.issuer_id or authority.id,
                "number": authority.serial,  # none yet: a root in its ceremony
                "authority": authority.id,
            },
        )
        if successor is not None and not version.profile.stays_with_key:
            return False
        _require_in_force(authority, state)
        return bool(newest == version.version)


def read_grounds(connection: sa.Connection, authority: str, profile: str, *, of_authorities: bool) -> Grounds:
    """The grounds as they are now. `YinxinError` if this authority issues nothing by this profile.

    `of_authorities`: whether CAs are certified, in a ceremony, or anything else.
    """
    version = active_profile(connection, profile)
    _require_audience(version.profile, of_authorities)
    return Grounds(_issuer(connection, authority, version.profile), version)


def all_hold(connection: sa.Connection, grounds: Iterable[Grounds]) -> bool:
    """Whether each of them holds; `YinxinError` as for `Grounds.hold`."""
    return all(one.hold(connection) for one in grounds)


def require_issuers_in_force(connection: sa.Connection, issuers: Iterable[Authority]) -> None:
    """Return if none of these authorities was revoked or held; else `YinxinError` (conflict)."""
    for authority in issuers:
        if authority.serial is not None:
            history = steps_of(connection, authority.issuer_id or authority.id, authority.serial)
            _require_in_force(authority, history[-1].state if history else None)


def _require_in_force(authority: Authority, state: str | None) -> None:
    if state in (State.HELD, State.REVOKED):
        raise YinxinError(
            Kind.CONFLICT,
            _("the authority's own certificate is {state}").format(state=State(state)),
            subject=authority.name,
            remedy=_("issue from another authority"),
        )


def _issuer(connection: sa.Connection, name: str, profile: Profile) -> Authority:
    """The authority that issues; for a root's own certificate, one that has none yet."""
    if not profile.self_issued:
        named = authority_of(connection, name, AuthorityKind.CERTIFICATES)
        return named if profile.stays_with_key else newest_generation(connection, named)
    authority = find_authority(connection, name)
    if authority is None or authority.certificate is not None:
        raise YinxinError(Kind.CONFLICT, _("a root issues its own certificate once, when it is created"), subject=name)
    return authority


def _require_audience(profile: Profile, of_authorities: bool) -> None:
    if profile.takes_ceremony and not of_authorities:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} makes a CA: that takes a ceremony").format(profile=profile.name),
        )
    if profile.audience is Audience.IMPORTED:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} is for what was issued elsewhere").format(profile=profile.name),
        )
    if profile.audience is Audience.ENCRYPTION:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} is for keys from the key-management centre, beside a signing certificate").format(
                profile=profile.name
            ),
        )
    if of_authorities and not (profile.takes_ceremony or profile.is_authority):
        raise YinxinError(Kind.INVALID, _("the profile {profile} makes no CA").format(profile=profile.name))

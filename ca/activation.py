"""Profiles in use: activated as versions that never change, after specimens of them passed our linter and pkilint."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa

from ca import conformance
from ca.lint import findings
from ca.profiles import Profile
from ca.records import profiles
from ca.specimen import SpecimenMaker
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _

_ACTIVE = sa.select(profiles).where(profiles.c.name == sa.bindparam("of")).order_by(profiles.c.version.desc()).limit(1)


@dataclass(frozen=True)
class ProfileVersion:
    """A profile as it was activated."""

    id: int
    version: int
    profile: Profile
    activated_at: datetime


def activate(context: Context, given: Iterable[Profile], *, actor: str) -> list[ProfileVersion]:
    """Put these profiles to use: each that differs from its newest version becomes the next one.

    A version with a meaning never seen before is tried first, with a specimen for each kind of key; `YinxinError`
    (invalid) with what the linters found, and nothing is activated. Meanings seen before are not tried again.
    """
    given = list(given)
    with context.storage.reading() as connection:
        query = sa.select(profiles.c.name, profiles.c.digest)
        tried = {(row.name, row.digest) for row in connection.execute(query)}
    maker = SpecimenMaker(context.clock.now())
    for profile in given:
        if (profile.name, profile.digest) not in tried:
            _try(profile, maker)
    with context.storage.transaction() as connection:
        for profile in given:
            _activate(connection, context, profile, actor)
        return [active_profile(connection, profile.name) for profile in given]


def active_profile(connection: sa.Connection, name: str) -> ProfileVersion:
    """The version in use. `YinxinError` (not found) if the profile was never activated."""
    row = connection.execute(_ACTIVE, {"of": name}).one_or_none()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no such profile is in use"),
            subject=name,
            remedy=_("see: yinxin ca profile list; activate it with: yinxin ca profile activate"),
        )
    return _version(row)


def profile_version(connection: sa.Connection, name: str, version: int) -> ProfileVersion:
    """A version as it was activated, in use or not."""
    return _version(
        connection.execute(sa.select(profiles).where(profiles.c.name == name, profiles.c.version == version)).one()
    )


def active_profiles(connection: sa.Connection) -> list[ProfileVersion]:
    """The version in use of every profile, by name."""
    newest = (
        sa.select(profiles.c.name, sa.func.max(profiles.c.version).label("version"))
        .group_by(profiles.c.name)
        .subquery()
    )
    rows = connection.execute(
        sa.select(profiles)
        .join(newest, sa.and_(profiles.c.name == newest.c.name, profiles.c.version == newest.c.version))
        .order_by(profiles.c.name)
    )
    return [_version(row) for row in rows]


def _version(row: sa.Row[tuple[object, ...]]) -> ProfileVersion:
    # Over the kept bytes: a later program knows more settings than the one that wrote them.
    if hashlib.sha256(row.document).digest() != row.digest:
        raise YinxinError(
            Kind.CONFLICT,
            _("the profile in the books does not match its digest"),
            subject=row.name,
            remedy=_("the database was altered; restore it from a backup"),
        )
    return ProfileVersion(row.id, row.version, _read(row.document), row.activated_at)


@lru_cache(maxsize=64)
def _read(document: bytes) -> Profile:
    """Versions never change, and reading one takes as long as a signature."""
    return Profile.model_validate_json(document)


def _try(profile: Profile, maker: SpecimenMaker) -> None:
    for key_type in profile.keys:
        tbs, issuer, certificate = maker.make(profile, key_type)
        found = [*map(str, findings(tbs, profile, issuer)), *map(str, conformance.lint_certificate(certificate))]
        if found:
            raise YinxinError(
                Kind.INVALID,
                _("a specimen with a key of kind {type} is refused: {findings}").format(
                    type=key_type, findings="; ".join(found)
                ),
                subject=profile.name,
                remedy=_("correct the profile and activate it again"),
            )


def _activate(connection: sa.Connection, context: Context, profile: Profile, actor: str) -> None:
    newest = connection.execute(
        sa.select(profiles.c.version, profiles.c.digest)
        .where(profiles.c.name == profile.name)
        .order_by(profiles.c.version.desc())
        .limit(1)
    ).one_or_none()
    if newest is not None and newest.digest == profile.digest:
        return
    version = newest.version + 1 if newest else 1
    connection.execute(
        sa.insert(profiles).values(
            name=profile.name,
            version=version,
            digest=profile.digest,
            document=profile.document(),
            activated_at=context.clock.now(),
            activated_by=actor,
        )
    )
    details = {"version": version, "digest": profile.digest.hex()}
    details |= {"approvals": profile.approvals, "audience": profile.audience.value}
    context.audit.append(connection, Event("ca.profile.activate", actor, profile.name, details))

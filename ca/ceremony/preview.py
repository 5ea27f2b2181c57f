"""A dry run: everything that the ceremony will do, and the certificates as they will be, with keys thrown away."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from ca.ceremony.plan import Plan, ReadPlan, RootTerms, profiles_of
from ca.ceremony.wording import Section, certificate_rows, custody_of, frame_of, people_of
from ca.certificate import CertificateTemplate, assemble
from ca.lint import IssuerLimits, findings
from ca.profiles import Profile
from core.config import UrlSettings
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import generate


def preview(read: ReadPlan, base: Profile, now: datetime) -> list[Section]:
    """What will be done, to be read by everybody. `YinxinError` (invalid) if a certificate would break a rule.

    `base`: the profile of roots that the plan narrows.
    """
    plan = read.plan
    read.certificates()
    roots = [
        Section(
            _("Root {name}").format(name=root.name),
            certificate_rows(_as_it_will_be(plan, root, profile, now), made=False),
        )
        for root, profile in zip(plan.roots, profiles_of(plan, base), strict=True)
    ]
    return [
        frame_of(plan, read.digest),
        people_of(plan),
        *roots,
        custody_of(plan),
        Section(_("Steps"), list(_steps(read))),
    ]


def urls_of(plan: Plan) -> UrlSettings:
    """The addresses that certificates under these roots say."""
    return UrlSettings(ca=plan.address)


def _as_it_will_be(plan: Plan, root: RootTerms, profile: Profile, now: datetime) -> bytes:
    key, name = generate(root.key), root.subject.name()
    begin = now.replace(microsecond=0)
    issuer = IssuerLimits(root.name, name, key.public_key_info, key.algorithm, not_before=None, not_after=None)
    tbs = CertificateTemplate(profile, issuer, urls_of(plan)).tbs(
        serial=int.from_bytes(b"\x01" + secrets.token_bytes(18), "big"),
        not_before=begin,
        not_after=begin + timedelta(days=profile.validity_days) - timedelta(seconds=1),
        subject=name,
        public_key_info=key.public_key_info,
    )
    if broken := findings(tbs, profile, issuer):
        raise YinxinError(
            Kind.INVALID,
            _("the certificate would break {count} rules: {first}").format(
                count=len(broken), first="; ".join(map(str, broken[:3]))
            ),
            subject=root.name,
            remedy=_("correct the plan and review it again"),
        )
    return assemble(tbs, key.algorithm, key.sign(tbs))


def _steps(read: ReadPlan) -> Iterator[tuple[str, str]]:
    plan = read.plan
    sealed = plan.custody.delivery == "encrypted"
    steps = [
        _("a home for the roots is made: configuration, database, audit log"),
        _("a passphrase of 128 random bits is drawn and split; it is never written down"),
        *(
            _("root {name}: key {kind}, certificate, first list for {days} days").format(
                name=root.name, kind=root.key.value, days=root.list_days
            )
            for root in plan.roots
        ),
        _("the shares are combined once to see that they open every key"),
        _("the shares go to {folder}, each encrypted to its custodian").format(folder=read.beside(plan.outputs.folder))
        if sealed
        else _("the sheets with the shares go to {folder}, in memory: print them, then remove the folder").format(
            folder=plan.outputs.sheets
        ),
        _("certificates, lists and transcript go to {folder}").format(folder=read.beside(plan.outputs.folder)),
        _("everybody signs the transcript"),
    ]
    yield from ((str(place), what) for place, what in enumerate(steps, 1))

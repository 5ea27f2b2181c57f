"""Linting before the signature: named rules over the exact bytes. What they refuse is not signed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ca.lint import basics, extensions, names
from ca.lint.reading import UNREADABLE, Examined, FixedPart, IssuerLimits
from ca.lint.rule import Finding, Looked, Rule
from ca.lint.token import LintedTbs, permit, redeem
from ca.profiles import Profile
from core.errors import Kind, YinxinError
from core.i18n import _

__all__ = ["RULES", "Finding", "IssuerLimits", "LintedTbs", "Rule", "findings", "lint", "redeem"]

_ON_FIXED: Sequence[Rule[FixedPart]] = (*basics.fixed.rules, *extensions.fixed.rules)
_ON_EACH: Sequence[Rule[Examined]] = (*basics.each.rules, *names.each.rules, *extensions.each.rules)
RULES: Sequence[Rule[Any]] = (*_ON_FIXED, *_ON_EACH)


def findings(tbs: bytes, profile: Profile, issuer: IssuerLimits) -> list[Finding]:
    """Every rule that these TBSCertificate bytes break."""
    try:
        examined = Examined(tbs, profile, issuer)
    except UNREADABLE as error:
        return [_no_certificate(error)]
    return [*_findings_on_fixed(examined.fixed), *_broken(_ON_EACH, examined)]


@lru_cache(maxsize=1024)
def _findings_on_fixed(part: FixedPart) -> tuple[Finding, ...]:
    try:
        part.read_extensions  # noqa: B018 - that they can be read is the rule
    except UNREADABLE as error:
        return (_no_certificate(error), *_broken(_ON_FIXED, part))
    return tuple(_broken(_ON_FIXED, part))


def _broken(rules: Sequence[Rule[Looked]], looked: Looked) -> list[Finding]:
    broken = []
    for rule in rules:
        try:
            for complaint in rule.check(looked):
                broken.append(Finding(rule.name, rule.clause, complaint))
        except UNREADABLE as error:
            broken.append(Finding(rule.name, rule.clause, f"cannot be read: {error}"))
    return broken


def _no_certificate(error: Exception) -> Finding:
    return Finding("is_a_certificate", "X.690; RFC 5280 4.1", str(error))


def lint(tbs: bytes, profile: Profile, issuer: IssuerLimits) -> LintedTbs:
    """The token that permits the signature; `YinxinError` (invalid) that names the rules broken."""
    broken = findings(tbs, profile, issuer)
    if broken:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate would break {count} rules: {first}").format(
                count=len(broken), first="; ".join(map(str, broken[:3]))
            ),
            remedy=_("correct the request or the profile; nothing was signed"),
        )
    return permit(tbs, issuer.public_key_info, profile.digest)

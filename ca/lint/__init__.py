"""Linting before the signature: named rules over the exact bytes. What they refuse is not signed."""

from cryptography import x509

from ca.lint import basics, extensions, names
from ca.lint.reading import Examined, IssuerLimits
from ca.lint.rule import Finding, Rule
from ca.lint.token import LintedTbs, permit, redeem
from ca.profiles import Profile
from core.errors import Kind, YinxinError
from core.i18n import _

__all__ = ["RULES", "Finding", "IssuerLimits", "LintedTbs", "Rule", "findings", "lint", "redeem"]

RULES: tuple[Rule, ...] = (*basics.book.rules, *names.book.rules, *extensions.book.rules)


_UNREADABLE = (
    ValueError,
    IndexError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)


def findings(tbs: bytes, profile: Profile, issuer: IssuerLimits) -> list[Finding]:
    """Every rule that these TBSCertificate bytes break."""
    shape = ("is_a_certificate", "X.690; RFC 5280 4.1")
    try:
        examined = Examined(tbs, profile, issuer)
    except _UNREADABLE as error:
        return [Finding(*shape, str(error))]
    broken = []
    try:
        examined.read_extensions  # noqa: B018 - that they can be read is the rule
    except _UNREADABLE as error:
        broken.append(Finding(*shape, str(error)))
    for rule in RULES:
        try:
            broken += [Finding(rule.name, rule.clause, complaint) for complaint in rule.check(examined)]
        except _UNREADABLE as error:
            broken.append(Finding(rule.name, rule.clause, f"cannot be read: {error}"))
    return broken


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

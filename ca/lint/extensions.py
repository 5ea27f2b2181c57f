"""Rules on the standard extensions: which there are, what they say, and that the profile wants it so."""

from collections.abc import Iterable, Iterator

from cryptography import x509

from ca import certificate as fields
from ca.lint.reading import Examined, FixedPart
from ca.lint.rule import RuleBook
from ca.profiles import EXTENDED_KEY_USAGES, FIELD_LABELS, KEY_USAGES, Audience, Subtrees
from core.asn1 import der
from core.subject import IDENTITY_OIDS

fixed, each = RuleBook[FixedPart](), RuleBook[Examined]()

_PURPOSE_NAMES = {dotted: name for name, dotted in EXTENDED_KEY_USAGES.items()}
_KNOWN = {
    der.oid(dotted)
    for dotted in (
        fields.SUBJECT_KEY_IDENTIFIER,
        fields.AUTHORITY_KEY_IDENTIFIER,
        fields.KEY_USAGE,
        fields.BASIC_CONSTRAINTS,
        fields.NAME_CONSTRAINTS,
        fields.CERTIFICATE_POLICIES,
        fields.EXTENDED_KEY_USAGE,
        fields.CRL_DISTRIBUTION_POINTS,
        fields.FRESHEST_CRL,
        fields.AUTHORITY_INFO_ACCESS,
        fields.OCSP_NOCHECK,
        *IDENTITY_OIDS.values(),
    )
}


@each.rule("RFC 5280 4.2")
def no_extension_twice_or_unknown(examined: Examined) -> Iterator[str]:
    """Each at most once; none that we did not mean to write, critical or not."""
    types = [extension.oid for extension in examined.extensions]
    if len(set(types)) != len(types):
        yield "an extension stands twice"
    for extension in examined.extensions:
        if extension.oid not in _KNOWN:
            yield f"an extension is not used here: {extension.oid.hex()}" + (
                " (critical)" if extension.critical else ""
            )


@fixed.rule("RFC 5280 4.2.1.1")
def authority_key_identifier_is_the_issuers(part: FixedPart) -> Iterator[str]:
    """The identifier that the issuer's own certificate bears, and nothing else; not critical."""
    expected = fields.key_identifier(part.issuer.public_key_info)
    raw = part.extension(fields.AUTHORITY_KEY_IDENTIFIER)
    if raw is None:
        yield "there is no authority key identifier"
    elif raw.critical or raw.value != der.sequence(b"\x80" + bytes((len(expected),)) + expected):
        yield "the authority key identifier is critical or not the issuer's"


@each.rule("RFC 5280 4.2.1.2")
def subject_key_identifier_is_the_keys(examined: Examined) -> Iterator[str]:
    """SHA-1 over the key (method 1); not critical."""
    raw = examined.extension(fields.SUBJECT_KEY_IDENTIFIER)
    if raw is None:
        yield "there is no subject key identifier"
    elif raw.critical or raw.value != der.octet_string(fields.key_identifier(examined.public_key_info.raw)):
        yield "the subject key identifier is critical or not the key's"


@fixed.rule("RFC 5280 4.2.1.3; GB/T 20518 5.2.4.2.4; GM/T 0034 (single signing certificate)")
def key_usage_is_the_profiles(part: FixedPart) -> Iterator[str]:
    """Exactly the bits of the profile, written as a named bit list, as critical as it says."""
    profile = part.profile.key_usage
    raw = part.extension(fields.KEY_USAGE)
    if raw is None:
        yield "there is no key usage"
        return
    bits = int.from_bytes(raw.value[3:], "big")
    width = 8 * len(raw.value[3:])
    named = {name for name, position in KEY_USAGES.items() if bits >> (width - 1 - position) & 1}
    if named != set(profile.values) or raw.critical != profile.critical:
        yield "the key usage is not the profile's"
    if raw.value[2] != (bits & -bits).bit_length() - 1:
        yield "the key usage has trailing zero bits (X.690 11.2.2)"
    if "keyCertSign" in named and not part.profile.is_authority:
        yield "only a CA signs certificates"
    if "cRLSign" in named and not (part.profile.is_authority or part.profile.takes_ceremony):
        yield "only an authority signs CRLs"


@fixed.rule("RFC 5280 4.2.1.9")
def basic_constraints_are_the_profiles(part: FixedPart) -> Iterator[str]:
    """Critical; CA and path length as in the profile, and shorter than the issuer's path."""
    raw = part.extension(fields.BASIC_CONSTRAINTS)
    if raw is None or not raw.critical:
        yield "the basic constraints are missing or not critical"
        return
    constraints = part.read_extensions.get_extension_for_class(x509.BasicConstraints).value
    profile = part.profile
    if (constraints.ca, constraints.path_length) != (profile.is_authority, profile.path_length):
        yield "the basic constraints are not the profile's"
    limit = part.issuer.path_length
    # Self-issued certificates are not counted (RFC 5280 4.2.1.9).
    if not constraints.ca or limit is None or profile.self_issued or profile.audience is Audience.LINK:
        return
    if limit == 0:
        yield "the issuer may not certify another CA (its path length is 0)"
    elif constraints.path_length is None or constraints.path_length >= limit:
        yield f"the path length is not below the issuer's {limit}"


@fixed.rule("RFC 5280 4.2.1.10")
def name_constraints_are_the_profiles(part: FixedPart) -> Iterator[str]:
    """Critical, and in the eyes of a reader that is not ours the names of the profile."""
    raw, wanted = part.extension(fields.NAME_CONSTRAINTS), part.profile.name_constraints
    if (raw is not None) != (wanted is not None):
        yield "the name constraints are not as the profile wants them"
    if raw is None or wanted is None:
        return
    read = part.read_extensions.get_extension_for_class(x509.NameConstraints).value
    told = [_told(names or ()) for names in (read.permitted_subtrees, read.excluded_subtrees)]
    if not raw.critical or told != [_wanted(wanted.permitted), _wanted(wanted.excluded)]:
        yield "the name constraints are not critical or not the profile's"


def _told(names: Iterable[x509.GeneralName]) -> list[tuple[str, ...]]:
    return [
        tuple(str(attribute.value) for attribute in name.value)
        if isinstance(name, x509.DirectoryName)
        else (type(name).__name__, str(name.value))
        for name in names
    ]


def _wanted(subtrees: Subtrees) -> list[tuple[str, ...]]:
    return [
        *(tuple(one[name] for name in FIELD_LABELS if name in one) for one in subtrees.directories),
        *(("DNSName", one) for one in subtrees.dns),
        *(("RFC822Name", one) for one in subtrees.email),
    ]


@fixed.rule("RFC 5280 4.2.1.12; RFC 3161 2.3; RFC 6960 4.2.2.2")
def extended_key_usage_is_the_profiles(part: FixedPart) -> Iterator[str]:
    """The purposes of the profile, in its order; a TSA has the one critical purpose."""
    profile = part.profile.extended_key_usage
    raw = part.extension(fields.EXTENDED_KEY_USAGE)
    if raw is None:
        if profile.values:
            yield "there is no extended key usage"
        return
    purposes = part.read_extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    named = tuple(_PURPOSE_NAMES.get(purpose.dotted_string, purpose.dotted_string) for purpose in purposes)
    if named != profile.values or raw.critical != profile.critical:
        yield "the extended key usage is not the profile's"


@fixed.rule("RFC 5280 4.2.1.4")
def policies_are_the_profiles(part: FixedPart) -> Iterator[str]:
    """The policies of the profile, without qualifiers; not critical."""
    raw = part.extension(fields.CERTIFICATE_POLICIES)
    if raw is None:
        if part.profile.policies:
            yield "there are no certificate policies"
        return
    policies = part.read_extensions.get_extension_for_class(x509.CertificatePolicies).value
    named = tuple(policy.policy_identifier.dotted_string for policy in policies)
    if raw.critical or named != part.profile.policies or any(policy.policy_qualifiers for policy in policies):
        yield "the certificate policies are critical or not the profile's"


@fixed.rule("RFC 5280 4.2.1.13")
def crl_distribution_point_is_there_if_wanted(part: FixedPart) -> Iterator[str]:
    """One full name over HTTP; not critical."""
    raw = part.extension(fields.CRL_DISTRIBUTION_POINTS)
    if (raw is not None) != part.profile.pointers.crl:
        yield "the CRL distribution point is not as the profile wants it"
    if raw is None:
        return
    points = list(part.read_extensions.get_extension_for_class(x509.CRLDistributionPoints).value)
    if raw.critical or len(points) != 1 or points[0].reasons or points[0].crl_issuer or not points[0].full_name:
        yield "the CRL distribution point is critical or not one full name"
    elif not _all_http(points[0].full_name):
        yield "the CRL distribution point is not an HTTP address"


@fixed.rule("RFC 5280 4.2.1.13, 5.2.5")
def distribution_points_are_the_shards(part: FixedPart) -> Iterator[str]:
    """Where the lists are split: the address of the one on which this serial number would stand."""
    split, name = part.issuer.distribution, part.issuer.name
    if not (split.address and part.profile.pointers.crl):
        return
    raw = part.extension(fields.CRL_DISTRIBUTION_POINTS)
    if raw is None or raw.value != fields.crl_distribution_points(split.location(name, part.shard)):
        yield "the CRL distribution point is not the list of this serial number"


@fixed.rule("RFC 5280 4.2.1.15")
def freshest_crl_is_there_if_deltas_are(part: FixedPart) -> Iterator[str]:
    """The delta of the list on which this serial number would stand; not critical."""
    split = part.issuer.distribution
    raw = part.extension(fields.FRESHEST_CRL)
    if (raw is not None) != (split.deltas and part.profile.pointers.crl):
        yield "the freshest CRL is not there, or there are no deltas"
    if raw is None:
        return
    location = split.location(part.issuer.name, part.shard, delta=True)
    if raw.critical or raw.value != fields.crl_distribution_points(location):
        yield "the freshest CRL is critical or not the delta for this serial number"


@fixed.rule("RFC 5280 4.2.2.1")
def information_access_is_there_if_wanted(part: FixedPart) -> Iterator[str]:
    """OCSP and the issuer's certificate over HTTP, as the profile says; not critical."""
    raw = part.extension(fields.AUTHORITY_INFO_ACCESS)
    pointers = part.profile.pointers
    methods: list[str] = []
    if raw is not None:
        access = list(part.read_extensions.get_extension_for_class(x509.AuthorityInformationAccess).value)
        methods = [description.access_method.dotted_string for description in access]
        if raw.critical or not _all_http([description.access_location for description in access]):
            yield "the authority information access is critical or not an HTTP address"
    ocsp, issuer = x509.oid.AuthorityInformationAccessOID.OCSP, x509.oid.AuthorityInformationAccessOID.CA_ISSUERS
    wanted = [ocsp.dotted_string] * pointers.ocsp + [issuer.dotted_string] * pointers.issuer
    if methods != wanted:
        yield "the authority information access is not as the profile wants it"


@fixed.rule("RFC 6960 4.2.2.2.1")
def ocsp_nocheck_is_there_if_wanted(part: FixedPart) -> Iterator[str]:
    """NULL, not critical, and only where the profile says."""
    raw = part.extension(fields.OCSP_NOCHECK)
    if (raw is not None) != part.profile.ocsp_nocheck:
        yield "id-pkix-ocsp-nocheck is not as the profile wants it"
    if raw is not None and (raw.critical or raw.value != der.NULL):
        yield "id-pkix-ocsp-nocheck is critical or not NULL"


def _all_http(names: list[x509.GeneralName]) -> bool:
    return all(
        isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith(("http://", "https://"))
        for name in names
    )

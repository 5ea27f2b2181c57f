"""What plan, preview and transcript say to people: titled rows, from which text, tables and papers are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ca.ceremony.plan import Plan, Role
from core.algorithms import SM3, algorithm_by_identifier
from core.asn1.names import describe_name
from core.certificates import serial_text
from core.i18n import _
from core.keys.private_key import kind_of
from core.output import for_people

Rows = Sequence[tuple[str, str]]

_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


@dataclass(frozen=True)
class Section:
    """A title and what stands under it."""

    title: str
    rows: Rows


def role_words(roles: Iterable[Role]) -> str:
    """The roles in the reader's language."""
    words = {
        Role.LEADER: _("leader of the ceremony"),
        Role.OPERATOR: _("operator at the machine"),
        Role.CUSTODIAN: _("custodian"),
        Role.AUDITOR: _("auditor of the ceremony"),
        Role.WITNESS: _("witness"),
    }
    return ", ".join(words[role] for role in roles)


def frame_of(plan: Plan, digest: str) -> Section:
    """What it is, where and whose."""
    rows = [
        (_("Ceremony"), plan.title),
        (_("Where it is held"), plan.place),
        (_("Organization"), plan.organization),
        (_("Addresses in certificates"), plan.address),
        (_("SM3 of the plan"), digest),
    ]
    return Section(_("What it is"), rows)


def people_of(plan: Plan) -> Section:
    """Who is there, and how each signs."""
    rows = []
    for one in plan.present:
        how = _("signs with a certificate") if one.certificate else _("signs by hand")
        rows.append((" ".join(filter(None, (one.name, one.unit))), f"{role_words(one.roles)}; {how}"))
    return Section(_("Who is present"), rows)


def custody_of(plan: Plan) -> Section:
    """How the passphrase will be split."""
    sealed = plan.custody.delivery == "encrypted"
    rows = [
        (_("Shares"), str(len(plan.custodians))),
        (_("Needed to open the keys"), str(plan.custody.needed)),
        (
            _("How the shares are given out"),
            _("encrypted to each custodian's certificate") if sealed else _("on sheets, in envelopes"),
        ),
        *((_("Share {number}").format(number=place), one.name) for place, one in enumerate(plan.custodians, 1)),
    ]
    return Section(_("Custody"), rows)


def certificate_rows(certificate: bytes, *, made: bool) -> Rows:
    """What a certificate (DER) says; `made`: else what the ceremony draws is named so."""
    parsed = x509.load_der_x509_certificate(certificate)
    own = asn1_x509.Certificate.load(certificate)
    later = _("made at the ceremony")
    rows = [
        (_("Subject"), describe_name(parsed.subject.public_bytes())),
        (_("Issuer"), describe_name(parsed.issuer.public_bytes())),
        (_("Serial number"), serial_text(parsed.serial_number) if made else later),
        (_("From"), for_people(parsed.not_valid_before_utc) if made else _("the moment of the ceremony")),
        (_("Until"), _until(parsed, made=made)),
        (_("Kind of key"), kind_of(own.public_key.dump()).value),
        (_("Signature"), algorithm_by_identifier(own["signature_algorithm"].dump()).name),
        *_extension_rows(parsed),
    ]
    if made:
        rows.append((_("SM3 of the certificate"), SM3.of(certificate).hex()))
    return rows


def _until(parsed: x509.Certificate, *, made: bool) -> str:
    end = parsed.not_valid_after_utc
    if made:
        return for_people(end)
    days = round((end - parsed.not_valid_before_utc).total_seconds() / 86400)
    return _("{days} days later (today it would be {end})").format(days=days, end=for_people(end))


def _extension_rows(parsed: x509.Certificate) -> Iterable[tuple[str, str]]:
    for extension in parsed.extensions:
        said = _extension_words(extension.value)
        if said is not None:
            label, value = said
            yield label, _("{value} (critical)").format(value=value) if extension.critical else value


def _extension_words(value: x509.ExtensionType) -> tuple[str, str] | None:
    """What people compare; identifiers of keys are checked by the linter."""
    match value:
        case x509.BasicConstraints():
            length = _("no limit") if value.path_length is None else str(value.path_length)
            return _("Authority, path length"), length if value.ca else _("no")
        case x509.KeyUsage():
            return _("Key usage"), ", ".join(name for field, name in _USAGES.items() if getattr(value, field))
        case x509.SubjectKeyIdentifier() | x509.AuthorityKeyIdentifier():
            return None
        case _:
            return _("Extension"), value.oid.dotted_string


def text_of(sections: Iterable[Section]) -> str:
    """Plain text, each section under its title."""
    lines: list[str] = []
    for section in sections:
        lines += ["", f"## {section.title}", ""]
        lines += [f"- {label}: {value}" for label, value in section.rows]
    return "\n".join(lines[1:]) + "\n"

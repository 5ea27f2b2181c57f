"""An office with an attribute authority, a holder, and the steps from application to attribute certificate."""

from ca.attributes.attributes import Attributes
from ca.attributes.issuance import AttributeAuthority, IssuedAttributes
from ca.attributes.terms import Terms
from ca.hierarchy import create_attribute_authority
from ca.issuance import Approval, IssuedCertificate
from core.algorithms import KeyKind
from core.config import UrlSettings
from core.subject import Subject
from ra import attribute_requests, issuance
from ra.statements import Act
from tests.support.office import Office

ROLE = "urn:example:role:document-approver"
OTHER_ROLE = "urn:example:role:treasurer"
ATTRIBUTES = Attributes(roles=(ROLE,), positions=("副主任",), groups=("办公室", "应急小组"))
URLS = UrlSettings()


def found_attribute_authority(office: Office, kind: KeyKind = KeyKind.SM2) -> str:
    name = f"{kind.family}-attributes"
    create_attribute_authority(
        office.authority,
        name,
        kind,
        Subject(organization="示范市数字证书认证中心", common_name=name),
        issuer=f"{kind.family}-issuing",
        approval=Approval("ceremony", b"\0" * 32, ("ceremony",)),
        actor="ceremony",
    )
    return name


def holder(office: Office, **options: object) -> IssuedCertificate:
    """A member of the staff with a certificate."""
    number = office.approved(**options)
    (issued,) = issuance.issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    return issued


def attribute_authority(office: Office) -> AttributeAuthority:
    return AttributeAuthority(office.context, office.keys, URLS)


def enter(
    office: Office,
    of: IssuedCertificate,
    *,
    who: str = "lu.enter",
    authority: str = "sm2-attributes",
    attributes: Attributes = ATTRIBUTES,
    terms: Terms = Terms.REVOCABLE,
    hours: int = 24 * 30,
    targets: tuple[str, ...] = (),
) -> str:
    if terms is Terms.SHORT_LIVED:
        hours = min(hours, 8)
    return attribute_requests.enter_attributes(
        office.context,
        office.sessions[who],
        authority=authority,
        holder_authority=of.authority,
        holder_serial=of.serial,
        attributes=attributes,
        terms=terms,
        hours=hours,
        targets=targets,
    )


def approve(office: Office, number: str, who: str = "shen.review") -> None:
    attribute_requests.decide_attributes(office.context, office.sessions[who], number, Act.APPROVE)


def issue(office: Office, *numbers: str, who: str = "zhi.make") -> list[IssuedAttributes]:
    return attribute_requests.issue_attributes(
        office.context, attribute_authority(office), office.sessions[who], list(numbers)
    )


def certify(office: Office, of: IssuedCertificate, **options: object) -> IssuedAttributes:
    number = enter(office, of, **options)  # type: ignore[arg-type]
    approve(office, number)
    (issued,) = issue(office, number)
    return issued

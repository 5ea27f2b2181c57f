"""Who may do what, and who may appoint whom (GM/T 0037, GM/T 0038). Pure: two tables and the questions about them."""

from collections.abc import Set
from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _
from core.words import all_in_words
from ra.refusals import RefusedError


class Role(StrEnum):
    """What a person may do. Operators may have several of the four operators' roles; the others stand alone."""

    SUPER = "super"
    """超级管理员: appoints business administrators, makes branches. From the founding."""
    AUDIT = "audit"
    """审计管理员: appoints auditors. From the founding, of equal rank with the super administrator."""
    BUSINESS = "business"
    """业务管理员: appoints the operators of a branch, and its people with seals."""
    AUDITOR = "auditor"
    """审计员: reads everything, changes nothing."""
    ENTER = "enter"
    """录入."""
    REVIEW = "review"
    """审核."""
    MAKE = "make"
    """制证."""
    QUERY = "query"
    """查询统计."""
    SEAL_ADMINISTRATOR = "seal-administrator"
    """印章管理员: applies for seals, approves, has them made, frozen, handed in and destroyed. Uses none."""
    SEAL_CUSTODIAN = "seal-custodian"
    """印章保管人: takes seals into custody and allows uses of them. Manages none."""


FOUNDERS = frozenset({Role.SUPER, Role.AUDIT})
"""Appointed by the ceremony: neither of the two can appoint, suspend or remove the other."""

OPERATORS = frozenset({Role.ENTER, Role.REVIEW, Role.MAKE, Role.QUERY})

SEAL_ROLES = frozenset({Role.SEAL_ADMINISTRATOR, Role.SEAL_CUSTODIAN})
"""Of people with seals; whoever has one has no other, so that management, use and audit are three persons'."""

READERS = OPERATORS | {Role.AUDITOR}
"""Who may look at requests: administrators have no business with them."""

APPOINTS = {
    Role.SUPER: frozenset({Role.BUSINESS}),
    Role.AUDIT: frozenset({Role.AUDITOR}),
    Role.BUSINESS: OPERATORS | SEAL_ROLES,
}
"""Who appoints whom, and so changes, suspends, reinstates and removes them. Nobody is in their own line."""


CENTRE = ""
"""The branch of those who belong to none: the centre's own."""


def require_role(roles: Set[Role], role: Role, operator: str, subject: str) -> None:
    """Return if the role is among the operator's; else `RefusedError`."""
    if role not in roles:
        raise RefusedError(
            "role",
            _("operator {operator} does not have the role {role}").format(operator=operator, role=role.value),
            subject=subject,
            remedy=_("have it done by an operator who has the role"),
        )


def require_combination(roles: Set[Role], subject: str) -> None:
    """Return if one person may have these roles: one alone, or several operators' roles; else `YinxinError`."""
    if not roles:
        raise YinxinError(
            Kind.INVALID,
            _("an operator needs a role"),
            subject=subject,
            remedy=_("one of: {roles}").format(roles=", ".join(role.value for role in Role)),
        )
    if len(roles) > 1 and not roles <= OPERATORS:
        raise YinxinError(
            Kind.INVALID,
            _("administrators, auditors and people with seals have no other role"),
            subject=subject,
            remedy=_("appoint another person for the other role"),
        )


def require_authority_over(administrator: Set[Role], branch: str, roles: Set[Role], of_branch: str, name: str) -> None:
    """Return if an administrator with these roles, of this branch, decides on people with those; else `RefusedError`.

    Business administrators decide on the operators of their own branch, the two administrators everywhere.
    """
    mine = frozenset[Role]().union(*(APPOINTS.get(role, frozenset()) for role in administrator))
    if not roles <= mine:
        raise RefusedError(
            "not-their-administrator",
            _("this is not decided by an administrator with the role {roles}").format(
                roles=all_in_words(sorted(administrator))
            ),
            subject=name,
            remedy=_("have it done by: {roles}").format(
                roles=all_in_words(above.value for above, below in APPOINTS.items() if roles <= below)
                or _("the ceremony")
            ),
        )
    if not administrator & FOUNDERS and branch != of_branch:
        raise RefusedError(
            "other-branch",
            _("this is another branch's"),
            subject=name,
            remedy=_("have it done by an administrator of that branch"),
        )

"""What a seal is for."""

from enum import StrEnum


class SealKind(StrEnum):
    """What a seal is for (国发〔1999〕25号 and custom)."""

    OFFICIAL = "official"
    FINANCE = "finance"
    CONTRACT = "contract"
    PERSONNEL = "personnel"
    LEGAL_REPRESENTATIVE = "legal-representative"
    INVOICE = "invoice"
    PERSONAL = "personal"

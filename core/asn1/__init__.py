"""ASN.1: writing DER, and asn1crypto taught the GM algorithms."""

from core.asn1 import registrations, repairs

__all__ = ["registrations", "repairs"]

"""The ground floor: what every authority stands on, and nothing that only one of them needs.

Algorithms and keys, ASN.1 and CMS, storage and audit, configuration, clock, errors, and the plumbing of HTTP and of the
command. core imports none of the authorities; it decides nothing about certificates, requests or seals.
"""

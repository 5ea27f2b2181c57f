"""Certificate revocation lists (RFC 5280 5): full, delta and divided into shards.

`entries` reads the books, `writing` encodes, `issue` reserves the number and signs, `publisher` trusts none of them and
puts in force, `keeping` holds the bytes, `publication` says what is in force and what is due.
"""

from ca.crl.keeping import pieces_of
from ca.crl.publication import (
    Due,
    PublishedCrl,
    due,
    latest,
    latest_published,
    lists_in_force,
    publish,
    publish_due,
    terms_of,
)

__all__ = [
    "Due",
    "PublishedCrl",
    "due",
    "latest",
    "latest_published",
    "lists_in_force",
    "pieces_of",
    "publish",
    "publish_due",
    "terms_of",
]

"""What asn1crypto raises over octets that are not what they are taken for: it reads lazily."""

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)

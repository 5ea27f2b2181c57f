"""The levels of PAdES baseline signatures (ETSI EN 319 142-1 6), in their order."""

from seals.ordering import Ordered


class Level(Ordered):
    """How long, and with whose help, a seal can be verified."""

    B_B = "B-B"
    """A signature that names its certificate."""
    B_T = "B-T"
    """Its time is proven by a time-stamping authority."""
    B_LT = "B-LT"
    """The document holds everything that verifies it: issuers and their certificate status."""
    B_LTA = "B-LTA"
    """A document timestamp protects all of that."""

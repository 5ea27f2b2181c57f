"""Refusals (`core.refusals`), as the registration authority's verbs know them."""

from core.refusals import RefusedError, refusals_recorded

__all__ = ["RefusedError", "refusals_recorded"]

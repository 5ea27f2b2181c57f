"""What a model finds wrong with its input, in words for people. Never the input: it may be an identity number."""

from dataclasses import dataclass

from pydantic import ValidationError

from core.i18n import _


@dataclass(frozen=True)
class Complaint:
    """The first thing that is wrong."""

    location: tuple[str, ...]
    """The field, from the outside in; empty for the whole."""
    what: str

    @property
    def field(self) -> str:
        """The field, as people write it: `identity.resident_id`."""
        return ".".join(self.location)

    def __str__(self) -> str:
        return f"{self.field}: {self.what}" if self.location else self.what


def complaint(error: ValidationError) -> Complaint:
    """The first complaint of the error. What pydantic says rarely keeps its English words."""
    first = error.errors(include_input=False, include_url=False)[0]
    said = _sentences().get(first["type"])
    what = said.format(**first.get("ctx", {})) if said else first["msg"].removeprefix("Value error, ")
    return Complaint(tuple(str(part) for part in first["loc"]), what)


def _sentences() -> dict[str, str]:
    """By the type of error (pydantic's list of validation errors)."""
    return {
        "missing": _("is missing"),
        "extra_forbidden": _("unknown field"),
        "string_type": _("must be text"),
        "string_too_long": _("at most {max_length} characters"),
        "string_too_short": _("at least {min_length} characters"),
        "string_pattern_mismatch": _("not in the form that is asked for"),
        "int_type": _("must be a whole number"),
        "int_parsing": _("must be a whole number"),
        "float_type": _("must be a number"),
        "float_parsing": _("must be a number"),
        "finite_number": _("must be a number"),
        "bool_type": _("must be true or false"),
        "bool_parsing": _("must be true or false"),
        "greater_than_equal": _("must be {ge} or more"),
        "less_than_equal": _("must be {le} or less"),
        "greater_than": _("must be more than {gt}"),
        "enum": _("must be one of: {expected}"),
        "literal_error": _("must be one of: {expected}"),
        "json_invalid": _("not JSON: {error}"),
        "timezone_aware": _("a time needs its zone, such as Z or +08:00"),
    }

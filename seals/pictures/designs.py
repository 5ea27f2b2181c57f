"""Which design a kind of seal has (国发〔1999〕25号, 国家税务总局公告2011年第7号, and custom)."""

from dataclasses import dataclass

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pictures.lettering import Face
from seals.pictures.picture import Design, OvalSeal, RoundSeal, SquareSeal
from seals.register.kinds import SealKind

_CENTRE_TEXTS = {
    SealKind.OFFICIAL: "",
    SealKind.FINANCE: "财务专用章",
    SealKind.CONTRACT: "合同专用章",
    SealKind.PERSONNEL: "人事专用章",
}
_WIDTHS_MM = {SealKind.FINANCE: 38.0, SealKind.LEGAL_REPRESENTATIVE: 20.0, SealKind.PERSONAL: 18.0}
_USUAL_WIDTH_MM = 42.0
_INVOICE_WIDTH_MM = 40.0


@dataclass(frozen=True)
class Inscription:
    """What is asked to be on a seal; what the kind prescribes need not be said."""

    name: str
    width_mm: float | None = None
    centre_text: str | None = None
    bottom_text: str = ""
    serial: str = ""
    tax_number: str = ""
    emblem: bytes | None = None
    """PNG with alpha."""
    face: Face = Face.SONG


def design_of(kind: SealKind, asked: Inscription) -> Design:
    """The design; an error (invalid) says what a seal of this kind does not have, or needs."""
    if kind is SealKind.INVOICE:
        _refuse(kind, serial=asked.serial, emblem=asked.emblem)
        if asked.width_mm not in (None, _INVOICE_WIDTH_MM):
            raise YinxinError(
                Kind.INVALID, _("a seal for invoices is 40 mm wide and 30 mm high"), subject=f"{asked.width_mm:g} mm"
            )
        purpose = "发票专用章" if asked.centre_text is None else asked.centre_text
        return OvalSeal(asked.name, asked.tax_number, purpose, asked.bottom_text, asked.face)
    width = _WIDTHS_MM.get(kind, _USUAL_WIDTH_MM) if asked.width_mm is None else asked.width_mm
    if kind in _CENTRE_TEXTS:
        _refuse(kind, tax_number=asked.tax_number)
        centre = _CENTRE_TEXTS[kind] if asked.centre_text is None else asked.centre_text
        return RoundSeal(asked.name, width, centre, asked.serial, asked.bottom_text, asked.emblem, asked.face)
    _refuse(
        kind,
        serial=asked.serial,
        emblem=asked.emblem,
        tax_number=asked.tax_number,
        centre_text=asked.centre_text,
        bottom_text=asked.bottom_text,
    )
    return SquareSeal(asked.name, width, asked.face)


def _refuse(kind: SealKind, **given: object) -> None:
    for option, value in given.items():
        if value:
            raise YinxinError(
                Kind.INVALID,
                _("a seal of the kind {kind} has no such text: {option}").format(
                    kind=kind.value, option=f"--{option.replace('_', '-')}"
                ),
                remedy=_("leave the option out, or choose another kind"),
            )

"""The picture of a seal on pages: one object in the document, however often and in whatever parts it is shown."""

from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.stamp import BaseStampStyle

from seals.pades.pdfa import Archival
from seals.pades.vector import add_form, add_samples
from seals.pictures.drawing import POINTS_PER_MM, Drawing
from seals.pictures.ink import Blending, Ink
from seals.pictures.samples import Picture
from seals.placement.placement import Mark, Part

_SEAL, _INK = pdf_name("/Seal"), pdf_name("/Ink")
_BLEND_MODES = {Blending.MULTIPLY: pdf_name("/Multiply"), Blending.COVER: pdf_name("/Normal")}
_PRINT, _READ_ONLY, _LOCKED = 4, 64, 128
"""Flags of annotations (ISO 32000-2 12.5.3)."""


class Impression:
    """A seal's picture in a document that is being written; `kept`: what else its form XObjects hold."""

    def __init__(
        self,
        writer: BasePdfFileWriter,
        picture: Picture | Drawing,
        ink: Ink,
        kept: dict[generic.NameObject, generic.PdfObject],
        archival: Archival,
    ) -> None:
        self._kept = kept
        self._archival = archival
        self._writer = writer
        self._ink = ink
        if isinstance(picture, Drawing):
            self._size = picture.width_mm * POINTS_PER_MM, picture.height_mm * POINTS_PER_MM
            self._picture = add_form(writer, picture, archival)
        else:
            # An image fills the unit square (ISO 32000-2 8.9.5.1), whatever its resolution.
            self._size = 1.0, 1.0
            self._picture = add_samples(writer, picture.size, picture.colour, picture.alpha, archival)
        self._appearances: dict[tuple[float, float, int, Part], generic.IndirectObject] = {}

    def appearance(self, mark: Mark) -> generic.IndirectObject:
        """The appearance stream of an annotation that fills the mark's box."""
        left, bottom, right, top = mark.box
        width, height = round(right - left, 4), round(top - bottom, 4)
        key = width, height, mark.quarter_turns, mark.part
        if key not in self._appearances:
            self._appearances[key] = self._writer.add_object(self._form(width, height, mark.quarter_turns, mark.part))
        return self._appearances[key]

    def stamp(self, mark: Mark, page: generic.IndirectObject, text: str, name: str) -> generic.DictionaryObject:
        """A stamp annotation with the mark; `name`: unique on its page (ISO 32000-2 12.5.2)."""
        return generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/Stamp"),
                pdf_name("/Rect"): generic.ArrayObject(map(generic.FloatObject, mark.box)),
                pdf_name("/P"): page,
                pdf_name("/NM"): generic.pdf_string(name),
                pdf_name("/Contents"): generic.pdf_string(text),
                pdf_name("/F"): generic.NumberObject(_PRINT | _READ_ONLY | _LOCKED),
                pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): self.appearance(mark)}),
            }
        )

    def _form(self, width: float, height: float, quarter_turns: int, part: Part) -> generic.StreamObject:
        turned = (
            (width, 0, 0, height, 0, 0),
            (0, height, -width, 0, width, 0),
            (-width, 0, 0, -height, width, height),
            (0, -height, width, 0, 0, height),
        )[quarter_turns]
        across, up = part.right - part.left, part.top - part.bottom
        shown = 1 / across / self._size[0], 0, 0, 1 / up / self._size[1], -part.left / across, -part.bottom / up
        # What of the picture lies outside the BBox is not shown.
        content = b"%s cm %s cm /Seal Do Q" % (_numbers(turned), _numbers(shown))
        resources = {
            pdf_name("/XObject"): generic.DictionaryObject({_SEAL: self._picture}),
            **self._archival.colour_resources(),
        }
        if self._archival.forbids_transparency:
            content = b"q " + content
        else:
            content = b"q /Ink gs " + content
            resources[pdf_name("/ExtGState")] = generic.DictionaryObject({_INK: self._graphics_state()})
        entries: dict[generic.NameObject, generic.PdfObject] = {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.FloatObject, (0, 0, width, height))),
            pdf_name("/Resources"): generic.DictionaryObject(resources),
            **self._kept,
        }
        return generic.StreamObject(entries, stream_data=content)

    def _graphics_state(self) -> generic.DictionaryObject:
        opacity = generic.FloatObject(self._ink.opacity)
        blend = _BLEND_MODES[self._ink.blending]
        return generic.DictionaryObject({pdf_name("/BM"): blend, pdf_name("/ca"): opacity, pdf_name("/CA"): opacity})


@dataclass(frozen=True)
class MarkStyle(BaseStampStyle):
    """pyHanko's way of saying what a signature field looks like: a mark and nothing else."""

    impression: Impression | None = None
    mark: Mark | None = None

    def create_stamp(self, writer: BasePdfFileWriter, box: BoxConstraints, text_params: dict[str, Any]) -> Any:
        """What puts the appearance on the field's annotation."""
        assert self.impression is not None  # noqa: S101 - defaults only because fields of the base class have some
        assert self.mark is not None  # noqa: S101
        return _Applied(self.impression.appearance(self.mark))


class _Applied:
    def __init__(self, appearance: generic.IndirectObject) -> None:
        self._appearance = appearance

    def apply_appearance(self, annotation: generic.DictionaryObject) -> None:
        annotation[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): self._appearance})


def _numbers(numbers: tuple[float, ...]) -> bytes:
    return b" ".join(b"%.6f" % number for number in numbers)

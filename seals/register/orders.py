"""What somebody wants made: a seal's order, the application that it becomes, and what its structure says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from asn1crypto import x509
from pydantic import TypeAdapter, ValidationError

from core.algorithms import SM3
from core.asn1.ses_structures import CertificateListKind, Version
from core.asn1.ses_writing import OwnerKind, SealInfo, SealPicture
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.refusals import RefusedError
from seals.forms import Form
from seals.pictures.drawing import Drawing
from seals.pictures.samples import read_picture
from seals.register.applications import Application
from seals.register.bounds import UNBOUNDED, Bounds
from seals.register.kinds import SealKind

VENDOR = "YINXIN"
_DRAWING = TypeAdapter(Drawing)


@dataclass(frozen=True)
class SealOrder:
    """A seal, or another version of one, that is to be made."""

    name: str
    """In the register: a-z, 0-9, dot, dash, underscore."""
    owner: str
    """The full legal name of the unit, or the person's."""
    kind: SealKind
    key_name: str
    """In the key store of the seals."""
    certificate: bytes
    """The owner's, DER."""
    chain: Sequence[bytes]
    """Its issuers, nearest first, the root included; DER."""
    picture: bytes
    """PNG with alpha."""
    width_mm: int
    custodians: Sequence[str]
    """The names of those who keep it."""
    unit: str = ""
    """To whom it belongs; empty: to the owner."""
    drawing: Drawing | None = None
    """The picture as outlines, if it was drawn."""
    standard: Version = Version.GBT_38540_2020
    certificate_list: CertificateListKind = CertificateListKind.CERTIFICATES
    form: Form | None = None
    """In which form it signs; PAdES, if none is chosen."""
    bounds: Bounds = UNBOUNDED


def application_of(order: SealOrder, *, revision: int, branch: str) -> Application:
    """The application for this version of a seal; `YinxinError` (invalid) says what is wrong with the order."""
    picture = read_picture(order.picture)
    fields = {
        "name": order.name,
        "revision": revision,
        "branch": branch,
        "kind": order.kind,
        "owner": order.owner,
        "unit": order.unit or order.owner,
        "custodians": tuple(sorted(set(order.custodians))),
        "key_name": order.key_name,
        "certificate": order.certificate,
        "chain": tuple(order.chain),
        "picture": SM3.of(order.picture).hex(),
        "drawing": SM3.of(encoded(order.drawing)).hex() if order.drawing else None,
        "width_mm": order.width_mm,
        "height_mm": max(1, round(order.width_mm * picture.height / picture.width)),
        "standard": int(order.standard),
        "form": order.form,
        "certificate_list": order.certificate_list.name.lower(),
        "bounds": order.bounds,
    }
    try:
        return Application.model_validate(fields)
    except ValidationError as error:
        raise _wrong(order.name, error) from None


def check_application(
    context: Context, keys: KeyStore, application: Application, picture: bytes, drawing: bytes | None
) -> None:
    """Return if what is applied for can be made, and is shown as it says; else `YinxinError`."""
    shown = (SM3.of(picture).hex(), SM3.of(drawing).hex() if drawing is not None else None)
    if shown != (application.picture, application.drawing):
        raise RefusedError("other-picture", _("the picture is not that of the application"), subject=application.name)
    certificate = x509.Certificate.load(application.certificate)
    if certificate.public_key.dump() != keys.signer(application.key_name).public_key_info:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate is not for the key {key}").format(key=application.key_name),
            subject=application.name,
            remedy=_("give the certificate that was issued for this key"),
        )
    require_valid(application, context.clock.now())


def require_valid(application: Application, now: datetime) -> None:
    """Return if the owner's certificate is valid now; `YinxinError` (conflict) otherwise."""
    certificate = x509.Certificate.load(application.certificate)
    if not certificate.not_valid_before <= now <= certificate.not_valid_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the owner's certificate is not valid now"),
            subject=application.name,
            remedy=_("have it renewed, or check the clock"),
        )


def info_of(application: Application, picture: bytes, now: datetime) -> SealInfo:
    """What the maker of the seal signs; a new number each time."""
    require_valid(application, now)
    return SealInfo(
        vendor_id=VENDOR,
        seal_id=f"YX{token_hex(16).upper()}",
        owner_kind=OwnerKind.PERSON if application.kind is SealKind.PERSONAL else OwnerKind.UNIT,
        name=application.owner,
        certificates=[application.certificate],
        created=now,
        valid_from=now,
        valid_until=x509.Certificate.load(application.certificate).not_valid_after,
        # The raster, because every reader of seals takes PNG.
        picture=SealPicture("PNG", picture, application.width_mm, application.height_mm),
        version=Version(application.standard),
        certificate_list=CertificateListKind[application.certificate_list.upper()],
    )


def encoded(drawing: Drawing) -> bytes:
    """The drawing as it is kept: JSON."""
    return _DRAWING.dump_json(drawing)


def decoded(stored: bytes) -> Drawing:
    """The drawing that was kept."""
    return _DRAWING.validate_json(stored)


def _wrong(name: str, error: ValidationError) -> YinxinError:
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    words = {
        "name": _("a seal's name is made of a-z, 0-9, dot, dash and underscore"),
        "owner": _("a seal needs a name"),
        "custodians": _("a seal needs a custodian"),
    }
    what = words.get(field) or ".".join(str(part) for part in first["loc"]) + ": " + first["msg"]
    return YinxinError(Kind.INVALID, what, subject=name)

"""The registration of a seal on paper (电子印章登记表): a PDF typeset by Typst, in both languages for every reader."""

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from asn1crypto import x509

from core.algorithms import SM3
from core.asn1.names import describe_name
from core.asn1.ses import parse_seal
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.forms import Form
from seals.register.applications import Application
from seals.register.dossiers import Dossier, StoredVersion
from seals.register.life import Version
from seals.register.statements import Statement

_STANDARDS = {4: "GB/T 38540-2020", 5: "GM/T 0031-2025"}
_FORMS = {Form.PADES: "PAdES (EN 319 142-1)", Form.GM: "SES_Signature (/GM.sm2seal)"}
_DIGITS = 16
"""Of a version's digest where it only tells versions apart."""


def registration(dossier: Dossier, issuer: str, now: datetime) -> bytes:
    """The PDF about the version that is in force, or else the newest that was made. `issuer`: who keeps the register.

    `YinxinError` (conflict) if none was made; (unsupported) if it was made before statements were kept.
    """
    version, stored = _printed(dossier)
    if stored.structure is None:
        raise YinxinError(
            Kind.CONFLICT, _("the seal is not made yet: there is nothing to register"), subject=dossier.name
        )
    if stored.application is None:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the seal was made before statements were kept: nobody has stated whose it is"),
            subject=dossier.name,
            remedy=_("have another version of it made"),
        )
    told = _told(dossier, version, stored.application, stored.structure)
    image = parse_seal(stored.structure).structure["seal_info"]["picture"]["data"].native
    return _typeset(told | {"issuer": issuer, "printed": _moment(now)}, image, now)


def _printed(dossier: Dossier) -> tuple[Version, StoredVersion]:
    versions = list(zip(dossier.history.versions, dossier.versions, strict=True))
    made = [pair for pair in versions if pair[1].structure is not None]
    place = dossier.history.in_force
    return versions[place] if place is not None else (made or versions)[-1]


def _told(dossier: Dossier, version: Version, application: Application, structure: bytes) -> dict[str, Any]:
    seal = parse_seal(structure)
    info = seal.structure["seal_info"]
    about = info["property"]
    return {
        "name": dossier.name,
        "owner": application.owner,
        "unit": application.unit,
        "kind": application.kind.value,
        "state": (version.state or "").replace("_", "-"),
        "revision": str(application.revision),
        "custodians": list(application.custodians),
        "validity": f"{_day(about['valid_start'].native)} 至 {_day(about['valid_end'].native)}",
        "bounds": list(_bounds(application)),
        "seal_id": info["es_id"].native,
        "standard": _STANDARDS[application.standard],
        "form": _FORMS[application.form or Form.PADES],
        "width_mm": application.width_mm,
        "height_mm": application.height_mm,
        "certificate": _certificate(application.certificate),
        "maker": _certificate(seal.maker_certificate),
        "statements": [_statement(one) for one in dossier.history.statements],
        "digests": {
            "application": version.digest,
            "structure": SM3.of(structure).hex(),
            "picture": application.picture,
            "certificate": SM3.of(application.certificate).hex(),
        },
    }


def _bounds(application: Application) -> Iterator[dict[str, str]]:
    for name, value in application.bounds.model_dump(mode="json", exclude_defaults=True).items():
        match value:
            case bool():
                words = "是 Yes"
            case list():
                words = "，".join(map(str, value))
            case _:
                words = str(value)
        yield {"name": name, "value": words}


def _statement(statement: Statement) -> dict[str, str]:
    # What was stated about the making is the digest of the structure, which stands below.
    reason = "" if statement.act.value == "make" else statement.decision
    return {
        "at": _moment(statement.at),
        "act": statement.act.value,
        "operator": statement.operator,
        "digest": statement.digest[:_DIGITS],
        "reason": reason,
    }


def _certificate(certificate: bytes) -> dict[str, str]:
    body = x509.Certificate.load(certificate)
    return {
        "subject": describe_name(body.subject.dump()),
        "issuer": describe_name(body.issuer.dump()),
        "serial": serial_text(body.serial_number),
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _day(moment: datetime) -> str:
    local = moment.astimezone()
    return f"{local.year} 年 {local.month} 月 {local.day} 日"


def _typeset(told: dict[str, Any], image: bytes, now: datetime) -> bytes:
    # Imported here: typesetting takes libraries that no other command of the register needs.
    import typst
    from pylopdf_fonts_zh_cn import serif_path

    with tempfile.TemporaryDirectory(prefix="yinxin-registration-") as folder:
        root = Path(folder)
        source = resources.files("seals") / "templates" / "registration.typ"
        (root / "registration.typ").write_bytes(source.read_bytes())
        (root / "registration.json").write_text(json.dumps(told), encoding="utf-8")
        (root / "impression.png").write_bytes(image)
        pdf: bytes = typst.compile(
            root / "registration.typ",
            root=root,
            format="pdf",
            font_paths=[serif_path().parent],
            ignore_system_fonts=True,
            timestamp=int(now.timestamp()),
        )
        return pdf

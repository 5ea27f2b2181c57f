"""A seal's dossier in words and tables, for people at a terminal; the same call prints JSON for programs."""

from typing import Any

from asn1crypto import x509

from core.asn1.names import describe_name
from core.i18n import _
from core.output import Output
from seals.register.applications import Application
from seals.register.dossiers import Dossier
from seals.register.life import Version


def print_dossier(output: Output, dossier: Dossier) -> None:
    """The versions, and what was stated, in their order."""
    versions = [
        _version(version, stored.application)
        for version, stored in zip(dossier.history.versions, dossier.versions, strict=True)
    ]
    statements = [
        {
            "sequence": one.sequence,
            "at": one.at,
            "act": one.act.value,
            "operator": one.operator,
            "digest": one.digest,
            "reason": one.decision,
        }
        for one in dossier.history.statements
    ]
    if output.json:
        facts = {"name": dossier.name, "state": dossier.history.state, "branch": dossier.branch}
        output.details(facts | {"versions": versions, "statements": statements}, {})
        return
    for version in versions:
        output.details(version, _labels())
        output.done("")
    headings = {"at": _("Time"), "act": _("Act"), "operator": _("By"), "digest": _("Version"), "reason": _("Reason")}
    output.table([row | {"digest": str(row["digest"])[:16]} for row in statements], headings)


def _labels() -> dict[str, str]:
    return {
        "revision": _("Version"),
        "state": _("State"),
        "digest": _("Digest"),
        "owner": _("Owner"),
        "unit": _("Belongs to"),
        "kind": _("Kind"),
        "custodians": _("Custodians"),
        "certificate": _("Certificate"),
        "valid_until": _("Valid until"),
        "size": _("Size"),
        "standard": _("Structure"),
        "bounds": _("Bounds"),
    }


def _version(version: Version, application: Application | None) -> dict[str, Any]:
    if application is None:
        facts: dict[str, Any] = {"revision": _("before statements were kept")}
        return facts | {"state": version.state, "digest": version.digest}
    certificate = x509.Certificate.load(application.certificate)
    bounds = application.bounds.model_dump(exclude_defaults=True)
    return {
        "revision": application.revision,
        "state": version.state,
        "digest": version.digest,
        "owner": application.owner,
        "unit": application.unit,
        "kind": application.kind,
        "custodians": application.custodians,
        "certificate": describe_name(certificate.subject.dump()),
        "valid_until": certificate.not_valid_after,
        "size": f"{application.width_mm} × {application.height_mm} mm",
        "standard": {4: "GB/T 38540-2020", 5: "GM/T 0031-2025"}[application.standard],
        "bounds": [f"{name}: {value}" for name, value in bounds.items()],
    }

"""`make sbom`: what an installation is made of, as CycloneDX JSON, from the lock file: versions, hashes, licences.

No address is in it: a package is named by its package URL (purl), its files by their hashes. Licences are what the
packages themselves declare, as far as they are installed here.
"""

import argparse
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.lock import Locked, read_lock

ROOT = Path(__file__).parents[1]
_ALGORITHMS = {"sha256": HashAlgorithm.SHA_256, "sha384": HashAlgorithm.SHA_384, "sha512": HashAlgorithm.SHA_512}
_CLASSIFIER = "License :: OSI Approved :: "


def bill_of_materials(lock: Path, project: Path) -> str:
    """CycloneDX 1.6, JSON, valid by its schema (else ValueError)."""
    described = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    packages = read_lock(lock)
    bom = Bom()
    own = Component(
        type=ComponentType.APPLICATION,
        name=described["name"],
        version=described["version"],
        description=described["description"],
        bom_ref=described["name"],
        licenses=[LicenseFactory().make_from_string(described["license"])],
    )
    bom.metadata.component = own
    components = {one.name: _component(one) for one in packages}
    for component in components.values():
        bom.components.add(component)
    for one in packages:
        for needed_by in one.via:
            # What is not a package is the project itself.
            bom.register_dependency(components.get(needed_by.partition("[")[0], own), [components[one.name]])
    document = JsonV1Dot6(bom).output_as_string(indent=1)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(document):
        raise ValueError(f"not valid by the schema of CycloneDX 1.6: {error}")
    return document


def _component(one: Locked) -> Component:
    purl = PackageURL("pypi", None, one.name, one.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        comment="the files that may be installed",
        hashes=[HashType(alg=_ALGORITHMS[name], content=digest) for name, digest in one.hashes],
    )
    marker = one.requirement.marker
    return Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=_licences(one),
        external_references=[files],
        properties=[Property(name="yinxin:only-where", value=str(marker))] if marker else [],
    )


def _licences(one: Locked) -> list[License]:
    try:
        about = metadata(one.name)
    except PackageNotFoundError:
        return []
    if expressions := about.get_all("License-Expression"):
        return [
            LicenseFactory().make_from_string(expressions[0], license_acknowledgement=LicenseAcknowledgement.DECLARED)
        ]
    named = [
        line.removeprefix(_CLASSIFIER) for line in about.get_all("Classifier") or () if line.startswith(_CLASSIFIER)
    ]
    names = named or [text for text in about.get_all("License") or () if text and "\n" not in text and len(text) < 80]
    return [LicenseFactory().make_with_name(name) for name in names]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.lock")
    parser.add_argument("--out", type=Path, default=ROOT / "sbom.json")
    options = parser.parse_args()
    document = bill_of_materials(options.lock, ROOT / "pyproject.toml")
    options.out.write_text(document + "\n", encoding="utf-8")
    print(f"{len(read_lock(options.lock))} packages are in {options.out}.")


if __name__ == "__main__":
    main()

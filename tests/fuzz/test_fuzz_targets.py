"""Every parser that faces outsiders takes its samples, and refuses damaged ones in words (`make fuzz` goes on)."""

import io
import random
import re
import shutil
import warnings
import zipfile
from pathlib import Path

import pytest

from core.asn1.ses import parse_seal
from core.home import Home
from tests.fuzz.mutations import mutated, swept
from tests.fuzz.targets import Target, targets

DEAR = {"PDF": 8, "PKCS#12": 3, "artwork": 2, "audit export": 2, "workbook": 12, "certificate": 20}
"""Those that take long have fewer turns here."""
TURNS = 50
NEVER = {"evidence bundle"}
"""What is signed by whom the reader trusts: the sample is another archive."""


@pytest.fixture(scope="module")
def table(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    home = Home(shutil.copytree(seeded_home, tmp_path_factory.mktemp("fuzz") / "home"))
    table = targets(home)
    home.storage.close()
    return table


def test_samples_are_taken_and_damage_is_refused_in_words(table: dict[str, Target]) -> None:
    luck, refused = random.Random(8), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, target in table.items():
            assert name in NEVER or target(target.samples[0]), name
            for _turn in range(DEAR.get(name, TURNS)):
                octets = mutated(luck.choice(target.samples), target.samples, luck)
                refused += not target(octets)
    assert refused > 500
    assert len(table) >= 27


def test_der_without_any_one_element_is_refused_in_words(table: dict[str, Target]) -> None:
    """Found so: a certificate with an empty object identifier, a GM/T 0014 message with an ObjectDescriptor in it."""
    count = 0
    for name, target in table.items():
        sample = target.samples[0]
        if sample[:1] == b"\x30" and len(sample) < 4000 and name != "PKCS#12":
            for octets in swept(sample):
                count += 1
                target(octets)
    assert count > 1500


def test_a_seal_whose_maker_cannot_be_read_is_refused_in_words(table: dict[str, Target]) -> None:
    target = table["electronic seal"]
    sample = target.samples[0]
    certificate = parse_seal(sample).maker_certificate
    assert sample.count(certificate) == 1
    for damaged in (certificate[:1] + b"\x03" + certificate[2:], b"\x30\x00", b""):
        assert not target(sample.replace(certificate, damaged.ljust(len(certificate), b"\0")))


def test_text_that_has_no_octets_in_an_audit_export(table: dict[str, Target]) -> None:
    """JSON can say half of a surrogate pair, which no encoding has."""
    target = table["audit export"]
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(target.samples[0])) as whole, zipfile.ZipFile(output, "w") as damaged:
        for name in whole.namelist():
            damaged.writestr(name, re.sub(rb'"note": ?"[^"]*"', b'"note":"\\\\ud800"', whole.read(name)))
    assert output.getvalue() != target.samples[0]
    assert not target(output.getvalue())

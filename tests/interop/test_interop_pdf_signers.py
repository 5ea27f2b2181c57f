"""Documents that other programs signed: no false alarm, no false peace.

Poppler, PDFBox and iText sign here. By hand, LibreOffice 7.4, MuPDF 1.21 (SHA-1), PoDoFo 0.9.8 (two signatures in one)
and endesive 3.0.1 were tried as well; their habits are among the tests of `seals`.
"""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from core.algorithms import KeyKind
from core.clock import SystemClock
from core.keys import pkcs12
from seals.levels import Level
from seals.verification.report import Report, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support import bouncycastle, forged, pdf, pki
from tests.support.sealing import Office, blank_pdf

JARS = [
    Path(f"/usr/share/java/{name}.jar")
    for name in ("pdfbox2", "fontbox2", "commons-logging", "itext5", "bcprov", "bcpkix", "bcutil")
]
PASSWORD = "secret"
CLOCK = SystemClock()


class Signers:
    """Other people's programs with a key of one signer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        start = CLOCK.now() - timedelta(days=1)
        self.root = pki.root(KeyKind.RSA_2048, not_before=start, common_name="Root")
        self.signer = self.root.issue("Signer", kind=KeyKind.RSA_2048, not_before=start)
        pack = pkcs12.pack(
            self.signer.key,
            self.signer.certificate,
            [self.root.certificate],
            name="signer",
            passphrase=PASSWORD.encode(),
        )
        (folder / "signer.p12").write_bytes(pack)
        for name, document in (("blank", blank_pdf(2)), ("form", forged.form_document(blank_pdf(2)))):
            (folder / f"{name}.pdf").write_bytes(document)

    @property
    def trust(self) -> Trust:
        return Trust([self.root.certificate], crls=[self.root.crl(CLOCK.now())])

    def poppler(self, document: str, made: str) -> None:
        """pdfsig, with a key in a store of NSS."""
        if not all(map(shutil.which, ("pdfsig", "certutil", "pk12util"))):
            pytest.skip("pdfsig, certutil or pk12util is not installed (Debian: poppler-utils, libnss3-tools)")
        store = self.folder / "nss"
        if not store.exists():
            store.mkdir()
            bag = str(self.folder / "signer.p12")
            for command in (
                ["certutil", "-N", "-d", f"sql:{store}", "--empty-password"],
                ["pk12util", "-i", bag, "-d", f"sql:{store}", "-W", PASSWORD],
            ):
                subprocess.run(command, check=True, capture_output=True, timeout=60)
        signing = ["pdfsig", "-nssdir", str(store), "-add-signature", "-nick", "signer"]
        subprocess.run(
            [*signing, str(self.path(document)), str(self.path(made))], capture_output=True, timeout=60, check=False
        )

    def java(self, *jobs: tuple[str, str, str, str]) -> None:
        """PDFBox and iText: program, kind, document and what is made of it."""
        if shutil.which("java") is None or not all(jar.exists() for jar in JARS):
            pytest.skip("PDFBox or iText is not installed (Debian: libpdfbox2-java, libitext5-java)")
        words = [
            word
            for program, kind, document, made in jobs
            for word in (program, kind, self.path(document), self.path(made))
        ]
        command = ["java", *bouncycastle.QUICK, "-cp", ":".join(map(str, JARS))]
        program = Path(__file__).with_name("PdfSigners.java")
        done = subprocess.run(
            [*command, program, self.folder / "signer.p12", PASSWORD, *words],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pdf"

    def report(self, document: bytes, office: Office | None = None) -> Report:
        trust = self.trust
        if office:
            trust = replace(
                trust, anchors=[*trust.anchors, office.root.certificate], crls=[*trust.crls, *office.crls()]
            )
        return verify_pdf(document, trust, CLOCK)


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    return Signers(tmp_path_factory.mktemp("signers"))


@pytest.fixture(scope="module")
def office() -> Office:
    return Office(KeyKind.SM2, CLOCK)


POPPLER = ("poppler", "poppler-form", "poppler-twice")
JAVA = ("pdfbox", "pdfbox-twice", "itext", "itext-cades", "itext-certified", "itext-after-pdfbox")


@pytest.fixture(scope="module")
def signed(signers: Signers) -> Callable[[str], bytes]:
    """A document by its name; each program runs once."""

    @cache
    def by_poppler() -> None:
        signers.poppler("blank", "poppler")
        signers.poppler("form", "poppler-form")
        signers.poppler("poppler", "poppler-twice")

    @cache
    def by_java() -> None:
        signers.java(
            ("pdfbox", "", "blank", "pdfbox"),
            ("pdfbox", "", "pdfbox", "pdfbox-twice"),
            ("itext", "rewritten", "blank", "itext"),
            ("itext", "cades", "form", "itext-cades"),
            ("itext", "certified", "form", "itext-certified"),
            ("itext", "", "pdfbox", "itext-after-pdfbox"),
        )

    def get(name: str) -> bytes:
        by_poppler() if name in POPPLER else by_java()
        return signers.path(name).read_bytes()

    return get


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


@pytest.mark.parametrize("name", [*POPPLER, *JAVA])
def test_what_others_signed_is_good(signers: Signers, signed: Callable[[str], bytes], name: str) -> None:
    report = signers.report(signed(name))
    # Nobody stamped the time; nothing else is wrong.
    assert (report.verdict, codes(report)) == (Verdict.REMARKS, {"time-unproven"})
    assert len(report.signatures) == (2 if name in ("poppler-twice", "pdfbox-twice", "itext-after-pdfbox") else 1)
    assert all(one.intact for one in report.signatures)


@pytest.mark.parametrize("name", ["pdfbox", "itext-cades", "itext-certified"])
def test_our_seal_breaks_no_signature_of_others(
    signers: Signers, signed: Callable[[str], bytes], office: Office, name: str
) -> None:
    report = signers.report(office.sealed(signed(name), Level.B_LT), office)
    assert codes(report) == {"time-unproven"}
    theirs, ours = report.signatures
    assert theirs.changes is not None
    assert (theirs.changes.level, theirs.changes.rule) == ("permitted", "later-signatures")
    assert ours.verdict is Verdict.VALID


ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda document: pdf.updated(document, pdf.add_text),
    "annotation": lambda document: pdf.updated(document, forged.annotate("FreeText")),
    "another page tree": lambda document: pdf.updated(document, forged.swap_pages),
    "signatures hidden": lambda document: pdf.updated(document, pdf.remove_signatures),
    "written anew": forged.rewritten,
    "an octet": lambda document: document[:20] + bytes([document[20] ^ 1]) + document[21:],
    "cut": lambda document: document[: len(document) * 9 // 10],
    "data at the end": lambda document: document + b"\n% more\n%%EOF\n",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", ["pdfbox", "itext", "itext-certified"])
def test_what_was_changed_afterwards_is_found(
    signers: Signers, signed: Callable[[str], bytes], name: str, attack: str
) -> None:
    report = signers.report(ATTACKS[attack](signed(name)))
    assert report.verdict is Verdict.INVALID, codes(report)

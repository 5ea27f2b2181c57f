"""Seals of the GM form over digests: SES_Signature over a document that stays where it is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from asn1crypto import x509

from core.algorithms import SM3
from core.asn1.ses import parse_signature
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from seals.api import models as wire
from seals.forms import Form
from seals.levels import Level
from seals.terms import SealingTerms
from seals.verification.report import Verdict
from tests.support.pdf import byte_range, contents, signed_octets
from tests.support.seal_service import Overheard, Service, service_of
from tests.support.sealing import Office


@pytest.fixture(scope="module")
def service(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("gm")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    service = service_of(storage, folder / "home", sm2_office)
    service.bureau.seal("chop", form=Form.GM)
    yield service
    storage.close()


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T, Level.B_LTA], ids=str)
def test_a_gm_seal_signs_digests(service: Service, plain: bytes, level: Level, sm2_office: Office) -> None:
    overheard = Overheard(service.app)
    server = service.server(service.key(f"gm-{level.rank}", ("chop",)), overheard)
    assert server.seal("chop").form is Form.GM
    sealed = server.stamp_by_digest("chop", plain, SealingTerms(pages="all", x_mm=90, y_mm=90, level=level)).read()
    assert sealed.startswith(plain)
    assert overheard.bodies and not any(b"%PDF" in body or len(body) > 1000 for body in overheard.bodies)
    report = sm2_office.report(sealed, status=True)
    seal = report.signatures[0]
    if level >= Level.B_LT:  # below, whoever verifies has to know the issuers
        assert report.verdict is Verdict.VALID, report
    assert (seal.sub_filter, seal.level, seal.intact) == ("GM.sm2seal", level, True)
    # By somebody else: what is signed, by which key, over what.
    signature = parse_signature(contents(sealed))
    assert signature.data_hash == SM3.of(signed_octets(sealed))
    named = signature.structure["to_sign"]["property_info"].native
    assert named == f"[{' '.join(map(str, byte_range(sealed)))}]"
    point = curve.point_of(x509.Certificate.load(signature.certificate).public_key.dump())
    assert point is not None
    assert GmsslEngine().verify(point, signature.signature, signature.signed)
    assert (signature.timestamp is not None) is (level >= Level.B_T)


@pytest.mark.parametrize("told", [None, [0, 0, 9, 9], [1, 5, 9, 9], [0, 9, 5, 9], [0, 5, 5, 9], [0, 5, 9, 0]], ids=str)
def test_a_byte_range_that_is_none_is_not_signed(service: Service, told: list[int] | None) -> None:
    server = service.server(service.key(f"wrong-{hash(str(told)) % 10**9}", ("chop",)))
    order = wire.DigestToSign(digest=bytes(32), sha256_before="0" * 64, page=1, level=Level.B_B, byte_range=told)
    with pytest.raises(YinxinError, match="signs the byte range") as caught:
        server.sign_digest("chop", order)
    assert caught.value.kind is Kind.INVALID

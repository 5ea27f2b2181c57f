"""Codes on paper: one form, one signature, and nothing believed that was altered, forged or copied."""

import json
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import base45
import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from core.algorithms import KeyKind
from core.certificates import armour
from core.clock import FixedClock
from core.errors import YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from seals.codes.judgement import verify_code
from seals.codes.on_page import with_code
from seals.codes.picture import LARGEST_VERSION, code_file, qr_code, read_codes
from seals.codes.statement import PREFIX, read_code, sign_code
from seals.http import create_app
from seals.placement.placement import Origin
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from tests.support.seal_service import Service, service_of
from tests.support.sealing import Office

FIELDS = {"缴款人": "张三", "金额": "1250.00", "项目": "户籍证明工本费", "日期": "2026-11-01"}
NUMBER = "陕财票0001234567"


def coded(office: Office, **changes: Any) -> str:
    given: dict[str, Any] = {"number": NUMBER, "fields": FIELDS, "show": ["金额"]} | changes
    unit = office.unit
    return sign_code(
        given["number"], given["fields"], "office", unit.key, unit.certificate, office.clock.now(), given["show"]
    )


def trusted(office: Office, *, status: bool = True) -> Trust:
    return replace(office.trust(status=status), certificates=[office.unit.certificate, office.issuing.certificate])


@pytest.fixture(scope="module")
def text(sm2_office: Office) -> str:
    return coded(sm2_office)


@pytest.fixture(scope="module")
def p256_office(sm2_office: Office) -> Office:
    return Office(KeyKind.P256, FixedClock(sm2_office.clock.now()))


def test_nobody_speaks_in_the_name_of_anothers_seal(sm2_office: Office, text: str) -> None:
    def codes(owners: dict[str, set[bytes]]) -> list[str]:
        report = verify_code(text, trusted(sm2_office), sm2_office.clock, FIELDS, owners)
        return [one.code for one in report.findings]

    own, other = {sm2_office.unit.certificate}, {sm2_office.maker.certificate}
    assert codes({}) == codes({"office": own}) == codes({"office": own | other}) == codes({"elsewhere": other}) == []
    for owners in ({"office": other}, {"office": other, "clerk": own}, {"clerk": own}):
        assert codes(owners) == ["seal-not-the-signers"], owners


def test_what_is_signed_is_what_others_verify(sm2_office: Office, p256_office: Office, text: str) -> None:
    """By libraries that are not ours, and COSE taken apart by hand (RFC 9052 4.4)."""
    for office, made in ((sm2_office, text), (p256_office, coded(p256_office))):
        protected, unprotected, body, signature = cbor2.loads(base45.b45decode(made.removeprefix(PREFIX))).value
        message = cbor2.dumps(["Signature1", protected, b"", body])
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        assert unprotected == {}
        certificate = x509.load_der_x509_certificate(office.unit.certificate) if office is p256_office else None
        if certificate is not None:
            key = certificate.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(der, message, ec.ECDSA(hashes.SHA256()))
            assert cbor2.loads(protected)[1] == -7
        else:
            point = curve.point_of(office.unit.key.public_key_info)
            assert point is not None
            assert GmsslEngine().verify(point, der, message)


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256, KeyKind.P384, KeyKind.RSA_3072])
def test_paper_carries_it(sm2_office: Office, kind: KeyKind) -> None:
    office = Office(kind, FixedClock(sm2_office.clock.now()))
    made = coded(office)
    assert int(qr_code(made).version) <= LARGEST_VERSION
    assert qr_code(made).error == "M"
    report = verify_code(made, trusted(office), office.clock, FIELDS)
    assert (report.verdict, report.findings) == (Verdict.VALID, [])
    assert report.statement is not None
    assert report.statement.shown == {"金额": "1250.00"}


@pytest.mark.parametrize(
    ("fields", "code", "verdict"),
    [
        (FIELDS, None, Verdict.VALID),
        ({name: f" {text} " for name, text in FIELDS.items()}, None, Verdict.VALID),
        (None, "fields-not-compared", Verdict.REMARKS),
        (FIELDS | {"金额": "9250.00"}, "fields-altered", Verdict.INVALID),
        (FIELDS | {"缴款人": "李四"}, "fields-altered", Verdict.INVALID),
        (FIELDS | {"备注": "免"}, "fields-altered", Verdict.INVALID),
        ({"金额": "1250.00"}, "fields-altered", Verdict.INVALID),
        ({}, "fields-altered", Verdict.INVALID),
    ],
)
def test_altered_paper_is_refused(
    sm2_office: Office, text: str, fields: dict[str, str] | None, code: str | None, verdict: Verdict
) -> None:
    report = verify_code(text, trusted(sm2_office), sm2_office.clock, fields)
    assert (report.verdict, [one.code for one in report.findings]) == (verdict, [code] if code else [])


def test_what_a_code_shows_whole_needs_no_typing(sm2_office: Office) -> None:
    report = verify_code(coded(sm2_office, show=list(FIELDS)), trusted(sm2_office), sm2_office.clock)
    assert report.verdict is Verdict.VALID


def _forged(text: str, change: Callable[[dict[int, Any], list[Any]], None]) -> str:
    tag = cbor2.loads(base45.b45decode(text.removeprefix(PREFIX)))
    parts = list(tag.value)
    payload = cbor2.loads(parts[2])
    change(payload, parts)
    if parts[2] == tag.value[2]:
        parts[2] = cbor2.dumps(payload, canonical=True)
    made: str = PREFIX + base45.b45encode(cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)).decode()
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda payload, _parts: payload.update({1: "陕财票0009999999"}),
        lambda payload, _parts: payload.update({6: {"金额": "9"}}),
        lambda payload, _parts: payload.update({3: payload[3] - 1}),
        lambda payload, _parts: payload.update({2: "another"}),
        lambda _payload, parts: parts.__setitem__(3, bytes(64)),
        lambda _payload, parts: parts.__setitem__(3, b"\xff" * 64),
    ],
)
def test_forged_codes_are_invalid(sm2_office: Office, text: str, change: Any) -> None:
    report = verify_code(_forged(text, change), trusted(sm2_office), sm2_office.clock, FIELDS)
    assert report.verdict is Verdict.INVALID
    assert "code-forged" in {one.code for one in report.findings}


@pytest.mark.parametrize(
    "change",
    [
        lambda payload, _parts: payload.update({7: "more"}),
        lambda payload, _parts: payload.pop(4),
        lambda payload, _parts: payload.update({4: b"short"}),
        lambda payload, _parts: payload.update({3: "now"}),
        lambda payload, _parts: payload.update({3: True}),
        lambda payload, _parts: payload.update({3: 10**30}),
        lambda payload, _parts: payload.update({6: {"金额": 9}}),
        lambda _payload, parts: parts.__setitem__(1, {4: b"key"}),
        lambda _payload, parts: parts.__setitem__(0, cbor2.dumps({1: -257, 4: b"k", 2: [1]})),
        lambda _payload, parts: parts.__setitem__(0, cbor2.dumps({1: -8, 4: b"k"})),
        lambda _payload, parts: parts.__setitem__(3, b"short"),
        lambda _payload, parts: parts.append(b""),
    ],
)
def test_other_shapes_are_no_codes(text: str, change: Any) -> None:
    with pytest.raises(YinxinError, match="not a code"):
        read_code(_forged(text, change))


def test_there_is_one_way_to_write_a_code(text: str) -> None:
    tag = cbor2.loads(base45.b45decode(text.removeprefix(PREFIX)))
    loose = cbor2.dumps(tag)[:1] + b"\x9f" + b"".join(cbor2.dumps(part) for part in tag.value) + b"\xff"
    for octets in (loose, cbor2.dumps(tag) + b"\x00"):
        with pytest.raises(YinxinError, match="not a code"):
            read_code(PREFIX + base45.b45encode(octets).decode())


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda data: base45.b45encode(data).decode())))
def test_whatever_is_read_is_refused_in_words(content: str) -> None:
    with pytest.raises(YinxinError):
        read_code(PREFIX + content)


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=4), st.characters(codec="ascii"))
def test_one_other_character_is_enough(text: str, sm2_office: Office, place: int, character: str) -> None:
    place = 4 + place % (len(text) - 4)
    if text[place] == character:
        return
    altered = text[:place] + character + text[place + 1 :]
    assert verify_code(altered, trusted(sm2_office), sm2_office.clock, FIELDS).verdict >= Verdict.INDETERMINATE


def test_who_signed_must_be_known(sm2_office: Office, p256_office: Office, text: str) -> None:
    def judged(trust: Trust) -> list[str]:
        return [one.code for one in verify_code(text, trust, sm2_office.clock, FIELDS).findings]

    assert judged(sm2_office.trust(status=True)) == ["certificate-missing"]
    assert judged(trusted(p256_office)) == ["certificate-missing"]
    without_path = Trust([p256_office.root.certificate], [sm2_office.unit.certificate])
    assert judged(without_path) == ["untrusted-issuer"]
    assert judged(trusted(sm2_office, status=False)) == ["status-unknown"]


def test_revocation_and_time_count(sm2_office: Office) -> None:
    office = Office(KeyKind.SM2, FixedClock(sm2_office.clock.now()))
    text = coded(office)
    early = FixedClock(office.clock.now() - timedelta(hours=1))
    assert [one.code for one in verify_code(text, trusted(office), early, FIELDS).findings] == ["future"]
    office.revoke_unit()
    report = verify_code(text, trusted(office), office.clock, FIELDS)
    assert (report.verdict, report.findings[0].code) == (Verdict.INDETERMINATE, "revoked")


def photographed(png: bytes, seed: int) -> bytes:
    """As somebody takes it by hand: from aside, turned, blurred, in bad light, with grain."""
    chance = random.Random(seed)
    code = Image.open(BytesIO(png)).convert("L").resize((640, 640))
    paper = Image.new("L", (1200, 1000), 215)
    paper.paste(code, (280, 180))
    width, height = paper.size
    lean = [chance.uniform(0, 0.12) for _corner in range(8)]
    corners = (
        lean[0] * -width, lean[1] * -height, lean[2] * -width, height * (1 + lean[3]),
        width * (1 + lean[4]), height * (1 + lean[5]), width * (1 + lean[6]), lean[7] * -height,
    )  # fmt: skip
    taken = paper.transform(paper.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=120)
    taken = taken.rotate(chance.uniform(-180, 180), Image.Resampling.BICUBIC, expand=True, fillcolor=90)
    taken = taken.filter(ImageFilter.GaussianBlur(1.0))
    shade = Image.linear_gradient("L").resize(taken.size).point(lambda light: 128 + light // 2)
    taken = ImageChops.multiply(taken, shade)
    taken = Image.blend(taken, Image.effect_noise(taken.size, 60), 0.12)
    out = BytesIO()
    taken.convert("RGB").save(out, "JPEG", quality=70)
    return out.getvalue()


@pytest.mark.parametrize("seed", range(4))
def test_photographs_are_read(text: str, seed: int) -> None:
    assert read_codes(photographed(code_file(text, "png"), seed)) == [text]


def test_pictures_that_are_none_hold_no_code(plain: bytes) -> None:
    blank = BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    for picture in (b"", b"\x89PNG\r\n\x1a\n" + bytes(50), blank.getvalue(), plain, b"%PDF-1.7 none"):
        assert read_codes(picture) == []


def test_a_bomb_of_pixels_is_not_opened() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(30_000 * (1 + 30_000 // 8)))
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    assert len(bomb) < 200_000
    assert read_codes(bomb) == []


@pytest.mark.parametrize("turn", [0, 90])
def test_the_code_is_read_from_the_page(text: str, plain: bytes, turn: int) -> None:
    import pikepdf

    with pikepdf.open(BytesIO(plain)) as pdf:
        pdf.pages[0].rotate(turn, relative=False)
        target = BytesIO()
        pdf.save(target)
    on_page = with_code(target.getvalue(), text, 1, 40, 40, origin=Origin.LOWER_LEFT)
    assert read_codes(on_page) == [text]


def test_a_sealed_page_takes_no_code(text: str, sealed_sm2: bytes, plain: bytes) -> None:
    with pytest.raises(YinxinError, match="is signed"):
        with_code(sealed_sm2, text, 1, 40, 40, origin=Origin.LOWER_LEFT)
    with pytest.raises(YinxinError, match="no page 3"):
        with_code(plain, text, 3, 40, 40, origin=Origin.LOWER_LEFT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"number": ""}, "needs a number"),
        ({"fields": {}, "show": []}, "needs a number"),
        ({"show": ["税号"]}, "税号"),
        ({"number": "9" * 3000}, "more than a code holds"),
    ],
)
def test_what_cannot_be_said_is_refused(sm2_office: Office, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        coded(sm2_office, **changes)


@pytest.fixture(scope="module")
def service(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("codes")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    service = service_of(storage, folder / "home", sm2_office)
    for number, one in enumerate(sm2_office.crls()):
        (service.home.trust / f"{number}.crl").write_bytes(one)
    yield service
    storage.close()


def test_a_receipt_with_a_code_from_the_desk_to_the_page(
    seals: Callable[..., int],
    service: Service,
    tmp_path: Path,
    plain: bytes,
    capsys: pytest.CaptureFixture[str],
    sm2_office: Office,
) -> None:
    fields, document, out = tmp_path / "fields.json", tmp_path / "fee.pdf", tmp_path / "fee-sealed.pdf"
    fields.write_text(json.dumps(FIELDS))
    document.write_bytes(plain)
    ways = ("--code", fields, "--code-number", NUMBER, "--code-at", "40,40", "--code-show", "金额")
    assert seals("stamp", "office", document, "--at", "150,60", *ways, "--out", out, "--level", "B-T") == 0
    capsys.readouterr()
    assert seals("verify-code", out, "--fields", fields, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["number"], found["shown"], found["findings"]) == (NUMBER, {"金额": "1250.00"}, [])
    fields.write_text(json.dumps(FIELDS | {"金额": "1.00"}))
    assert seals("code", "verify", out, "--fields", fields) == 3
    assert seals("verify-code", document) == 2
    assert "no code of ours" in capsys.readouterr().err
    picture = code_file(read_codes(out.read_bytes())[0], "png")
    app = create_app(service.home, service.support, service.bureau.crew)
    page = app.test_client().post("/verify?lang=en", data={"document": (BytesIO(photographed(picture, 1)), "p.jpg")})
    assert "valid with remarks</h2>" in page.text
    assert NUMBER in page.text
    assert "1250.00" in page.text
    nothing = BytesIO()
    Image.new("L", (50, 50)).save(nothing, "PNG")
    other = app.test_client().post("/verify?lang=en", data={"document": (BytesIO(nothing.getvalue()), "p.png")})
    assert other.status_code == 400
    # An auditor at another place, with the unit's certificate and the root only.
    (tmp_path / "unit.pem").write_bytes(armour([sm2_office.unit.certificate, sm2_office.issuing.certificate]))
    assert seals("verify-code", out, "--certificate", tmp_path / "unit.pem", "--trust", service.home.trust) == 1


def test_codes_are_within_the_bounds_and_in_the_book(
    seals: Callable[..., int], service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlalchemy as sa

    from seals import records

    fields = tmp_path / "fields.json"
    fields.write_text(json.dumps(FIELDS))
    assert seals("code", "new", "office", NUMBER, fields, "--purpose", "缴费", "--out", tmp_path / "c.svg") == 0
    assert (tmp_path / "c.svg").read_bytes().startswith(b"<?xml")
    uses = records.seal_uses.c
    with service.context.storage.reading() as connection:
        query = sa.select(uses.level, uses.place, uses.purpose, uses.sha256_after).order_by(uses.id.desc()).limit(1)
        row = connection.execute(query).one()
    assert (row.level, row.place, row.purpose) == ("code", NUMBER, "缴费")
    assert seals("code", "new", "nobody", NUMBER, fields) == 2
    assert seals("code", "new", "office", NUMBER, fields, "--out", tmp_path / "c.doc") == 2
    fields.write_text('{"amount": 3}')
    assert seals("code", "new", "office", NUMBER, fields) == 2
    assert "not names and texts" in capsys.readouterr().err

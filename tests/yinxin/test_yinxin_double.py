"""Double certificates by the command: delivered once, opened at the holder's place, revoked together."""

import json
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pkcs12, x509

from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from core.certificates import read_certificates
from core.home import Home
from core.keys.key_file import open_key_file
from tests.support.openssl import openssl
from tests.support.secrets_in_clear import found_in, secret_octets
from tests.yinxin.conftest import Yinxin
from yinxin.demo import cast


def acting(home: Path, name: str = cast.REVIEWER) -> tuple[str | Path, ...]:
    return ("--as", name, "--key", home / f"people/operators/{name}.pem", "--pin-file", home / "people/pin")


def number_of(yinxin: Yinxin, home: Path, authority: str, name: str) -> str:
    listed = json.loads(yinxin("--home", home, "ra", "list", "--json", *acting(home)).out)
    rows: list[dict[str, Any]] = listed if isinstance(listed, list) else next(iter(listed.values()))
    (number,) = [row["number"] for row in rows if row["authority"] == authority and f"CN={name}" in row["holder"]]
    return str(number)


def test_sm2_delivery_is_opened_at_the_holders_place(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    number = number_of(yinxin, home_copy, "sm2-issuing", "张三")
    out = tmp_path / "to holder" / "zhangsan.pem"
    deliver = ("--home", home_copy, "ra", "deliver", number, "--out", out, *acting(home_copy))
    done = yinxin(*deliver, "--json")
    assert done.code == 0, done.err
    names = {"zhangsan.pem", "zhangsan-encryption.pem", "zhangsan-encryption.env", "zhangsan.response"}
    assert {path.name for path in out.parent.iterdir()} == names
    assert {Path(path).name for path in json.loads(done.out)["beside"]} == names - {"zhangsan.pem"}
    assert yinxin(*deliver).code == 2
    (encryption,) = read_certificates(out.with_name("zhangsan-encryption.pem"))
    key_file, pin = home_copy / "people/staff/sm2-zhangsan.pem", ("--pin-file", home_copy / "people/pin")
    for delivered in ("zhangsan.response", "zhangsan-encryption.env"):
        key = tmp_path / f"{delivered}.key"
        opened = yinxin("ra", "key", "open", out.with_name(delivered), "--key", key_file, "--out", key, *pin)
        assert opened.code == 0, opened.err
        assert key.stat().st_mode & 0o777 == 0o600
        private = open_key_file(key, (home_copy / "people/pin").read_bytes().strip())
        assert private.public_key_info == x509.Certificate.load(encryption).public_key.dump()
        assert found_in(tmp_path, [secret_octets(private)]) == []
        inspected = yinxin("ca", "kmc", "envelope", "inspect", out.with_name(delivered), "--key", key_file, *pin)
        assert inspected.code == 0, inspected.err
        assert "SM2EnvelopedKey" in inspected.out
    # And packed like any other key.
    (tmp_path / "password").write_text("a good password\n")
    (tmp_path / "password").chmod(0o600)
    packed = yinxin(
        *("ra", "key", "pkcs12", "--key", tmp_path / "zhangsan.response.key", *pin),
        *("--certificate", out.with_name("zhangsan-encryption.pem")),
        *("--out", tmp_path / "encryption.p12", "--password-file", tmp_path / "password"),
    )
    assert packed.code == 0, packed.err
    assert pkcs12.Pfx.load((tmp_path / "encryption.p12").read_bytes(), strict=True)
    # What is not for this key, and what is nothing at all, is refused and leaves nothing.
    other = home_copy / "people/staff/sm2-lisi.pem"
    nothing = tmp_path / "nothing.pem"
    wrong = yinxin("ra", "key", "open", out.with_name("zhangsan.response"), "--key", other, "--out", nothing, *pin)
    assert "envelope" in wrong.refusal
    assert yinxin("ra", "key", "open", out, "--key", key_file, "--out", nothing, *pin).code == 2
    assert not nothing.exists()


def test_rsa_delivery_is_opened_by_us_and_by_openssl(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    number = number_of(yinxin, home_copy, "rsa-issuing", "张三")
    out = tmp_path / "zhangsan.pem"
    assert yinxin("--home", home_copy, "ra", "deliver", number, "--out", out, *acting(home_copy)).code == 0
    envelope = tmp_path / "zhangsan-encryption.p7m"
    key_file, pin = home_copy / "people/staff/rsa-zhangsan.pem", ("--pin-file", home_copy / "people/pin")
    ask = ("ra", "key", "open", envelope, "--key", key_file, "--out", tmp_path / "key.pem", *pin)
    assert "--certificate" in yinxin(*ask).refusal
    assert yinxin(*ask, "--certificate", out).code == 0
    password = f"file:{home_copy / 'people/pin'}"
    options = ("-inform", "DER", "-in", envelope, "-recip", out, "-inkey", key_file, "-passin", password)
    decrypted = openssl("cms", "-decrypt", *options)
    public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=decrypted)
    assert public == openssl("pkey", "-in", tmp_path / "key.pem", "-passin", password, "-pubout", "-outform", "DER")
    certified = openssl("x509", "-in", tmp_path / "zhangsan-encryption.pem", "-noout", "-pubkey")
    assert public == openssl("pkey", "-pubin", "-outform", "DER", data=certified)
    purposes = openssl("x509", "-in", tmp_path / "zhangsan-encryption.pem", "-noout", "-ext", "keyUsage").decode()
    assert "critical" in purposes and "Key Encipherment, Data Encipherment" in purposes


@pytest.mark.parametrize("which", [0, 1])
def test_either_certificate_revokes_both_and_the_centre_learns_of_it(
    yinxin: Yinxin, home_copy: Path, which: int
) -> None:
    ask = ("--home", home_copy, "ca", "certificates", "--authority", "sm2-issuing", "--subject", "李四", "--json")
    rows = json.loads(yinxin(*ask).out)
    rows = rows["certificates"] if isinstance(rows, dict) else rows
    named = rows[which]["serial"]
    done = yinxin("--home", home_copy, "ra", "revoke", named, "--reason", "keyCompromise", *acting(home_copy))
    assert (done.code, done.err) == (0, "")
    rows = json.loads(yinxin(*ask).out)
    rows = rows["certificates"] if isinstance(rows, dict) else rows
    assert [row["state"] for row in rows] == ["revoked"] * 2
    counts = {one.pool: one.count for one in statistics(Home(home_copy).context) if one.kind.value == "sm2"}
    assert counts[Pool.HISTORICAL] == 1

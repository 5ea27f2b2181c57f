"""Double certificates at an office at a distance: delivered, succeeded, and revoked with everything that follows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import crl, x509

from ca.crl import latest
from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from ca.records import pairs
from core.certificates import read_certificates
from core.home import Home
from core.keys.key_file import open_key_file
from ra.http import create_app
from tests.support.office_server import serving
from tests.yinxin.conftest import Yinxin
from yinxin.demo import cast

Asked = Callable[..., Any]


@pytest.fixture
def distant(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> Iterator[Asked]:
    """`yinxin ra --server URL ARGUMENTS --json` from a home that is not there; what it says."""
    with serving(create_app(Home(home_copy))) as url:

        def ask(*arguments: object, who: str = cast.REVIEWER) -> Any:
            key = home_copy / f"people/operators/{who}.pem"
            acting = ("--as", who, "--key", key, "--pin-file", home_copy / "people/pin", "--json")
            done = yinxin("--home", tmp_path / "nowhere", "ra", "--server", url, *arguments, *acting)
            assert (done.code, done.err) == (0, ""), done.err
            return json.loads(done.out)

        yield ask


def test_the_life_of_a_pair_at_a_distance(distant: Asked, yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    home, pin = Home(home_copy), home_copy / "people/pin"
    listed = distant("list", "--state", "issued")
    (number,) = [
        row["number"]
        for row in (listed if isinstance(listed, list) else next(iter(listed.values())))
        if row["authority"] == "sm2-issuing" and "CN=张三" in row["holder"]
    ]

    def delivered(number: str, name: str, key: Path) -> x509.Certificate:
        """The signing certificate; the encryption key was for nobody but the holder, and belongs to the other one."""
        out = tmp_path / f"{name}.pem"
        assert len(distant("deliver", number, "--out", out)["beside"]) == 3
        opened = tmp_path / f"{name}.key"
        response = out.with_suffix(".response")
        assert yinxin("ra", "key", "open", response, "--key", key, "--out", opened, "--pin-file", pin).code == 0
        (encryption,) = read_certificates(tmp_path / f"{name}-encryption.pem")
        private = open_key_file(opened, pin.read_bytes().strip())
        assert private.public_key_info == x509.Certificate.load(encryption).public_key.dump()
        return x509.Certificate.load(read_certificates(out)[0])

    first = delivered(number, "first", home_copy / "people/staff/sm2-zhangsan.pem")
    new, csr = tmp_path / "new.pem", tmp_path / "new.csr"
    made = ("--out", new, "--csr", csr, "--pin-file", pin, "--common-name", "张三")
    assert yinxin("ra", "key", "new", *made).code == 0
    entered = distant("rekey", f"{first.serial_number:x}", "--csr", csr, who=cast.ENTERER)["number"]
    distant("approve", entered)
    assert distant("issue", entered)[0]["number"] == entered
    second = delivered(entered, "second", new)
    assert second.subject == first.subject and second.public_key.dump() != first.public_key.dump()

    assert second.serial_number not in _listed(home)
    revoked = distant("revoke", f"{second.serial_number:x}", "--reason", "keyCompromise")
    assert revoked["state"] == "revoked"
    assert second.serial_number in _listed(home)
    with home.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(pairs.c.key_due_at <= home.clock.now())) == 0
    counts = {one.pool: one.count for one in statistics(home.context) if one.kind.value == "sm2"}
    assert counts[Pool.HISTORICAL] == 1
    assert not (tmp_path / "nowhere").exists()


def _listed(home: Home) -> set[int]:
    """The serial numbers in the CRL in force."""
    entries = crl.CertificateList.load(latest(home.context, "sm2-issuing"))["tbs_cert_list"]["revoked_certificates"]
    return {entry["user_certificate"].native for entry in entries}

"""The key-management centre as a service with a home of its own; the certificate authority holds none of its keys."""

import json
import shutil
from pathlib import Path

import pytest
from asn1crypto import x509

from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from core.certificates import read_certificates
from core.home import Home
from core.keys.key_file import open_key_file
from tests.support.demonstration import Serving
from tests.yinxin.conftest import Yinxin
from yinxin.demo import cast


def acting(home: Path, name: str) -> tuple[str | Path, ...]:
    return ("--as", name, "--key", home / f"people/operators/{name}.pem", "--pin-file", home / "people/pin")


def active_keys(home: Path) -> int:
    return sum(one.count for one in statistics(Home(home).context) if one.pool is Pool.ACTIVE)


def test_double_certificates_by_a_centre_with_a_home_of_its_own(
    yinxin: Yinxin, home_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(home_copy, elsewhere)
    shutil.rmtree(elsewhere / "keys/ca")
    shutil.rmtree(home_copy / "keys/kmc")
    (home_copy / "passphrases/kmc").unlink()
    here, there = active_keys(home_copy), active_keys(elsewhere)
    pin = ("--pin-file", home_copy / "people/pin")
    with Serving(elsewhere, "kmc") as centre:
        monkeypatch.setenv("YINXIN_KMC__URL", centre.url("kmc"))
        for kind, authority in (("sm2", "sm2-issuing"), ("rsa-2048", "rsa-issuing")):
            person = ("--common-name", "赵六", "--organization", "宝鸡市人民政府办公室")
            key, csr, out = (tmp_path / f"{kind}.{end}" for end in ("key", "csr", "pem"))
            assert yinxin("ra", "key", "new", "--kind", kind, "--out", key, "--csr", csr, *pin, *person).code == 0
            apply = ("--profile", "staff", "--authority", authority, "--csr", csr, *person, "--json")
            entered = yinxin("--home", home_copy, "ra", "apply", *apply, *acting(home_copy, cast.ENTERER))
            assert entered.code == 0, entered.err
            number = json.loads(entered.out)["number"]
            for act, name in (("approve", cast.REVIEWER), ("issue", cast.REVIEWER)):
                done = yinxin("--home", home_copy, "ra", act, number, *acting(home_copy, name))
                assert done.code == 0, done.err
            deliver = ("ra", "deliver", number, "--out", out)
            done = yinxin("--home", home_copy, *deliver, *acting(home_copy, cast.REVIEWER))
            assert done.code == 0, done.err
            envelope = out.with_name(f"{out.stem}-encryption.{'env' if kind == 'sm2' else 'p7m'}")
            opened = tmp_path / f"{kind}-encryption.key"
            done = yinxin(
                *("ra", "key", "open", envelope, "--key", key, "--out", opened, *pin),
                *(() if kind == "sm2" else ("--certificate", out)),
            )
            assert done.code == 0, done.err
            (encryption,) = read_certificates(out.with_name(f"{out.stem}-encryption.pem"))
            private = open_key_file(opened, (home_copy / "people/pin").read_bytes().strip())
            assert private.public_key_info == x509.Certificate.load(encryption).public_key.dump()
    # The keys are in the books there, and nothing of them is here.
    assert (active_keys(home_copy), active_keys(elsewhere)) == (here, there + 2)

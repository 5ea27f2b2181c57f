"""`yinxin ca import` with what a real `openssl ca` left: shown, imported, revoked by an operator, answered by OCSP."""

import json
from pathlib import Path

import pytest

from core.algorithms import KeyKind
from core.errors import YinxinError
from core.home import Home
from core.keys.pkcs12 import pack, unpack
from tests.support import pki
from tests.support.openssl import openssl
from tests.yinxin.conftest import Yinxin

CONFIGURATION = """
[ca]
default_ca = d
[d]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir/newcerts
serial = $dir/serial
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 700
default_crl_days = 30
policy = p
x509_extensions = e
[p]
countryName = optional
commonName = supplied
[e]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
"""


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority that `openssl ca` runs: two certificates, one of them revoked, and a list."""
    folder = tmp_path_factory.mktemp("former")
    (folder / "newcerts").mkdir()
    for name, text in (("serial", "0A"), ("crlnumber", "1F"), ("index.txt", ""), ("password", "geheim")):
        (folder / name).write_text(text + "\n" if text else "")
    (folder / "password").chmod(0o600)
    (folder / "ca.cnf").write_text(CONFIGURATION.format(folder=folder))
    ca, ec = ("ca", "-batch", "-utf8", "-config", folder / "ca.cnf"), ("-newkey", "ec", "-pkeyopt")
    curve, quiet = "ec_paramgen_curve:P-256", ("-nodes", "-utf8")
    subject = ("-subj", "/C=CN/CN=旧签发机构", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-days", "3650")
    openssl("req", "-x509", *ec, curve, *quiet, "-keyout", folder / "ca.key", *subject, "-out", folder / "ca.pem")
    for name in ("张三", "李四"):
        request = folder / "request"
        openssl(
            "req", *ec, curve, *quiet, "-keyout", folder / f"{name}.key", "-subj", f"/C=CN/CN={name}", "-out", request
        )
        openssl(*ca, "-in", request, "-out", folder / f"{name}.pem")
    openssl(*ca, "-revoke", folder / "李四.pem", "-crl_reason", "keyCompromise")
    openssl(*ca, "-gencrl", "-out", folder / "last.crl")
    store = ("pkcs12", "-export", "-inkey", folder / "ca.key", "-in", folder / "ca.pem", "-passout", "pass:geheim")
    openssl(*store, "-out", folder / "ca.p12")
    return folder


def arguments(former: Path) -> tuple[str | Path, ...]:
    return (
        *("ca", "import", "old-city", "--pkcs12", former / "ca.p12", "--password-file", former / "password"),
        *("--index", former / "index.txt", "--certificates", former / "newcerts"),
        *("--crl", former / "last.crl", "--crl-number", former / "crlnumber"),
    )


def test_from_openssl_ca_to_ocsp_and_an_operators_order(
    yinxin: Yinxin, home_copy: Path, former: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocsp.service import responder_of

    command = ("--home", home_copy, *arguments(former))
    shown = yinxin(*command)
    assert shown.code == 0 and "张三" in shown.out and "Nothing was changed" in shown.err
    facts = json.loads(yinxin(*command, "--json").out)
    assert [(one["serial"], one["state"], one["file"]) for one in facts["certificates"]] == [
        ("0a", "valid", True),
        ("0b", "revoked", True),
    ]
    assert (facts["number"], facts["sound"]) == (0x20, True)
    assert "not what was examined" in yinxin(*command, "--digest", "0" * 64).refusal
    # Killed after the transaction, it is finished by the same command.
    with monkeypatch.context() as patch:
        patch.setattr("yinxin.takeover.delegate", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
        assert yinxin(*command, "--digest", facts["sm3"]).code == 130
    done = yinxin(*command, "--digest", facts["sm3"])
    assert done.code == 0 and "go on with number 32" in done.out, done
    assert yinxin(*command, "--digest", facts["sm3"]).code == 0
    assert (home_copy / "keys" / "ca" / "old-city.pem").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY")

    def ask(serial: int) -> str:
        question, answer = tmp_path / "question", tmp_path / "answer"
        openssl("ocsp", "-issuer", former / "ca.pem", "-serial", str(serial), "-no_nonce", "-reqout", question)
        answer.write_bytes(responder_of(Home(home_copy)).respond(question.read_bytes()))
        told = openssl(
            *("ocsp", "-issuer", former / "ca.pem", "-serial", str(serial), "-respin", answer),
            *("-CAfile", former / "ca.pem"),
        )
        return told.decode().split()[1]

    assert [ask(serial) for serial in (10, 11, 12)] == ["good", "revoked", "unknown"]
    # A holder's certificate: the operator's to revoke, not the centre's.
    assert (
        "an operator revokes it"
        in yinxin(
            "--home", home_copy, "ca", "revoke", "0a", "--authority", "old-city", "--reason", "superseded"
        ).refusal
    )
    key_file, pin = home_copy / "people/operators/liu.yang.pem", home_copy / "people/pin"
    reviewer = ("--as", "liu.yang", "--key", key_file, "--pin-file", pin)
    revoked = yinxin(
        "--home", home_copy, "ra", "revoke", "0a", "--authority", "old-city", "--reason", "superseded", *reviewer
    )
    assert revoked.code == 0, revoked.err
    assert ask(10) == "revoked"
    assert yinxin("--home", home_copy, "ca", "crl", "publish", "old-city").code == 0
    published = tmp_path / "new.crl"
    yinxin("--home", home_copy, "ca", "crl", "show", "old-city", "--out", published)
    text = openssl("crl", "-inform", "DER", "-in", published, "-noout", "-text", "-CAfile", former / "ca.pem").decode()
    assert "Serial Number: 0A" in text and "Serial Number: 0B" in text
    assert yinxin("--home", home_copy, "ca", "lint").code == 0
    audit = tmp_path / "audit.zip"
    assert yinxin("--home", home_copy, "audit", "export", audit).code == 0
    verified = yinxin("--home", home_copy, "audit", "verify", audit, "--key", home_copy / "trust" / "audit-log.pub")
    assert verified.code == 0, verified.out
    listed = yinxin("--home", home_copy, "audit", "list", "--json", "--limit", "1000")
    assert "ca.authority.import" in listed.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--pkcs12": "ca.pem"}, "no PKCS#12 file, or the passphrase is wrong"),
        ({"--crl-number": "ca.pem"}, "no hexadecimal number"),
        ({"--pkcs12": None}, "there is no key to import"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    yinxin: Yinxin, home_copy: Path, former: Path, change: dict[str, str | None], words: str
) -> None:
    given = list(arguments(former))
    for option, file in change.items():
        place = given.index(option)
        given[place : place + 2] = [] if file is None else [option, former / file]
    assert words in yinxin("--home", home_copy, *given).refusal


def test_what_cannot_be_imported_has_exit_code_1(yinxin: Yinxin, home_copy: Path, former: Path, tmp_path: Path) -> None:
    given = list(arguments(former))
    (tmp_path / "none").mkdir()
    given[given.index("--certificates") + 1] = tmp_path / "none"
    told = yinxin("--home", home_copy, *given)
    assert told.code == 1 and "is not among the files" in told.out and "cannot be imported" in told.err
    assert yinxin("--home", home_copy, *given, "--accept-missing").code == 0


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
def test_a_pkcs12_file_is_read_as_it_was_written(kind: KeyKind) -> None:
    from core.clock import SystemClock

    root = pki.root(kind, not_before=SystemClock().now())
    packed = pack(root.key, root.certificate, [], name="x", passphrase="密码".encode())
    read = unpack(packed, "密码".encode())
    assert (read.key.public_key_info, read.certificates) == (root.key.public_key_info, (root.certificate,))
    for data, passphrase in ((packed, b"other"), (packed[:-9], "密码".encode()), (b"", b"x")):
        with pytest.raises(YinxinError, match="no PKCS#12 file, or the passphrase is wrong"):
            unpack(data, passphrase)

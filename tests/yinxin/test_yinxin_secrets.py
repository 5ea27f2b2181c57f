"""Keys, PINs and passphrases are in the places for them, and in no other: files, output, arguments, core dumps."""

import re
import resource
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.keys.key_file import open_key_file
from core.keys.private_key import Sm2Key
from tests.support import processes
from tests.support.demonstration import Serving

PLACES_FOR_SECRETS = re.compile(r"/passphrases/|\.pin$|/people/pin$")


def secrets_of(home: Path) -> dict[str, bytes]:
    """Every passphrase and PIN of the home, and a private number in the forms that a slip could write it in."""
    found = {str(path.relative_to(home)): path.read_bytes().strip() for path in (home / "passphrases").iterdir()}
    found |= {str(path.relative_to(home)): path.read_bytes().strip() for path in home.rglob("*.pin")}
    found["people/pin"] = (home / "people" / "pin").read_bytes().strip()
    key = open_key_file(home / "keys" / "ca" / "sm2-issuing.pem", found["passphrases/ca"])
    assert isinstance(key, Sm2Key)
    number = key.private_number()
    found |= {"number": number, "hexadecimal": number.hex().encode(), "decimal": str(int.from_bytes(number)).encode()}
    assert len(found) >= 12 and all(len(secret) >= 12 for secret in found.values())
    return found


@pytest.fixture
def home(home_copy: Path) -> Path:
    return home_copy


def everything_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not PLACES_FOR_SECRETS.search(str(path)))


def arguments_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_no_secret_is_where_it_should_not_be(home: Path, tmp_path: Path) -> None:
    """Commands that fail in their several ways, services that are asked nonsense, and a database that breaks."""
    secrets, said = secrets_of(home), b""
    pin = (home / "administrators" / "super.administrator.pin").read_text()
    wrong = tmp_path / "wrong.pin"
    wrong.write_text("not the PIN of anybody\n")
    key = home / "administrators" / "super.administrator.pem"
    orders: list[tuple[str | Path, ...]] = [
        ("ra", "list", "--as", "super.administrator", "--key", key),
        ("seals", "stamp", "nothing.pdf", "office", "--out", tmp_path / "out.pdf"),
        ("ca", "show", "no-such-number"),
        ("audit", "show", "1"),
    ]
    with Serving(home, "ca", "ocsp", "tsa", "seals") as serving:
        pids = [serving.process.pid, *serving.descendants()]
        said += b"".join(map(arguments_of, pids))
        for service in ("ca", "ocsp", "tsa", "seals"):
            for path in ("/", "/%00", "/verify", "/api/seals/v1/seals"):
                with suppress(urllib.error.URLError, OSError):
                    request = urllib.request.Request(serving.url(service) + path, b"\x30\x80junk")
                    said += urllib.request.urlopen(request, timeout=10).read()
        for order in orders:
            done = processes.run("--home", home, *order, data=f"{pin}\n")
            said += (done.stdout + done.stderr).encode()
    (home / "yinxin.db").write_bytes(b"SQLite format 3\0" + bytes(4000))
    for order in orders:
        done = processes.run("--home", home, *order, data=f"{pin}\n")
        assert done.returncode
        said += (done.stdout + done.stderr).encode()
    written = {path: path.read_bytes() for path in everything_below(tmp_path)}
    written[Path("what was said")] = said
    for name, secret in secrets.items():
        assert [str(path) for path, content in written.items() if secret in content] == [], name


def test_no_process_leaves_its_memory_behind(home: Path) -> None:
    """No process of ours writes a core, whatever the limit that it was started with; nor those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("cores are switched off for this whole machine")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # as generous as it may be: ours is stricter
    try:
        with Serving(home, "ocsp") as serving:
            pids = (serving.process.pid, *serving.descendants())
            limits = [Path(f"/proc/{pid}/limits").read_text() for pid in pids]
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    for one in limits:
        (line,) = [line for line in one.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4] == "0", one

"""What docs/security.md says is shown by tests that exist."""

import re
from pathlib import Path

import pytest

from tests.support.processes import CHECKOUT

_PAGE = (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")
_HEADS = ("| ---", "| they try |", "| what happens |")
NAMED = sorted(set(re.findall(r"`([a-z]+/test_\w+\.py(?:::\w+)?)`", _PAGE)))


def test_every_line_of_a_table_names_a_test() -> None:
    lines = [line for line in _PAGE.splitlines() if line.startswith("| ") and not line.startswith(_HEADS)]
    assert len(lines) > 35
    assert [line for line in lines if not re.search(r"`[a-z]+/test_", line)] == []


@pytest.mark.parametrize("named", NAMED)
def test_it_exists(named: str) -> None:
    file, _colons, function = named.partition("::")
    path = CHECKOUT / "tests" / Path(file)
    assert path.is_file()
    assert not function or re.search(rf"^def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE)

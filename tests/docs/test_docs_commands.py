"""What the README tells newcomers to type, typed; both languages alike; and links that lead somewhere."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.demonstration import Demonstration
from tests.support.documentation import commands_of, play
from tests.support.processes import CHECKOUT

_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
PAGES = sorted(
    path.relative_to(CHECKOUT) for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")) if path.is_file()
)


def test_readme(demonstration: Demonstration, tmp_path: Path) -> None:
    shutil.copytree(demonstration.folder, tmp_path / "demo")
    # One hierarchy will do: making large RSA keys takes seconds.
    play("README.md", tmp_path, YINXIN_CENTRE__KEY_KINDS='["sm2"]')


def test_both_readmes_give_the_same_commands() -> None:
    english, chinese = ([command.text for command in commands_of(page)] for page in ("README.md", "README.zh-CN.md"))
    assert english == chinese


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall((CHECKOUT / page).read_text(encoding="utf-8"))
    broken = [
        target
        for target in targets
        if not target.startswith(("http:", "https:")) and not (CHECKOUT / page).parent.joinpath(target).exists()
    ]
    assert not broken

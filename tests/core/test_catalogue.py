"""The Chinese catalogue is whole: every text of the sources and of click, translated, compiled."""

import ast
import io
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from core.i18n import LOCALE_FOLDER

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [ROOT / name for name in PROJECT["tool"]["importlinter"]["root_packages"]]
SOURCES = [*PACKAGES, Path(click.__file__).parent]
METHODS = [(mapping["pattern"], mapping["method"]) for mapping in PROJECT["tool"]["babel"]["mappings"]]
PO = LOCALE_FOLDER / "zh_CN" / "LC_MESSAGES" / "yinxin.po"
REMEDY = "run `make catalogue`, translate what is new, and run it again"


@cache
def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="zh_CN")


def messages() -> list[Message]:
    return [message for message in catalogue() if message.id]


def forms(texts: object) -> tuple[str, ...]:
    return tuple(str(text) for text in texts) if isinstance(texts, list | tuple) else (str(texts),)


@cache
def extracted() -> frozenset[str]:
    keywords = {"_": None, "N_": None, "ngettext": (1, 2)}
    found = (item for folder in SOURCES for item in extract_from_dir(folder, METHODS, keywords=keywords))
    return frozenset(forms(texts)[0] for _file, _line, texts, _comments, _context in found)


MARKS = ("_", "N_", "ngettext")


def calls_in_our_sources() -> Iterator[tuple[str, ast.expr]]:
    for path in (path for package in PACKAGES for path in package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


def test_every_text_can_be_extracted() -> None:
    """babel sees neither a text put together at run time nor one inside an f-string."""
    unseen = [
        place
        for place, text in calls_in_our_sources()
        if not isinstance(text, ast.Constant) or text.value not in extracted()
    ]
    assert not unseen, "write _(…) outside of f-strings, with one literal text"


def test_catalogue_has_the_texts_of_the_sources_and_no_others() -> None:
    assert {forms(message.id)[0] for message in messages()} == extracted(), REMEDY
    assert not catalogue().obsolete, REMEDY


@pytest.mark.parametrize("message", messages(), ids=lambda message: forms(message.id)[0][:40])
def test_translated_with_the_same_placeholders(message: Message) -> None:
    assert not message.fuzzy
    assert all(forms(message.string)), REMEDY
    assert placeholders(message.string) <= placeholders(message.id)
    assert placeholders(message.string) >= placeholders(forms(message.id)[-1])


def placeholders(texts: object) -> set[str]:
    return {found for text in forms(texts) for found in re.findall(r"{\w*(?:!\w)?(?::[^}]*)?}|%\(\w+\)\w", text)}


def test_compiled_catalogue_is_up_to_date() -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue())
    assert PO.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run `make catalogue`"

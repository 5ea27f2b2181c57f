"""Texts for people, in the reader's language: gettext catalogues, chosen by the locale or for one block of work."""

import gettext as _gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

DOMAIN = "yinxin"
LOCALE_FOLDER = Path(__file__).parent / "locale"


def language_of_environment() -> str:
    """`zh_CN` or `en`, from LANGUAGE, LC_ALL, LC_MESSAGES, LANG in the order that gettext gives them."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "zh_CN" if value.lower().startswith("zh") else "en"
    return "en"


_language: ContextVar[str | None] = ContextVar("language", default=None)


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, LOCALE_FOLDER, [language], fallback=True)


def current_language() -> str:
    """The language in force: that of the block of `speaking`, else that of the environment."""
    return _language.get() or language_of_environment()


def _(message: str) -> str:
    """The message in the language in force."""
    return _catalogue(current_language()).gettext(message)


def translated(message: str) -> str:
    """The same for a message that is marked for translation where it is listed (`core.words`)."""
    return _catalogue(current_language()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The message for so many things, in the language in force."""
    return _catalogue(current_language()).ngettext(singular, plural, number)


def share_with_libraries() -> None:
    """Let the libraries that use the standard gettext, as click does, find their words in our catalogue."""
    _gettext.bindtextdomain(DOMAIN, LOCALE_FOLDER)
    _gettext.textdomain(DOMAIN)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use this language in the block: an HTTP request has its own."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)

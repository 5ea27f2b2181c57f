"""The wall around pyHanko: its errors become ours, its chatter goes to the log, its coroutines are run to their end."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.general import SigningError

from core.errors import Kind, YinxinError
from core.i18n import _

_log = logging.getLogger(__name__)

# What pyHanko warns of is in our reports; without a handler Python would print it to stderr.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

Result = TypeVar("Result")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn what goes wrong in pyHanko into `YinxinError`: invalid if damaged, unsupported if it is not understood."""
    try:
        yield
    except YinxinError:
        raise
    except PdfError as error:
        raise YinxinError(
            Kind.INVALID,
            _("the PDF is damaged: {reason}").format(reason=first_line(error)),
            remedy=_("save it again with the program that made it, or have it repaired with --repair"),
        ) from error
    except SigningError as error:
        raise YinxinError(
            Kind.INVALID, _("the PDF cannot be sealed: {reason}").format(reason=first_line(error))
        ) from error
    except (RecursionError, MemoryError) as error:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the PDF is nested too deeply or too large to be read"),
            remedy=_("have it looked at by hand: it may be made to do harm"),
        ) from error
    except Exception as error:  # hostile input makes a large library fail in ways that nobody has listed
        _log.info("Not understood by pyHanko", exc_info=error)
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the PDF holds something that is not understood: {reason}").format(reason=first_line(error)),
        ) from error


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The coroutine's result. pyHanko is asynchronous for the sake of fetching, which we never do."""
    return asyncio.run(work)


def first_line(error: Exception) -> str:
    """The first line of what the error says, or its type."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__

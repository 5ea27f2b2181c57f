"""PKCS#11 URIs (RFC 7512): which module, token and object, and where the PIN lies. What is not known is refused."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote_to_bytes

from core.errors import Kind, YinxinError
from core.i18n import _

SCHEME = "pkcs11:"
_TEXT = ("token", "manufacturer", "serial", "model", "object", "type")
_TYPES = ("private", "public", "cert", "secret-key", "data")
# RFC 7512 2.3: unreserved, and what stands for itself in a path and in a query.
_PATH = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True)
class Pkcs11Uri:
    """What a URI says; None where it says nothing, so that anything fits."""

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    slot_id: int | None = None
    object: str | None = None
    id: bytes | None = None
    type: str | None = None
    module_path: str | None = None
    pin_source: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI; `YinxinError` says what is wrong with it, and never repeats a PIN."""
        path, question, query = text.partition("?")
        if not text.startswith(SCHEME):
            raise _refusal(_("not a PKCS#11 URI: it begins with pkcs11:"))
        values: dict[str, Any] = {}
        for attributes, separator, allowed in (
            (path.removeprefix(SCHEME), ";", _PATH),
            (query if question else "", "&", _QUERY),
        ):
            names = _in_path if separator == ";" else _in_query
            for attribute in attributes.split(separator) if attributes else []:
                name, equals, value = attribute.partition("=")
                if name == "pin-value":
                    raise _refusal(
                        _("a PIN does not belong into a URI"),
                        _("put it in a file of mode 0600 and name that by pin-source"),
                    )
                if name not in names or not equals:
                    raise _refusal(_("{name} is not used in a PKCS#11 URI here").format(name=repr(name)))
                if not allowed.fullmatch(value):
                    raise _refusal(_("{name} has a character that must be percent-encoded").format(name=name))
                field = name.replace("-", "_")
                if field in values:
                    raise _refusal(_("{name} is there twice").format(name=name))
                values[field] = _read(name, unquote_to_bytes(value))
        return cls(**values)

    def __str__(self) -> str:
        """The URI, in one form: attributes in the order above, `id` wholly percent-encoded (RFC 7512 2.3)."""
        path = [_write(field.name, getattr(self, field.name)) for field in fields(self)[:-2]]
        query = [_write(field.name, getattr(self, field.name)) for field in fields(self)[-2:]]
        question = "?" if any(query) else ""
        return f"{SCHEME}{';'.join(filter(None, path))}{question}{'&'.join(filter(None, query))}"

    @property
    def of_token(self) -> Self:
        """The same without the object: the token, its module and its PIN."""
        return replace(self, object=None, id=None, type=None)

    @property
    def module(self) -> str:
        """Path of the PKCS#11 module; `YinxinError` if none is named."""
        if self.module_path is None:
            raise _refusal(_("the PKCS#11 URI names no module"), _("add ?module-path=/path/of/the/module.so"))
        return self.module_path

    @property
    def pin_file(self) -> Path | None:
        """The file that `pin-source` names; None if it names none."""
        return Path(self.pin_source.removeprefix("file:").removeprefix("//")) if self.pin_source else None


_in_path = ("token", "manufacturer", "serial", "model", "slot-id", "object", "id", "type")
_in_query = ("module-path", "pin-source")


def _read(name: str, value: bytes) -> str | int | bytes:
    if name == "id":
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _refusal(_("{name} is not UTF-8").format(name=name)) from None
    if not text or not text.isprintable():
        raise _refusal(_("{name} is empty, or has control characters").format(name=name))
    if name == "slot-id":
        if not re.fullmatch(r"[0-9]{1,19}", text):
            raise _refusal(_("slot-id is a number"))
        return int(text)
    if name == "type" and text not in _TYPES:
        raise _refusal(_("type is one of: {types}").format(types=", ".join(_TYPES)))
    if name == "module-path" and not text.startswith("/"):
        raise _refusal(_("module-path is an absolute path"))
    if name == "pin-source" and not re.match(r"/|file:/(?!/)|file:///", text):
        raise _refusal(_("pin-source is a file: file:/path, or its absolute path"))
    return text


def _write(field: str, value: str | int | bytes | None) -> str:
    if value is None:
        return ""
    octets = value if isinstance(value, bytes) else str(value).encode()
    plain = b"" if field == "id" else _PLAIN | frozenset(b"/:" if field in ("module_path", "pin_source") else b"")
    encoded = "".join(chr(octet) if octet in plain else f"%{octet:02X}" for octet in octets)
    return f"{field.replace('_', '-')}={encoded}"


def _refusal(what: str, remedy: str = "") -> YinxinError:
    example = _("write it as pkcs11:token=NAME;object=KEY;type=private?module-path=/path/of/the/module.so")
    return YinxinError(Kind.INVALID, what, subject="pkcs11:", remedy=remedy or example)

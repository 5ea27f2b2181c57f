"""One table of operations: from it come the routing, the checks of what comes in, and the OpenAPI document.

An operation is a typed function: its path parameters, `query`, `body` and `file` are read and checked by what it
declares, and what it returns is what the description promises. A verb more is one small function.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from core.complaints import complaint
from core.errors import Kind, YinxinError
from core.i18n import _

Handler = TypeVar("Handler", bound=Callable[..., Any])

SMALL = 1 << 20
"""Octets of a body, unless an operation takes more."""
JSON = "application/json"


@dataclass(frozen=True)
class File:
    """Octets of a certain type, handed in or given out; derive from it and name the type."""

    media_type: ClassVar[str] = "application/octet-stream"

    content: bytes = field(repr=False)
    name: str = ""
    """As the sender calls it."""


@dataclass(frozen=True)
class Operation:
    """What can be asked for."""

    method: str
    path: str
    """Below the prefix, `/requests/{number}`."""
    summary: str
    run: Callable[..., Any]
    writes: bool
    """Changes something: takes an Idempotency-Key."""
    limit: int
    parameters: tuple[str, ...]
    """Of the path."""
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    file: type[File] | None
    """Handed in as the body, or as the part of a form that `core.api.service` names."""
    reply: type[BaseModel] | type[File]
    open: bool = False
    """To everybody: nobody is asked who they are."""
    headers: Mapping[str, Any] = field(default_factory=dict)
    """That whoever admits callers reads besides, each with its JSON schema."""

    @property
    def name(self) -> str:
        """For programs that are generated from the document (operationId)."""
        return self.run.__name__

    @property
    def rule(self) -> str:
        """The path as werkzeug writes it."""
        return self.path.replace("{", "<").replace("}", ">")

    def taking(self, octets: int) -> "Operation":
        """The same with another limit of its body."""
        return replace(self, limit=octets)

    def read_query(self, given: "MultiDict[str, str]") -> BaseModel | None:
        """The query's fields; `YinxinError` names one that is wrong."""
        if self.query is None:
            if given:
                raise _wrong(next(iter(given)), _("no such parameter"))
            return None
        fields = self.query.model_fields
        lists = {name for name, field in fields.items() if _is_list(field.annotation)}
        values = {name: all_ if name in lists or len(all_) > 1 else all_[0] for name, all_ in given.lists()}
        return _checked(lambda model: model.model_validate(values), self.query)

    def read_body(self, given: bytes) -> BaseModel | None:
        """The body's fields; `YinxinError` names one that is wrong."""
        if self.body is None:
            return None
        return _checked(lambda model: model.model_validate_json(given), self.body)


_NOT_OF_THE_PATH = ("desk", "query", "body", "file")


class Operations(list[Operation]):
    """The operations of one file, in the order of its functions."""

    def get(self, path: str, summary: str, *, is_open: bool = False) -> Callable[[Handler], Handler]:
        """Looks something up."""
        return self._add("GET", path, summary, writes=False, limit=0, is_open=is_open)

    def post(
        self,
        path: str,
        summary: str,
        *,
        writes: bool = True,
        limit: int = SMALL,
        is_open: bool = False,
        headers: Mapping[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Takes what is handed in."""
        return self._add("POST", path, summary, writes=writes, limit=limit, is_open=is_open, headers=headers)

    def _add(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        writes: bool,
        limit: int,
        is_open: bool = False,
        headers: Mapping[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        def add(function: Handler) -> Handler:
            hints = get_type_hints(function)
            names = [name for name in inspect.signature(function).parameters if name not in _NOT_OF_THE_PATH]
            self.append(
                Operation(
                    method=method,
                    path=path,
                    summary=summary,
                    run=function,
                    writes=writes,
                    limit=limit,
                    parameters=tuple(names),
                    query=hints.get("query"),
                    body=hints.get("body"),
                    file=hints.get("file"),
                    reply=hints["return"],
                    open=is_open,
                    headers=headers or {},
                )
            )
            return function

        return add


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) is UnionType:
        return any(_is_list(one) for one in get_args(annotation))
    return get_origin(annotation) in (list, tuple)


def _checked(read: Callable[[type[BaseModel]], BaseModel], model: type[BaseModel]) -> BaseModel:
    try:
        return read(model)
    except ValidationError as error:
        found = complaint(error)
        raise _wrong(found.field, found.what) from None


def _wrong(field: str, what: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        f"{field}: {what}" if field else what,
        remedy=_("see the description: {path}").format(path="openapi.json"),
    )

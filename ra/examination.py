"""Examining a list before anything is entered: all that is wrong with it, by row and column, in one reading."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from ca.authorities import authority_of
from ca.profiles import Profile
from ca.records import keys
from core import files
from core.asn1.names import encode_name
from core.complaints import complaint
from core.context import Context
from core.csr import MAXIMUM_SIZE, CertificationRequest, parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Identity, Subject
from ra import records
from ra.applications import Application, Contact, new_salt
from ra.import_columns import (
    AUTHORITY,
    CONTACT_FIELDS,
    CSR,
    IDENTITY_FIELDS,
    PROFILE,
    SUBJECT_FIELDS,
    Layout,
    recognise,
)
from ra.importing import Candidate, Examination, Outcome, earlier, is_same, next_attempt, number_of
from ra.moves import State
from ra.profiles import check_application, subscriber_profile
from ra.spreadsheets import Problem, Row, Table

UPPER_CASE = frozenset({"resident_id", "credit_code", "country"})
"""Typed in small letters as often as not; the standards know only capitals (GB 11643, GB 32100)."""

_ATTRIBUTES = {
    "province": "ST",
    "locality": "L",
    "organization": "O",
    "organizational_unit": "OU",
    "common_name": "CN",
}


@dataclass(frozen=True)
class Defaults:
    """What the operator says about all rows that do not say it themselves."""

    profile: str | None = None
    authority: str | None = None
    csr_folder: Path | None = None
    """Where the files lie that the rows name."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Those files, where they come with the list instead."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Files that could not be read where the list comes from, and why."""

    def given(self, name: str) -> bool:
        """Whether rows may leave this field out."""
        return bool({PROFILE: self.profile, AUTHORITY: self.authority}.get(name))

    def read(self, name: str) -> bytes:
        """A file of the folder, and of no other."""
        if name in self.unread:
            raise YinxinError(Kind.INVALID, self.unread[name])
        if name in self.files:
            return self.files[name]
        if self.csr_folder is None:
            raise YinxinError(Kind.INVALID, _("names a file, but no folder of requests was given (--csr-folder)"))
        try:
            path = (self.csr_folder / name).resolve()
            inside = path.is_relative_to(self.csr_folder.resolve())
            if inside and path.is_file() and path.stat().st_size > MAXIMUM_SIZE:
                raise YinxinError(Kind.INVALID, _("larger than a certificate request can be"))
        except (OSError, RuntimeError, ValueError):
            inside = False
        if not inside:
            raise YinxinError(Kind.INVALID, _("not a file in the folder of requests"))
        return files.read(path)


def is_inline(given: str) -> bool:
    """Whether a cell holds the certificate request itself, and not the name of its file."""
    return given.startswith("-----BEGIN")


def subject_of(fields: Mapping[str, str]) -> Subject:
    """Whom a row is for."""
    return Subject.model_validate(
        {name: fields[name] for name in fields.keys() & SUBJECT_FIELDS}
        | {"identity": {name: fields[name] for name in fields.keys() & IDENTITY_FIELDS}}
    )


def fields_of(layout: Layout, row: Row) -> dict[str, str]:
    """The row's filled fields; numbers and codes in capitals."""
    return {name: value.upper() if name in UPPER_CASE else value for name, value in layout.fields(row).items()}


def examine(
    context: Context, table: Table, defaults: Defaults, *, advance: Callable[[int], None] = lambda _rows: None
) -> Examination:
    """Examine every row; `advance` is told of each. Nothing is written."""
    layout, problems = recognise(table.rows[0], given=defaults.given)
    if problems:
        # Rows would only repeat what is wrong with their columns.
        return Examination(table, layout, (), (), tuple(sorted({*problems, *table.problems})))
    with context.storage.reading() as connection:
        examiner = _Examiner(connection, layout, defaults, {problem.row for problem in table.problems})
        for row in table.rows[1:]:
            if not layout.is_sample(row):
                examiner.examine(row)
            advance(1)
    problems = sorted({*table.problems, *examiner.problems})
    return Examination(table, layout, tuple(examiner.candidates), tuple(examiner.known), tuple(problems))


class _Wrong(Exception):  # noqa: N818 - a turn of the flow, caught in this file
    """Nothing more can be said about this row."""


@dataclass
class _Examiner:
    connection: sa.Connection
    layout: Layout
    defaults: Defaults
    unreadable: set[int]
    candidates: list[Candidate] = field(default_factory=list)
    known: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _profiles: dict[str, Profile] = field(default_factory=dict)
    _authorities: set[str] = field(default_factory=set)
    _seen: dict[tuple[str, ...], int] = field(default_factory=dict)
    """What must be unique in the file: the row that has it."""
    _pending: dict[str, str] | None = None

    def examine(self, row: Row) -> None:
        """Note what is wrong with the row, or that it can be entered, or that it was."""
        before = len(self.problems)
        fields = fields_of(self.layout, row)
        try:
            profile = self._profile(row, fields)
            self._check_authority(row, fields)
            self._check_fields(row, fields, profile)
            csr = self._csr(row, fields)
            self._check_unique(row, fields, csr)
            if len(self.problems) == before and row.number not in self.unreadable:
                self._settle(row, fields, profile, csr)
        except _Wrong:
            return

    def _profile(self, row: Row, fields: dict[str, str]) -> Profile:
        name = fields[PROFILE] = fields.get(PROFILE) or self.defaults.profile or ""
        try:
            if name not in self._profiles:
                self._profiles[name] = subscriber_profile(self.connection, name)
        except YinxinError as error:
            self._wrong(row, PROFILE, error.what)
            raise _Wrong from None
        return self._profiles[name]

    def _check_authority(self, row: Row, fields: dict[str, str]) -> None:
        name = fields[AUTHORITY] = fields.get(AUTHORITY) or self.defaults.authority or ""
        try:
            if name not in self._authorities:
                authority_of(self.connection, name)
                self._authorities.add(name)
        except YinxinError as error:
            self._wrong(row, AUTHORITY, error.what)

    def _check_fields(self, row: Row, fields: dict[str, str], profile: Profile) -> None:
        for rules, names in ((profile.subject, SUBJECT_FIELDS), (profile.identity, IDENTITY_FIELDS)):
            for name in sorted(names):
                if name in rules.required and name not in fields and name != "country":
                    what = _("the profile {profile} asks for: {fields}").format(profile=profile.name, fields=name)
                    self._wrong(row, name, what)
                if name in fields and name not in (*rules.required, *rules.optional):
                    what = _("the profile {profile} does not take: {fields}").format(profile=profile.name, fields=name)
                    self._wrong(row, name, what)
        for name, label in _ATTRIBUTES.items():
            if name in fields:
                try:
                    encode_name([(label, fields[name])])
                except YinxinError as error:
                    self._wrong(row, name, error.what)
        for name in fields.keys() & CONTACT_FIELDS:
            try:
                Contact.model_validate({name: fields[name]})
            except ValidationError:
                self._wrong(row, name, _("not an e-mail address"))
        for name in fields.keys() & (IDENTITY_FIELDS | {"country"}):
            model: type[Identity | Subject] = Identity if name in IDENTITY_FIELDS else Subject
            given: dict[str, Any] = {name: fields[name]} | ({} if model is Identity else {"common_name": "-"})
            try:
                model.model_validate(given)
            except ValidationError as error:
                self._wrong(row, name, complaint(error).what)

    def _csr(self, row: Row, fields: dict[str, str]) -> CertificationRequest:
        given = fields.get(CSR, "")
        try:
            if not given:
                raise YinxinError(Kind.INVALID, _("every row needs a certificate request"))
            csr = parse_csr(given.encode() if is_inline(given) else self.defaults.read(given))
            csr.check_possession()
        except YinxinError as error:
            self._wrong(row, CSR, error.what)
            raise _Wrong from None
        return csr

    def _check_unique(self, row: Row, fields: dict[str, str], csr: CertificationRequest) -> None:
        kind = fields[PROFILE], fields[AUTHORITY]
        holder = tuple(fields.get(name, "") for name in sorted(SUBJECT_FIELDS | IDENTITY_FIELDS))
        unique: list[tuple[str, tuple[str, ...], str]] = [
            (CSR, (CSR, csr.public_key_info.hex()), _("the same key as in row {row}"))
        ]
        for name in ("resident_id", "passport", "credit_code"):
            if name in fields:
                unique.append((name, (name, *kind, fields[name]), _("the same number as in row {row}")))
        unique.append(("", ("holder", *kind, *holder), _("the same holder as in row {row}")))
        for name, value, what in unique:
            first = self._seen.setdefault(value, row.number)
            if first != row.number:
                self._wrong(row, name, what.format(row=first))
                return

    def _settle(self, row: Row, fields: dict[str, str], profile: Profile, csr: CertificationRequest) -> None:
        contact = {name: fields[name] for name in fields.keys() & CONTACT_FIELDS}
        application = Application(
            number=number_of(csr.public_key_info, fields[PROFILE], fields[AUTHORITY]),
            authority=fields[AUTHORITY],
            profile=profile.name,
            approvals=profile.approvals,
            subject=subject_of(fields),
            contact=Contact.model_validate(contact) if contact else None,
            csr=csr.encoded,
            salt=new_salt(),
        )
        found = earlier(self.connection, application.number)
        if found:
            stored, state = found
            if is_same(stored, application):
                self.known.append(Outcome(row.number, stored.number, state))
                return
            if state not in (State.REJECTED, State.WITHDRAWN):
                self._wrong(row, "", _("entered already as {number}, with other content").format(number=stored.number))
                return
            application = application.model_copy(update={"number": next_attempt(stored.number)})
        try:
            check_application(self.connection, application)
        except YinxinError as error:
            self._wrong(row, CSR, error.what)
            return
        if not self._is_in_the_books(row, application, csr):
            self.candidates.append(Candidate(row.number, application))

    def _is_in_the_books(self, row: Row, application: Application, csr: CertificationRequest) -> bool:
        digest = hashlib.sha256(csr.public_key_info).digest()
        if self.connection.scalar(sa.select(keys.c.digest).where(keys.c.digest == digest)) is not None:
            self._wrong(row, CSR, _("the key is certified already"))
            return True
        if self._pending is None:
            self._pending = _pending(self.connection)
        number = self._pending.get(_holder(json.loads(application.canonical())))
        if number is not None:
            self._wrong(row, "", _("a request for this holder is under way: {number}").format(number=number))
        return number is not None

    def _wrong(self, row: Row, name: str, what: str) -> None:
        self.problems.append(Problem(row.number, self.layout.place(name), what))


def _pending(connection: sa.Connection) -> dict[str, str]:
    """Holder to number, of the requests that wait for a decision or for their certificate."""
    table = records.requests
    query = sa.select(table.c.number, table.c.content).where(
        table.c.state.in_([State.ENTERED.value, State.APPROVED.value])
    )
    return {_holder(json.loads(row.content)): row.number for row in connection.execute(query)}


def _holder(application: dict[str, Any]) -> str:
    """Whom a request is for, and what it asks for: equal for equal ones."""
    return json.dumps([application["profile"], application["authority"], application["subject"]], sort_keys=True)

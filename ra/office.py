"""The registration office as the command sees it: one interface, at this machine or at a distance."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ca.register import Filter
from ca.state import Reason
from core.subject import Subject
from ra.applications import Contact, Succession
from ra.branches import BranchEntry
from ra.examination import Defaults
from ra.exporting import Record as ExportRecord
from ra.filters import RequestFilter
from ra.importing import Candidate, Examination, Outcome
from ra.moves import State
from ra.office_revocations import RevocationOffice
from ra.operators import Operator
from ra.register import EVERYTHING, PAGE, Page, Record, StoredCertificate
from ra.roles import Role
from ra.search import By, Findings
from ra.spreadsheets import Table
from ra.statistics import GroupBy, Line, Of, Period

MAXIMUM_ORDERS = 200
"""Certificates that are made together or not at all."""


@dataclass(frozen=True)
class Made:
    """A certificate that was made for a request."""

    number: str
    authority: str
    serial: int


@dataclass(frozen=True)
class Ordered:
    """A certificate that was held, resumed or revoked."""

    authority: str
    serial: int
    missed: tuple[str, ...]
    """What ought to have followed, and could not be done."""


class RegistrationOffice(RevocationOffice, Protocol):
    """What an operator or administrator can have done. Each verb is that of `ra` with the same name."""

    def now(self) -> datetime:
        """By the clock in force."""
        ...

    def enter(
        self,
        *,
        authority: str,
        profile: str,
        subject: Subject,
        csr: bytes,
        contact: Contact | None = None,
    ) -> str:
        """Enter a request; its number."""
        ...

    def succeed(
        self,
        kind: Succession,
        serial: str,
        authority: str | None,
        *,
        changed: Callable[[Subject], Subject],
        csr: bytes | None,
        revoke: Reason | None,
        contact: Contact | None,
        issuer: str | None,
    ) -> str:
        """Enter the renewal, rekeying or change of a certificate; the request's number."""
        ...

    def amend(
        self,
        number: str,
        changed: Callable[[Subject], Subject],
        csr: bytes | None,
        contact: Contact | None = None,
    ) -> State:
        """Amend a request."""
        ...

    def approve(self, number: str, *, digest: str | None = None) -> State:
        """Approve a request."""
        ...

    def reject(self, number: str, why: str) -> State:
        """Reject a request."""
        ...

    def withdraw(self, number: str, why: str) -> State:
        """Withdraw a request."""
        ...

    def list_requests(self, wanted: RequestFilter = EVERYTHING, *, after: str | None = None, limit: int = PAGE) -> Page:
        """One page of requests."""
        ...

    def look_up(self, number: str) -> Record:
        """One request."""
        ...

    def issue(self, numbers: Sequence[str]) -> list[Made]:
        """Have certificates made, at most `MAXIMUM_ORDERS`: all or none."""
        ...

    def deliver(self, number: str) -> list[StoredCertificate]:
        """Record the delivery; the certificates."""
        ...

    def chain_of(self, authority: str) -> Sequence[bytes]:
        """The authority's certificate and those above it."""
        ...

    def search(self, by: By, what: str, *, after: int | None = None, limit: int = PAGE) -> Findings:
        """One page of certificates."""
        ...

    def statistics(self, of: Of, by: GroupBy, period: Period) -> list[Line]:
        """Count what was done, or how certificates stand."""
        ...

    def revoke(self, serial: str, authority: str | None, reason: Reason) -> Ordered:
        """Revoke the certificate with this number."""
        ...

    def hold(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Hold it."""
        ...

    def resume(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Resume it."""
        ...

    def examine(self, table: Table, defaults: Defaults, *, advance: Callable[[int], None]) -> Examination:
        """Examine a list."""
        ...

    def enter_rows(self, candidates: Iterable[Candidate]) -> Iterator[Outcome]:
        """Enter the sound rows of a list."""
        ...

    def request_records(self, wanted: RequestFilter) -> Iterator[ExportRecord]:
        """Requests, for an export."""
        ...

    def certificate_records(self, wanted: Filter, requests: RequestFilter) -> Iterator[ExportRecord]:
        """Certificates, for an export."""
        ...

    @property
    def organization(self) -> str:
        """The centre's name."""
        ...

    def title_of(self, profile: str) -> str:
        """What people call certificates of this profile."""
        ...

    def profiles(self) -> list[str]:
        """What can be applied for."""
        ...

    def appoint(
        self,
        name: str,
        roles: Collection[Role],
        csr: bytes,
        *,
        authority: str,
        organization: str | None,
        branch: str | None,
    ) -> Operator:
        """Appoint somebody; in one's own branch and for the centre unless said otherwise."""
        ...

    def renew(self, name: str, csr: bytes) -> Operator:
        """Have a new key certified."""
        ...

    def change_roles(self, name: str, roles: Collection[Role]) -> Operator:
        """Change somebody's roles."""
        ...

    def suspend(self, name: str, why: str) -> Operator:
        """Suspend somebody."""
        ...

    def reinstate(self, name: str, why: str) -> Operator:
        """Reinstate somebody."""
        ...

    def remove(self, name: str, why: str) -> Operator:
        """Remove somebody."""
        ...

    def list_operators(self, branch: str | None) -> list[Operator]:
        """People."""
        ...

    def establish(self, name: str, title: str) -> None:
        """Make a branch."""
        ...

    def list_branches(self) -> list[BranchEntry]:
        """Branches."""
        ...

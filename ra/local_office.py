"""The registration office at this machine: the verbs, with the installation's storage and keys at hand."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from ca.activation import active_profile, active_profiles
from ca.authorities import chain_of
from ca.encryption_keys import encryption_keys_of
from ca.issuance import CertificateAuthority
from ca.profiles import Audience
from ca.register import Filter, find
from ca.service import open_authority
from ca.state import Reason
from core.home import Home
from core.subject import Subject
from ra import (
    branches,
    delivery,
    examination,
    exporting,
    importing,
    issuance,
    operators,
    personnel,
    register,
    requests,
    revocation,
    search,
    succession,
)
from ra.aftermath import follow_up
from ra.applications import Contact, Succession
from ra.branches import BranchEntry
from ra.filters import RequestFilter
from ra.importing import Candidate, Examination, Outcome
from ra.local_revocations import LocalRevocations
from ra.moves import State
from ra.office import Made, Ordered
from ra.operators import Operator
from ra.profiles import OPERATOR
from ra.register import EVERYTHING, PAGE, Page, Record, StoredCertificate
from ra.roles import Role
from ra.spreadsheets import Table
from ra.statistics import GroupBy, Line, Of, Period, statistics


class LocalOffice(LocalRevocations):
    """A `RegistrationOffice` in this installation's home."""

    @cached_property
    def _authority(self) -> CertificateAuthority:
        return open_authority(self._home, encryption_keys_of(self._home))

    @property
    def _decide_within(self) -> timedelta:
        return timedelta(days=self._home.configuration.ra.decide_days)

    def now(self) -> datetime:
        """By the clock in force."""
        return self._context.clock.now()

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
        return requests.enter(
            self._context,
            self._session,
            authority=authority,
            profile=profile,
            subject=subject,
            csr=csr,
            contact=contact,
            decide_within=self._decide_within,
        )

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
        found = find(self._home.storage, serial, authority)
        return succession.succeed(
            self._context,
            self._session,
            kind,
            found.authority,
            found.serial,
            csr,
            contact,
            issuer,
            self._decide_within,
            revoke=revoke,
            changed=changed,
        )

    def amend(
        self,
        number: str,
        changed: Callable[[Subject], Subject],
        csr: bytes | None,
        contact: Contact | None = None,
    ) -> State:
        """Amend a request."""
        application = self.look_up(number).application
        return requests.amend(
            self._context,
            self._session,
            number,
            subject=changed(application.subject) if application else None,
            csr=csr,
            contact=contact,
            decide_within=self._decide_within,
        )

    def approve(self, number: str, *, digest: str | None = None) -> State:
        """Approve a request."""
        return requests.approve(self._context, self._session, number, digest=digest)

    def reject(self, number: str, why: str) -> State:
        """Reject a request."""
        return requests.reject(self._context, self._session, number, why)

    def withdraw(self, number: str, why: str) -> State:
        """Withdraw a request."""
        return requests.withdraw(self._context, self._session, number, why)

    def list_requests(self, wanted: RequestFilter = EVERYTHING, *, after: str | None = None, limit: int = PAGE) -> Page:
        """One page of requests."""
        return register.list_requests(self._context, self._session, wanted, after=after, limit=limit)

    def look_up(self, number: str) -> Record:
        """One request."""
        return register.look_up(self._context, self._session, number)

    def issue(self, numbers: Sequence[str]) -> list[Made]:
        """Have certificates made."""
        made = issuance.issue(self._context, self._authority, self._session, numbers)
        return [Made(number, one.authority, one.serial) for number, one in zip(numbers, made, strict=True)]

    def deliver(self, number: str) -> list[StoredCertificate]:
        """Record the delivery; the certificates."""
        return delivery.deliver(self._context, self._session, number)

    def chain_of(self, authority: str) -> Sequence[bytes]:
        """The authority's certificate and those above it."""
        return chain_of(self._home.storage, authority)

    def search(self, by: search.By, what: str, *, after: int | None = None, limit: int = PAGE) -> search.Findings:
        """One page of certificates."""
        return search.search(self._context, self._session, by, what, after=after, limit=limit)

    def statistics(self, of: Of, by: GroupBy, period: Period) -> list[Line]:
        """Count."""
        return statistics(self._context, self._session, of, by, period)

    def revoke(self, serial: str, authority: str | None, reason: Reason) -> Ordered:
        """Revoke a certificate."""
        found = find(self._home.storage, serial, authority)
        revocation.revoke(self._context, self._session, found.authority, found.serial, reason)
        missed = follow_up(self._home, [found.authority], reason, actor=self._session.name)
        return Ordered(found.authority, found.serial, missed)

    def hold(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Hold a certificate."""
        found = find(self._home.storage, serial, authority)
        revocation.hold(self._context, self._session, found.authority, found.serial)
        return found.authority, found.serial

    def resume(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Resume a certificate."""
        found = find(self._home.storage, serial, authority)
        revocation.resume(self._context, self._session, found.authority, found.serial)
        return found.authority, found.serial

    def examine(self, table: Table, defaults: examination.Defaults, *, advance: Callable[[int], None]) -> Examination:
        """Examine a list."""
        return examination.examine(self._context, table, defaults, advance=advance)

    def enter_rows(self, candidates: Iterable[Candidate]) -> Iterator[Outcome]:
        """Enter the sound rows of a list."""
        return importing.enter(self._context, self._session, candidates, decide_within=self._decide_within)

    def request_records(self, wanted: RequestFilter) -> Iterator[exporting.Record]:
        """Requests, for an export."""
        return exporting.request_records(self._context, self._session, wanted)

    def certificate_records(self, wanted: Filter, requests: RequestFilter) -> Iterator[exporting.Record]:
        """Certificates, for an export."""
        return exporting.certificate_records(self._context, self._session, wanted, requests)

    @property
    def organization(self) -> str:
        """The centre's name."""
        return self._home.configuration.centre.organization

    def title_of(self, profile: str) -> str:
        """What people call certificates of this profile."""
        with self._home.storage.reading() as connection:
            return active_profile(connection, profile).profile.title

    def profiles(self) -> list[str]:
        """What can be applied for."""
        return profiles_of(self._home)

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
        """Appoint somebody."""
        with self._home.storage.reading() as connection:
            administrator = operators.find_operator(connection, self._session.name)
        return personnel.appoint(
            self._context,
            self._authority,
            self._session,
            name,
            roles,
            csr,
            authority=authority,
            organization=organization or self._home.configuration.centre.organization,
            branch=administrator.branch if branch is None else branch,
        )

    def renew(self, name: str, csr: bytes) -> Operator:
        """Have a new key certified."""
        return personnel.renew(self._context, self._authority, self._session, name, csr)

    def change_roles(self, name: str, roles: Collection[Role]) -> Operator:
        """Change somebody's roles."""
        return personnel.change_roles(self._context, self._session, name, roles)

    def suspend(self, name: str, why: str) -> Operator:
        """Suspend somebody."""
        return personnel.suspend(self._context, self._session, name, why)

    def reinstate(self, name: str, why: str) -> Operator:
        """Reinstate somebody."""
        return personnel.reinstate(self._context, self._session, name, why)

    def remove(self, name: str, why: str) -> Operator:
        """Remove somebody."""
        return personnel.remove(self._context, self._session, name, why)

    def list_operators(self, branch: str | None) -> list[Operator]:
        """People."""
        return operators.list_operators(self._context, branch)

    def establish(self, name: str, title: str) -> None:
        """Make a branch."""
        branches.establish(self._context, self._session, name, title)

    def list_branches(self) -> list[BranchEntry]:
        """Branches."""
        return branches.list_branches(self._context)


def profiles_of(home: Home) -> list[str]:
    """What can be applied for in this installation."""
    with home.storage.reading() as connection:
        profiles = [version.profile for version in active_profiles(connection)]
    return [one.name for one in profiles if one.audience is Audience.SUBSCRIBER and one.name != OPERATOR]

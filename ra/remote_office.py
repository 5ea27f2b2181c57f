"""The registration office at a distance: statements are made and signed here, and handed in over HTTPS.

The key never leaves. What is signed is computed here from what was asked; from the office come only the place of a
statement in its sequence, and the content that it is about.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from asn1crypto import x509

from ca.register import Filter
from ca.state import Reason
from core.api.address import Server
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.key_file import open_key_file
from core.subject import Subject
from ra import http_models as wire
from ra.applications import Application, Contact, Replaced, Succession, digest_of
from ra.examination import Defaults
from ra.exporting import REQUEST_HEADINGS
from ra.exporting import Record as ExportRecord
from ra.filters import RequestFilter
from ra.http_people_models import Office as OfficeModel
from ra.http_statistics_models import StatisticsModel
from ra.importing import Candidate, Examination, Outcome, completed, entry_of, is_same
from ra.moves import State
from ra.office import Made, Ordered
from ra.operators import SESSION_LIFETIME, OperatorSession
from ra.refusals import RefusedError
from ra.register import EVERYTHING, MAXIMUM_PAGE, PAGE, Entry, Page, Record, StoredCertificate
from ra.remote_client import RemoteClient, check_limit, segment
from ra.remote_lists import examine
from ra.remote_reading import read_record, stored
from ra.remote_revocations import RemoteRevocations
from ra.replacement import require_reason
from ra.requests import amended, new_application
from ra.search import By, Findings, Found
from ra.spreadsheets import Table
from ra.statements import Act
from ra.statistics import GroupBy, Line, Of, Period
from ra.succession import replaced_by


class RemoteOffice(RemoteRevocations):
    """A `RegistrationOffice` at a distance."""

    def now(self) -> datetime:
        """By the clock in force."""
        return self._clock.now()

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
        return self._enter(
            authority=authority, profile=profile, subject=subject, csr=csr, contact=contact, replaces=None
        )

    def _enter(
        self,
        *,
        authority: str,
        profile: str,
        subject: Subject,
        csr: bytes,
        contact: Contact | None,
        replaces: Replaced | None,
    ) -> str:
        application = new_application(
            self._clock.now(),
            branch=self._office.me.branch,
            authority=authority,
            profile=profile,
            approvals=self._approvals(profile),
            subject=subject,
            csr=csr,
            contact=contact,
            replaces=replaces,
            decide_within=self._decide_within,
        )
        content = application.canonical()
        statement = self._sign(Act.ENTER, application.number, 1, digest_of(content))
        self._client.post("/requests", wire.SignedContent(statement=statement, content=content), wire.RequestState)
        return application.number

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
        place = self._client.get("/certificates/next-order", wire.OrderPlace, serial=serial, authority=authority)
        before = self.look_up(place.request).application
        if before is None:
            raise YinxinError(Kind.INVALID, _("the stored request cannot be read"), subject=place.request)
        require_reason(kind, revoke, place.subject)
        return self._enter(
            authority=issuer or before.authority,
            profile=before.profile,
            subject=changed(before.subject),
            csr=csr or before.csr,
            contact=contact or before.contact,
            replaces=replaced_by(kind, place.authority, int(place.serial, 16), place.digest, revoke),
        )

    def amend(
        self,
        number: str,
        changed: Callable[[Subject], Subject],
        csr: bytes | None,
        contact: Contact | None = None,
    ) -> State:
        """Amend a request."""
        path = f"/requests/{segment(number)}"

        def attempt() -> tuple[int, Callable[[], State]]:
            record = self.look_up(number)
            if record.application is None:
                raise YinxinError(Kind.INVALID, _("the stored request cannot be read"), subject=number)
            application = amended(
                record.application,
                self._clock.now(),
                approvals=self._approvals(record.application.profile),
                subject=changed(record.application.subject),
                csr=csr,
                contact=contact,
                decide_within=self._decide_within,
            )
            content, place = application.canonical(), len(record.statements) + 1

            def submit() -> State:
                statement = self._sign(Act.AMEND, number, place, digest_of(content))
                body = wire.SignedContent(statement=statement, content=content)
                return self._client.post(f"{path}/amendments", body, wire.RequestState).state

            return place, submit

        return self._insist(attempt)

    def approve(self, number: str, *, digest: str | None = None) -> State:
        """Approve a request."""
        return self._decide(number, Act.APPROVE, digest=digest)

    def reject(self, number: str, why: str) -> State:
        """Reject a request."""
        if not why.strip():
            raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=number)
        return self._decide(number, Act.REJECT, why)

    def withdraw(self, number: str, why: str) -> State:
        """Withdraw a request."""
        return self._decide(number, Act.WITHDRAW, why)

    def _decide(self, number: str, act: Act, why: str = "", digest: str | None = None) -> State:
        path = f"/requests/{segment(number)}/decisions"

        def attempt() -> tuple[int, Callable[[], State]]:
            (place,) = self._places([number])

            def submit() -> State:
                statement = self._sign(act, number, place.sequence, digest or place.digest, why)
                return self._client.post(path, wire.SignedStatement(statement=statement), wire.RequestState).state

            return place.sequence, submit

        return self._insist(attempt)

    def list_requests(self, wanted: RequestFilter = EVERYTHING, *, after: str | None = None, limit: int = PAGE) -> Page:
        """One page of requests."""
        check_limit(limit)
        page = self._client.get("/requests", wire.RequestPage, **vars(wanted), after=after, limit=limit)
        return Page([Entry(**vars(entry)) for entry in page.entries], page.next)

    def look_up(self, number: str) -> Record:
        """One request."""
        return read_record(self._client.get(f"/requests/{segment(number)}", wire.RequestRecord))

    def issue(self, numbers: Sequence[str]) -> list[Made]:
        """Have certificates made."""
        places = self._places(list(dict.fromkeys(numbers)))
        orders = [self._sign(Act.ISSUE, place.subject, place.sequence, place.digest) for place in places]
        made = self._client.post("/requests/issue", wire.SignedOrders(statements=orders), wire.IssuedList)
        return [Made(one.number, one.authority, int(one.serial, 16)) for one in made.issued]

    def deliver(self, number: str) -> list[StoredCertificate]:
        """Record the delivery; the certificates."""
        path = f"/requests/{segment(number)}/delivery"

        def attempt() -> tuple[int, Callable[[], list[StoredCertificate]]]:
            (place,) = self._places([number])

            def submit() -> list[StoredCertificate]:
                body = wire.SignedStatement(statement=self._sign(Act.DELIVER, number, place.sequence, place.digest))
                return stored(self._client.post(path, body, wire.Delivered).certificates)

            return place.sequence, submit

        return self._insist(attempt)

    def chain_of(self, authority: str) -> Sequence[bytes]:
        """The authority's certificate and those above it."""
        return self._client.get(f"/authorities/{segment(authority)}/chain", wire.Chain).certificates

    def search(self, by: By, what: str, *, after: int | None = None, limit: int = PAGE) -> Findings:
        """One page of certificates."""
        check_limit(limit)
        asked = wire.SearchQuery(by=by, what=what, after=after, limit=limit)
        findings = self._client.post("/certificates/search", asked, wire.FindingsModel)
        return Findings(
            [Found(**(vars(one) | {"serial": int(one.serial, 16)})) for one in findings.found], findings.next
        )

    def statistics(self, of: Of, by: GroupBy, period: Period) -> list[Line]:
        """Count."""
        asked = {"of": of.value, "by": by.value, "since": period.since.isoformat(), "until": period.until.isoformat()}
        found = self._client.get("/statistics", StatisticsModel, **asked)
        return [Line(line.group, line.counts) for line in found.lines]

    def revoke(self, serial: str, authority: str | None, reason: Reason) -> Ordered:
        """Revoke a certificate."""
        return self._order(serial, authority, Act.REVOKE, reason.value)

    def hold(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Hold a certificate."""
        held = self._order(serial, authority, Act.HOLD)
        return held.authority, held.serial

    def resume(self, serial: str, authority: str | None) -> tuple[str, int]:
        """Resume a certificate."""
        resumed = self._order(serial, authority, Act.RESUME)
        return resumed.authority, resumed.serial

    def _order(self, serial: str, authority: str | None, act: Act, decision: str = "") -> Ordered:
        def attempt() -> tuple[int, Callable[[], Ordered]]:
            place = self._client.get("/certificates/next-order", wire.OrderPlace, serial=serial, authority=authority)

            def submit() -> Ordered:
                statement = self._sign(act, place.subject, place.sequence, place.digest, decision)
                body = wire.SignedStatement(statement=statement)
                done = self._client.post("/certificates/orders", body, wire.Ordered)
                return Ordered(place.authority, int(place.serial, 16), tuple(done.missed))

            return place.sequence, submit

        return self._insist(attempt)

    def examine(self, table: Table, defaults: Defaults, *, advance: Callable[[int], None]) -> Examination:
        """Examine a list."""
        found = examine(self._client, table, defaults)
        advance(len(table.rows) - 1)
        return found

    def enter_rows(self, candidates: Iterable[Candidate]) -> Iterator[Outcome]:
        """Enter the sound rows of a list."""
        for candidate in candidates:
            now = self._clock.now()
            application = completed(candidate, now, branch=self._office.me.branch, decide_within=self._decide_within)
            number = application.number
            statement, content = entry_of(application, self._session, now)
            body = wire.SignedContent(statement=statement, content=content)
            try:
                state = self._client.post("/requests", body, wire.RequestState).state
            except YinxinError as error:
                state = self._entered_meanwhile(application, error)
            yield Outcome(candidate.row, number, state)

    def _entered_meanwhile(self, application: Application, error: YinxinError) -> State:
        """The state of the same request, where another import came first; else the error goes on."""
        error.subject = error.subject or application.number
        if error.kind is not Kind.CONFLICT:
            raise error
        found = self.look_up(application.number)
        if found.application is None or not is_same(found.application, application):
            raise error
        return found.entry.state

    def request_records(self, wanted: RequestFilter) -> Iterator[ExportRecord]:
        """Requests, for an export."""
        after = None
        while True:
            page = self.list_requests(wanted, after=after, limit=MAXIMUM_PAGE)
            for entry in page.entries:
                yield {name: str(getattr(entry, name)) for name in REQUEST_HEADINGS}
            if (after := page.next) is None:
                return

    def certificate_records(self, wanted: Filter, requests: RequestFilter) -> Iterator[ExportRecord]:
        """Certificates, for an export."""
        after: int | None = 0
        while after is not None:
            page = self._client.get(
                "/certificates",
                wire.Rows,
                certificate_state=wanted.state,
                certificate_profile=wanted.profile,
                certificate_expires_from=wanted.expires_from,
                certificate_expires_before=wanted.expires_before,
                after=after,
                **vars(requests),
            )
            yield from page.rows
            after = page.next

    @property
    def organization(self) -> str:
        """The centre's name."""
        return self._office.organization

    def title_of(self, profile: str) -> str:
        """What people call certificates of this profile."""
        return next((one.title for one in self._office.profiles if one.name == profile), profile)

    def profiles(self) -> list[str]:
        """What can be applied for."""
        return [profile.name for profile in self._office.profiles]

    @property
    def _decide_within(self) -> timedelta:
        return timedelta(days=self._office.decide_days)

    def _approvals(self, profile: str) -> int:
        """What the profile asks for; of one that is not there, the office says so itself."""
        return next((one.approvals for one in self._office.profiles if one.name == profile), 1)

    def _places(self, numbers: list[str]) -> list[wire.Place]:
        return self._client.get("/requests/next-statements", wire.Places, number=numbers).places


def open_remote(
    server: Server,
    name: str,
    key_file: Path,
    pin: bytes,
    clock: Clock,
    transport: httpx.BaseTransport | None = None,
) -> RemoteOffice:
    """Open the operator's key file with the PIN, and the office. `YinxinError` if the office does not know the key."""
    signer = open_key_file(key_file, pin)
    client = RemoteClient(server, name, signer, clock, transport)
    office = client.get("/office", OfficeModel)
    certificate = office.me.certificate
    if office.me.name != name or x509.Certificate.load(certificate).public_key.dump() != signer.public_key_info:
        raise RefusedError(
            "other-key", _("this is not the key of operator {operator}").format(operator=name), subject=str(key_file)
        )
    session = OperatorSession(name, certificate, signer, clock.now() + SESSION_LIFETIME)
    return RemoteOffice(client, session, clock, office)

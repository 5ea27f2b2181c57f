"""People and branches at a distance, and how statements are signed and handed in there."""

from collections.abc import Callable, Collection
from typing import TypeVar

from core.algorithms import SM3
from core.clock import Clock
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from ra import http_models as wire
from ra.appointments import Appointment, appointment_of, parse_appointment
from ra.branches import BranchEntry, branch_content
from ra.http_people_models import Branches, Office, People, Person, PersonRecord, SignedDecision
from ra.operators import Operator, OperatorSession
from ra.remote_client import RemoteClient, segment
from ra.roles import Role
from ra.statements import Act, Statement

Result = TypeVar("Result")
Attempt = Callable[[], tuple[int, Callable[[], Result]]]
"""Reads the place of a statement, and gives it with what hands the statement in."""


class RemotePeople:
    """What concerns people and branches of an office at a distance."""

    def __init__(self, client: RemoteClient, session: OperatorSession, clock: Clock, office: Office) -> None:
        self._client, self._session, self._clock, self._office = client, session, clock, office

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
        appointment = appointment_of(
            name,
            roles,
            csr,
            authority=authority,
            organization=organization or self._office.organization,
            branch=self._office.me.branch if branch is None else branch,
        )
        return self._certify(Act.APPOINT, appointment, 1)

    def renew(self, name: str, csr: bytes) -> Operator:
        """Have a new key certified."""
        person = self._person(name)
        request = parse_csr(csr)
        request.check_possession()
        appointment = parse_appointment(person.appointment).model_copy(update={"csr": request.encoded})
        return self._certify(Act.RENEW, appointment, person.statements + 1)

    def _certify(self, act: Act, appointment: Appointment, sequence: int) -> Operator:
        statement = self._sign(act, f"operator:{appointment.operator}", sequence, appointment.digest)
        body = wire.SignedContent(statement=statement, content=appointment.canonical())
        return self._client.post("/people", body, Person).operator()

    def change_roles(self, name: str, roles: Collection[Role]) -> Operator:
        """Change somebody's roles."""
        return self._decide_on(name, Act.CHANGE, roles=roles)

    def suspend(self, name: str, why: str) -> Operator:
        """Suspend somebody."""
        return self._decide_on(name, Act.SUSPEND, why)

    def reinstate(self, name: str, why: str) -> Operator:
        """Reinstate somebody."""
        return self._decide_on(name, Act.REINSTATE, why)

    def remove(self, name: str, why: str) -> Operator:
        """Remove somebody."""
        return self._decide_on(name, Act.REMOVE, why)

    def _decide_on(self, name: str, act: Act, why: str = "", roles: Collection[Role] | None = None) -> Operator:
        def attempt() -> tuple[int, Callable[[], Operator]]:
            person = self._person(name)
            appointment = parse_appointment(person.appointment)
            content = None
            if roles is not None:
                appointment = appointment.model_copy(update={"roles": tuple(sorted(set(roles)))})
                content = appointment.canonical()

            def submit() -> Operator:
                statement = self._sign(act, f"operator:{name}", person.statements + 1, appointment.digest, why)
                body = SignedDecision(statement=statement, content=content)
                return self._client.post("/people/decisions", body, Person).operator()

            return person.statements + 1, submit

        return self._insist(attempt)

    def list_operators(self, branch: str | None) -> list[Operator]:
        """People."""
        return [one.operator() for one in self._client.get("/people", People, branch=branch).people]

    def establish(self, name: str, title: str) -> None:
        """Make a branch."""
        content = branch_content(name, title)
        statement = self._sign(Act.ESTABLISH, f"branch:{name}", 1, SM3.of(content).hex())
        self._client.post("/branches", wire.SignedContent(statement=statement, content=content), wire.Done)

    def list_branches(self) -> list[BranchEntry]:
        """Branches."""
        return [BranchEntry(**vars(one)) for one in self._client.get("/branches", Branches).branches]

    def _person(self, name: str) -> PersonRecord:
        return self._client.get(f"/people/{segment(name)}", PersonRecord)

    def _sign(self, act: Act, subject: str, sequence: int, digest: str, decision: str = "") -> bytes:
        statement = Statement(
            act=act,
            subject=subject,
            sequence=sequence,
            digest=digest,
            decision=decision,
            at=self._clock.now(),
            operator=self._session.name,
        )
        return self._session.sign(statement).message

    def _insist(self, attempt: Attempt[Result]) -> Result:
        """Hand a statement in, again if somebody else's took its place meanwhile."""
        place, submit = attempt()
        while True:
            try:
                return submit()
            except YinxinError as error:
                if error.kind is not Kind.CONFLICT:
                    raise
                before, (place, submit) = place, attempt()
                if place == before:
                    raise

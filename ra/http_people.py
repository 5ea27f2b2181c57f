"""People and branches over HTTP, and what a client has to know before it signs."""

from ca.activation import active_profiles
from ca.profiles import Audience
from core.api.operation import Operations
from ra import branches, personnel
from ra.http_desk import Desk
from ra.http_models import Done, SignedContent
from ra.http_people_models import (
    Branches,
    BranchModel,
    Office,
    People,
    PeopleQuery,
    Person,
    PersonRecord,
    ProfileModel,
    SignedDecision,
)
from ra.operators import Roster, list_operators, require_in_sight
from ra.profiles import OPERATOR

operations = Operations()


@operations.get("/office", "Who I am here, what can be applied for, and how long requests wait.")
def office(desk: Desk) -> Office:
    """Tell about the office."""
    with desk.context.storage.reading() as connection:
        profiles = [version.profile for version in active_profiles(connection)]
    return Office(
        me=Person.of(desk.caller),
        now=desk.context.clock.now(),
        organization=desk.home.configuration.centre.organization,
        decide_days=desk.home.configuration.ra.decide_days,
        profiles=[
            ProfileModel(name=one.name, title=one.title, approvals=one.approvals)
            for one in profiles
            if one.audience is Audience.SUBSCRIBER and one.name != OPERATOR
        ],
    )


@operations.get("/people", "List everybody who is or was appointed; in a branch, its own people.")
def list_people(desk: Desk, query: PeopleQuery) -> People:
    """List people."""
    found = list_operators(desk.context, query.branch)
    mine = [one for one in found if desk.caller.branch in ("", one.branch)]
    return People(people=[Person.of(one) for one in mine])


@operations.get("/people/{name}", "Somebody, with what the next decision on them is about.")
def show_person(desk: Desk, name: str) -> PersonRecord:
    """Look somebody up."""
    with desk.context.storage.reading() as connection:
        roster = Roster(connection)
        career, person = roster.career(name), roster.operator(name)
    require_in_sight(desk.caller, person.branch, name)
    return PersonRecord(
        **Person.of(person).model_dump(),
        appointment=career.present.appointment.canonical(),
        statements=len(career.standings),
    )


@operations.post("/people", "Appoint somebody, or have a new key certified (appoint, renew).")
def appoint_person(desk: Desk, body: SignedContent) -> Person:
    """Appoint somebody."""
    message = desk.receive(body.statement)
    return Person.of(personnel.submit_appointment(desk.context, desk.authority, message, body.content))


@operations.post("/people/decisions", "Change somebody's roles, suspend, reinstate or remove them.")
def decide_person(desk: Desk, body: SignedDecision) -> Person:
    """Decide on somebody."""
    message = desk.receive(body.statement)
    return Person.of(personnel.submit_decision(desk.context, message, body.content))


@operations.get("/branches", "List the branches.")
def list_branches(desk: Desk) -> Branches:
    """List branches."""
    return Branches(branches=[BranchModel(**vars(one)) for one in branches.list_branches(desk.context)])


@operations.post("/branches", "Make a branch (establish).")
def establish_branch(desk: Desk, body: SignedContent) -> Done:
    """Make a branch."""
    branches.submit_branch(desk.context, desk.receive(body.statement), body.content)
    return Done()

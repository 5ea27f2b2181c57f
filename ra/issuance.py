"""Issuing: approved requests handed to the CA in batches, the certificates recorded in the CA's own transaction.

Before the CA is asked, the requests are claimed for a short time, so that two operators do not have the same
certificate made twice. A claim only spares that waste; what decides is the move, which a request allows once. After a
crash the claim lapses, and the request, still approved, can be issued again.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa
from asn1crypto import x509

from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import identities, records
from ra.dossiers import Dossier, append_move, next_statement, read_dossier, require_unclaimed
from ra.operators import OperatorSession, Roster, admit, authenticate
from ra.profiles import subscriber_profile
from ra.refusals import RefusedError, refusals_recorded
from ra.replacement import check_replacement, predecessor_of, retire_replaced
from ra.search import index_columns
from ra.statements import Act, SignedStatement

CLAIM = timedelta(minutes=2)


def issue(
    context: Context, authority: CertificateAuthority, session: OperatorSession, numbers: Iterable[str]
) -> list[IssuedCertificate]:
    """Have the certificates of approved requests made: all of the batch or none, in the order of the numbers."""
    orders = [
        session.sign(next_statement(context, session, number, Act.ISSUE)).message for number in dict.fromkeys(numbers)
    ]
    return submit_orders(context, authority, orders)


def submit_orders(
    context: Context, authority: CertificateAuthority, messages: Sequence[bytes]
) -> list[IssuedCertificate]:
    """Carry out one operator's signed orders to issue; the certificates, in the order of the orders."""
    orders = [authenticate(context, message) for message in messages]
    if not orders:
        return []
    names = {order.statement.operator for order in orders}
    if len(names) != 1:
        raise YinxinError(Kind.INVALID, _("a batch is ordered by one operator"))
    (name,) = names
    subject = " ".join(order.statement.subject for order in orders)
    with refusals_recorded(context, "ra.request.issue", actor=name, subject=subject):
        requests = _claim(context, orders)
        context.lookup_key  # noqa: B018 - what lacks its passphrase is told before anything is signed

        def record(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
            _record(context, connection, orders, issued)

        try:
            return authority.issue(requests, actor=name, recording=record)
        except BaseException:
            # The failure is what matters; a claim that cannot be taken back lapses by itself.
            with suppress(YinxinError):
                _release(context, orders)
            raise


def _claim(context: Context, orders: Sequence[SignedStatement]) -> list[ApprovedRequest]:
    """Check every order under the rules, and claim its request for the time of the work."""
    now = context.clock.now()
    with context.storage.transaction() as connection:
        claimed, roster = {}, Roster(connection)
        for order in _in_one_order(orders):
            operator = admit(context, connection, order, roster)
            dossier = read_dossier(connection, order.statement.subject, lock=True, roster=roster)
            dossier.after(order.statement, operator)
            require_unclaimed(dossier, now)
            check_replacement(connection, dossier.application, now)
            claimed[order.statement.subject] = _approved(connection, dossier)
        _set_claims(connection, orders, now + CLAIM)
    return [claimed[order.statement.subject] for order in orders]


def _approved(connection: sa.Connection, dossier: Dossier) -> ApprovedRequest:
    """What the CA is asked for: only what the approvals answer for."""
    application, approvers = dossier.application, dossier.history.approvers
    needed = subscriber_profile(connection, application.profile).approvals
    if len(approvers) < needed:
        raise RefusedError(
            "too-few-approvals",
            _("the profile asks for {needed} approvals now, the request has {given}").format(
                needed=needed, given=len(approvers)
            ),
            subject=application.number,
            remedy=_("withdraw it and enter it anew"),
        )
    approval = Approval(application.number, bytes.fromhex(dossier.history.digest), approvers)
    return ApprovedRequest(
        application.authority,
        application.profile,
        application.subject,
        application.csr,
        approval,
        predecessor_of(application),
    )


def _record(
    context: Context,
    connection: sa.Connection,
    orders: Sequence[SignedStatement],
    issued: Sequence[IssuedCertificate],
) -> None:
    """In the transaction that releases the certificates: the moves, and which certificate came of which request."""
    made = {order.statement.subject: one for order, one in zip(orders, issued, strict=True)}
    roster = Roster(connection)
    for order in _in_one_order(orders):
        certificate = made[order.statement.subject]
        dossier = read_dossier(connection, order.statement.subject, lock=True, roster=roster)
        operator = roster.operator(order.statement.operator)
        details = {"authority": certificate.authority, "serial": serial_text(certificate.serial)}
        if certificate.encryption:
            details["encryption_serial"] = serial_text(certificate.encryption.serial)
        append_move(context, connection, dossier, order, operator, details)
        retire_replaced(context, connection, dossier.application, operator.name)
        for one in (certificate, certificate.encryption):
            if one is not None:
                _keep(context, connection, dossier, one)


def _keep(context: Context, connection: sa.Connection, dossier: Dossier, certificate: IssuedCertificate) -> None:
    entered = connection.execute(
        sa.insert(records.request_certificates).values(
            request_id=dossier.id,
            authority=certificate.authority,
            serial=certificate.serial,
            certificate=certificate.certificate,
            envelope=certificate.envelope or None,
            **index_columns(
                certificate.certificate,
                dossier.application.subject,
                dossier.application.branch,
                x509.Certificate.load(certificate.certificate).not_valid_after,
            ),
        )
    )
    (row,) = entered.inserted_primary_key or (0,)
    identities.record(context, connection, [(row, dossier.application.subject.identity)])


def _release(context: Context, orders: Sequence[SignedStatement]) -> None:
    with context.storage.transaction() as connection:
        _set_claims(connection, orders, None)


def _set_claims(connection: sa.Connection, orders: Sequence[SignedStatement], until: datetime | None) -> None:
    numbers = [order.statement.subject for order in orders]
    connection.execute(
        sa.update(records.requests).where(records.requests.c.number.in_(numbers)).values(claimed_until=until)
    )


def _in_one_order(orders: Sequence[SignedStatement]) -> list[SignedStatement]:
    """By number: two batches that lock the same requests in the same order cannot wait for each other in a ring."""
    return sorted(orders, key=lambda order: order.statement.subject)

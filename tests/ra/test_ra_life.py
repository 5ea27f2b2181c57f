"""The life of a request from entry to delivery, what the books say of it, and what never gets into them."""

from pathlib import Path

import pytest
from asn1crypto import x509

from ca.authorities import authority_of, chain_of
from ca.history import steps_of
from ca.state import State as CertificateState
from core import files
from core.audit import entries
from core.errors import Kind, YinxinError
from core.subject import Subject
from ra import records, requests
from ra.delivery import deliver
from ra.issuance import issue
from ra.moves import State
from ra.register import find_request, list_requests
from ra.statements import Act


def test_a_staff_certificate_from_entry_to_delivery(office: Office) -> None:
    number = office.enter()
    assert requests.approve(office.context, office.sessions["shen.review"], number) is State.APPROVED
    (issued,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    (delivered,) = deliver(office.context, office.sessions["zhi.make"], number)
    assert delivered.certificate == issued.certificate
    record = find_request(office.context, number)
    assert record.entry.state is State.DELIVERED
    assert record.intact
    assert [signed.statement.act for signed in record.statements] == [Act.ENTER, Act.APPROVE, Act.ISSUE, Act.DELIVER]

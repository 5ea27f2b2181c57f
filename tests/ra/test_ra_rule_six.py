"""Whoever entered a request cannot approve it; approvals bind to a digest; every act is signed. Tried in every way."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ca.issuance import CertificateAuthority
from core.audit import entries
from core.errors import Kind, YinxinError
from ra import records, requests
from ra.applications import digest_of, parse_application
from ra.dossiers import next_statement
from ra.issuance import issue
from ra.moves import Role, State
from ra.operators import OperatorSession, open_session, reinstate_operator, suspend_operator
from ra.refusals import RefusedError
from ra.register import find_request
from ra.statements import Act, sign_statement, verify_statement

from .conftest import PIN, STAFF, UNIT, Office

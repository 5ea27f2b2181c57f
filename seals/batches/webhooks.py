"""Telling calling systems that a batch has ended: a request signed with a key of ours (RFC 9421), tried until taken."""

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import sqlalchemy as sa
from asn1crypto import pem

from core.algorithms import KeyKind
from core.context import Context
from core.http_signatures import NAMES, Message, Proof, sign_request, verify_request
from core.keys.signer import Signer
from core.keys.store import KeyStore
from seals.api import api_keys
from seals.batches.batches import read_batch
from seals.batches.pauses import pause_before
from seals.batches.records import batches, notifications

TAG = "yinxin-seals"
KEY_NAME = "webhooks"
LEASE = timedelta(minutes=1)
MOST_ATTEMPTS = 30
"""An hour apart in the end: somewhat more than a day."""
_SECONDS = 10.0

_log = logging.getLogger(__name__)


Post = Callable[[str, bytes, dict[str, str]], int]
"""Sends a request to an address: body, headers; the status of the answer. `httpx.HTTPError` if there is none."""


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Over HTTP; redirections are not followed, for the address is what somebody answers for."""
    return httpx.post(url, content=body, headers=headers, timeout=_SECONDS, follow_redirects=False).status_code


def signing_key(keys: KeyStore) -> Signer:
    """Our key for webhooks, made at first need."""
    return keys.signer(KEY_NAME) if KEY_NAME in keys else keys.create(KEY_NAME, KeyKind.P256)


def key_id(public_key_info: bytes) -> str:
    """What the signatures call the key: SHA-256 of its SubjectPublicKeyInfo."""
    return sha256(public_key_info).hexdigest()


def public_key(keys: KeyStore) -> dict[str, str]:
    """What receivers check with: key id, algorithm by its name in RFC 9421, the key in PEM."""
    signer = signing_key(keys)
    info = signer.public_key_info
    return {
        "key_id": key_id(info),
        "algorithm": NAMES[signer.algorithm],
        "public_key": pem.armor("PUBLIC KEY", info).decode(),
    }


def verify_notice(
    url: str, headers: dict[str, str], body: bytes, signer_algorithm: Any, public_key_info: bytes, now: datetime
) -> Proof:
    """What a receiver does: check that the request to its address is ours; `YinxinError` (forbidden) if not."""
    message = Message("POST", url, headers)
    return verify_request(message, body, signer_algorithm, public_key_info, tag=TAG, now=now)


@dataclass
class Webhooks:
    """Delivers what is due, one notice after the other."""

    context: Context
    keys: KeyStore
    post: Post = post

    def step(self) -> bool:
        """Deliver one notice; whether there was one."""
        row = self._claim()
        if row is None:
            return False
        system = api_keys.named(self.context, row.caller)
        if system is None or not system.webhook:
            self._settle(row, {"state": "unwanted"})
            return True
        problem = self._deliver(system.webhook, self._notice(row))
        if not problem:
            self._settle(row, {"state": "delivered", "problem": None})
            return True
        attempts = row.attempts + 1
        _log.warning("Batch %s: the webhook of %s: %s", row.number, row.caller, problem)
        again = {"attempts": attempts, "problem": problem[:512]}
        if attempts < MOST_ATTEMPTS:
            self._settle(row, again | {"due_at": self.context.clock.now() + pause_before(attempts)})
        else:
            self._settle(row, again | {"state": "given-up"})
        return True

    def _claim(self) -> sa.Row[Any] | None:
        now, table = self.context.clock.now(), notifications
        due = (
            sa.select(table.c.id)
            .where(
                table.c.state == "waiting",
                table.c.due_at <= now,
                sa.or_(table.c.claimed_until.is_(None), table.c.claimed_until < now),
            )
            .order_by(table.c.id)
            .limit(1)
        )
        with self.context.storage.reading() as connection:
            if connection.scalar(due) is None:
                return None
        with self.context.storage.transaction() as connection:
            chosen = connection.scalar(due.with_for_update(skip_locked=True))
            if chosen is None:
                return None
            taken = {"claim": secrets.token_hex(16), "claimed_until": now + LEASE}
            connection.execute(sa.update(table).where(table.c.id == chosen).values(taken))
            query = sa.select(table, batches.c.number, batches.c.caller).join(batches, batches.c.id == table.c.batch_id)
            return connection.execute(query.where(table.c.id == chosen)).one()

    def _settle(self, row: sa.Row[Any], values: dict[str, Any]) -> None:
        ours = notifications.c.id == row.id, notifications.c.claim == row.claim
        with self.context.storage.transaction() as connection:
            free = {"claim": None, "claimed_until": None}
            connection.execute(sa.update(notifications).where(*ours).values(values | free))

    def _notice(self, row: sa.Row[Any]) -> bytes:
        with self.context.storage.reading() as connection:
            its_row = connection.execute(sa.select(batches).where(batches.c.id == row.batch_id)).one()
            batch = read_batch(connection, its_row)
        notice = {
            "event": "batch.finished",
            "batch": batch.number,
            "seal": batch.seal,
            "state": batch.state.value,
            "counts": batch.counts,
            "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
        }
        return json.dumps(notice, ensure_ascii=False).encode()

    def _deliver(self, url: str, body: bytes) -> str:
        """What went wrong; empty if nothing did."""
        signer = signing_key(self.keys)
        message = Message("POST", url, {"Content-Type": "application/json"})
        created, nonce = self.context.clock.now(), secrets.token_hex(16)
        name = key_id(signer.public_key_info)
        headers = sign_request(message, body, signer, key_id=name, tag=TAG, created=created, nonce=nonce)
        try:
            status = self.post(url, body, headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return str(error) or type(error).__name__
        return "" if 200 <= status < 300 else f"HTTP {status}"

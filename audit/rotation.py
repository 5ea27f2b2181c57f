"""The audit key's successor: named by a checkpoint that both sign, and by an entry; the former key is destroyed then.

A key that is lost, or in other hands, cannot be asked. Its successor signs alone, and whoever verifies has to be given
the new key as they were given the first: on paper, face to face.
"""

from dataclasses import dataclass

from audit.checkpoints import Made, Notary
from audit.key import NAME, fingerprint, key_names, next_key_name
from core.algorithms import KeyKind
from core.audit import Event
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.signer import Signer

ROTATE, REPLACE = "audit.key.rotate", "audit.key.replace"


@dataclass(frozen=True)
class Rotated:
    """A key that succeeded another."""

    made: Made
    public_key_info: bytes
    removed: tuple[str, ...]
    """Names of the former keys in the store."""


def open_key(home: Home, public_key_info: bytes | None) -> Signer:
    """The audit key with this public half (SPKI, DER), None: the first; `YinxinError` (not found) if it is not here."""
    store = home.key_store("audit")
    if public_key_info is None:
        return store.signer(NAME)
    for name in reversed(key_names(store)):
        signer = store.signer(name)
        if signer.public_key_info == public_key_info:
            return signer
    raise YinxinError(
        Kind.NOT_FOUND,
        _("the audit key in force is not in the key store"),
        subject=fingerprint(public_key_info),
        remedy=_("bring it back from a backup, or: yinxin audit rotate --replace"),
    )


def make_successor(home: Home, kind: KeyKind) -> Signer:
    """A new audit key. It is in force when a checkpoint says so; of a rotation that was interrupted, the next one
    forgets it."""
    store = home.key_store("audit")
    return store.create(next_key_name(store), kind)


def succeed(home: Home, notary: Notary, successor: Signer, *, actor: str, reason: str, vouched: bool = True) -> Rotated:
    """Put the successor in the place of the key in force, which vouches for it; not `vouched`: which cannot be asked.

    `notary`: with the key in force, or with the successor where that cannot be asked.
    """
    key = successor.public_key_info
    details = {"reason": reason} | ({"former": fingerprint(notary.signer.public_key_info)} if vouched else {})
    event = Event(ROTATE if vouched else REPLACE, actor, fingerprint(key), details)
    made = None
    while made is None:  # again, if another process has just signed a checkpoint over the entry
        with home.storage.transaction() as connection:
            home.context.audit.append(connection, event)
        notary.sequence()
        made = notary.sign(successor, vouched=vouched)
    store = home.key_store("audit")
    *former, _newest = key_names(store)
    for name in former:
        store.remove(name)
    notary.make_up()
    return Rotated(made, key, tuple(former))

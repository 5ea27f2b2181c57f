"""The home folder of an installation: configuration, database, key stores, profiles. Made by `yinxin init`.

```
HOME/yinxin.toml            configuration (core.config)
HOME/yinxin.db              records, unless storage.url says otherwise
HOME/profiles/*.toml        certificate profiles
HOME/keys/AUTHORITY/*.pem   encrypted private keys: ca, ocsp, tsa, seals, kmc, ra, audit
HOME/keys/AUTHORITY/custody.json   if several people together have the passphrase (core.keys.custody): who they are
HOME/keys/AUTHORITY/*.toml  which of its keys are in tokens (PKCS#11)
HOME/certificates/AUTHORITY/*.pem   certificates of those keys, each with its issuers after it
HOME/trust/*.pem            the roots, for verification
HOME/trust/makers/*.pem     who may make electronic seals
HOME/trust/audit-log.pub    the public key of the audit log
HOME/administrators/*       keys and PINs of the two administrators, until they take them away
HOME/passphrases/AUTHORITY  mode 0600; or YINXIN_AUTHORITY_PASSPHRASE, or a prompt
HOME/passphrases/AUTHORITY.pin  of its tokens, unless their URI has a pin-source; or YINXIN_AUTHORITY_PIN, or a prompt
```
"""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.clock import Clock, SystemClock

if TYPE_CHECKING:
    from core.config import Configuration
    from core.context import Context
    from core.errors import YinxinError
    from core.keys.hsm.settings import Tokens
    from core.keys.hsm.uri import Pkcs11Uri
    from core.keys.lookup import LookupKey
    from core.keys.store import KeyStore
    from core.storage import Storage

# What a home is made of is imported where it is opened, so that a command that opens nothing starts at once.

DATABASE = "yinxin.db"
CUSTODY = "custody.json"
"""Beside keys whose passphrase is in several hands (`core.keys.custody`)."""
IDENTITIES = "identities"
"""The registration authority's key for finding identity numbers (`core.keys.lookup`)."""

Authority = Literal["ca", "ocsp", "tsa", "seals", "kmc", "ra", "audit"]


@dataclass
class Home:
    """Where an installation lives."""

    path: Path
    clock: Clock = field(default_factory=SystemClock)
    records_openings: bool = True
    """Whether it is an entry of the audit log that keys were opened: not where only their health is examined."""
    _key_stores: "dict[Authority, KeyStore]" = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def configuration(self) -> "Configuration":
        """The settings in force."""
        from core.config import load_configuration

        return load_configuration(self.path)

    @cached_property
    def storage(self) -> "Storage":
        """The database; its schema is the newest, or `YinxinError`."""
        from core.storage import Storage

        storage = Storage(self.database_url)
        storage.require_current_schema()
        return storage

    @property
    def database_url(self) -> str:
        """The configured URL, or SQLite in the home folder."""
        return self.configuration.storage.url or self.default_database_url

    @property
    def default_database_url(self) -> str:
        """SQLite in the home folder."""
        return f"sqlite:///{self.path / DATABASE}"

    @cached_property
    def context(self) -> "Context":
        """What the verbs are handed."""
        from core.context import Context

        return Context(self.storage, self.clock, self._lookup_key)

    def _lookup_key(self) -> "LookupKey | None":
        keys = self.key_store("ra")
        return keys.lookup_key(IDENTITIES, b"yinxin ra identity numbers 1") if IDENTITIES in keys else None

    @property
    def profiles(self) -> Path:
        """The folder of certificate profiles."""
        return self.path / "profiles"

    def certificates(self, authority: Authority) -> Path:
        """Where the certificates of this authority's keys lie: `NAME.pem` for the key NAME, its issuers after it."""
        return self.path / "certificates" / authority

    @property
    def trust(self) -> Path:
        """The folder of trust anchors: the roots."""
        return self.path / "trust"

    def passphrase_file(self, authority: Authority) -> Path:
        """Where this authority's passphrase may lie."""
        return self.path / "passphrases" / authority

    def key_store(self, authority: Authority) -> "KeyStore":
        """The keys of one authority, opened once by this home. Their passphrase is sought at first need."""
        from core.keys.store import KeyStore

        folder = self.path / "keys" / authority
        # Folders that were changing places (`core.keys.handover`), or the old one that was not removed to its end.
        if not folder.exists() or any(folder.parent.glob(f".{authority}.old-*")):
            from core.keys.handover import settle

            settle(folder)
        return self._key_stores.setdefault(
            authority,
            KeyStore(
                folder,
                lambda: self.passphrase(authority),
                lambda: self._tokens(authority),
                lambda name, error: self._record_opening(authority, name, error),
            ),
        )

    def _record_opening(self, authority: Authority, name: str, error: "YinxinError | None") -> None:
        """Enter that keys of an authority were opened, or refused, to whom: account, program, process."""
        if not self.records_openings:
            return
        from core.account import local_account, program
        from core.audit import Event

        details: dict[str, object] = {"key": name, "program": program(), "process": os.getpid()}
        act = "core.keys.open"
        if error:
            act, details = f"{act}.refused", details | {"rule": "passphrase"}
        event, context = Event(act, local_account(), f"keys/{authority}", details), self.context

        def record() -> None:
            with context.storage.transaction() as connection:
                context.audit.append(connection, event)

        context.storage.afterwards(record)

    def passphrase(self, authority: Authority) -> bytes:
        """What opens the keys of this authority: from its custodians, its file, the environment, a prompt."""
        from core.keys import passphrase

        folder = self.path / "keys" / authority
        if (folder / CUSTODY).exists():
            return self._entered_by_custodians(authority, folder)
        file = self.passphrase_file(authority)
        return passphrase.obtain(
            f"keys/{authority}",
            file=file if file.exists() else None,
            variable=f"YINXIN_{authority.upper()}_PASSPHRASE",
        )

    def _entered_by_custodians(self, authority: Authority, folder: Path) -> bytes:
        """The passphrase from its custodians' shares; the audit log says whose they were."""
        from core.audit import Event
        from core.keys.custodians import collect
        from core.keys.custody import read_custody

        custody = read_custody(folder)
        shares = collect(custody, f"keys/{authority}", f"YINXIN_{authority.upper()}_SHARES")
        passphrase = custody.combine(shares)
        names = [custody.entrusted(share).custodian for share in shares]
        details = {"set": custody.set_id, "shares": [share.number for share in shares], "custodians": names}
        with self.storage.transaction() as connection:
            event = Event("core.custody.open", "custodians", f"keys/{authority}", details)
            self.context.audit.append(connection, event)
        return passphrase

    def pin_file(self, authority: Authority) -> Path:
        """Where the PIN of this authority's tokens may lie."""
        return self.path / "passphrases" / f"{authority}.pin"

    def token_of(self, authority: Authority) -> "Pkcs11Uri | None":
        """The token in which the keys of this authority are made; None: they are made in files."""
        return self._tokens(authority).place

    def _tokens(self, authority: Authority) -> "Tokens":
        from core.keys import passphrase
        from core.keys.hsm.settings import Sm2Mechanisms, Tokens
        from core.keys.hsm.uri import Pkcs11Uri

        def pin(uri: Pkcs11Uri) -> bytes:
            file = uri.pin_file or self.pin_file(authority)
            return passphrase.obtain(
                str(uri.of_token),
                file=file if uri.pin_file or file.exists() else None,
                variable=f"YINXIN_{authority.upper()}_PIN",
            )

        settings = self.configuration.keys
        place: str = getattr(settings, authority, "")  # the registration authority has no key that signs
        sm2 = settings.sm2
        return Tokens(
            Pkcs11Uri.parse(place) if place else None,
            Sm2Mechanisms(sm2.key_type, sm2.make, sm2.sign, sm2.takes, bytes.fromhex(sm2.parameter))
            if sm2.sign
            else None,
            pin,
        )

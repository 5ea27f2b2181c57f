"""Custody by m of n: the passphrase of a key store in the hands of several people, none of whom has it.

It is 128 random bits, split by Shamir's scheme over GF(2^128) as `pycryptodome` has it, in the form of the Unix program
`ssss` (options -x -D -s 128), so that the shares can be combined without us. Beside the keys lies `custody.json`: who
has which share, and digests by which a share and the whole are recognised. It holds no secret.
"""

import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import rfc8785
from Crypto.Protocol.SecretSharing import Shamir
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from core import files
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.home import CUSTODY
from core.i18n import _
from core.keys.shares import SET_OCTETS, VALUE_OCTETS, Share

MOST = 15
"""Shares of one set."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
SetId = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entrusted(_Part):
    """A share, and who has it."""

    number: Annotated[int, Field(ge=1, le=MOST)]
    custodian: Annotated[str, Field(min_length=1, max_length=64)]
    digest: Digest
    """SM3 of the share."""
    sealed_to: Digest | None = None
    """SM3 of the certificate to which it was encrypted; None: on paper."""


class FormerSet(_Part):
    """Shares that were replaced."""

    set_id: SetId
    until: AwareDatetime


class Custody(_Part):
    """Who keeps a key store."""

    version: Literal[1] = 1
    set_id: SetId
    needed: Annotated[int, Field(ge=2, le=MOST)]
    shares: Annotated[tuple[Entrusted, ...], Field(min_length=2, max_length=MOST)]
    made_at: AwareDatetime
    check: Digest
    """SM3 of the passphrase: of 128 random bits it tells nothing."""
    former: tuple[FormerSet, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if [one.number for one in self.shares] != list(range(1, len(self.shares) + 1)):
            raise ValueError(_("the shares are not numbered from 1 on"))
        if self.needed > len(self.shares):
            raise ValueError(_("more shares are needed than there are"))
        return self

    def entrusted(self, share: Share) -> Entrusted:
        """Whose this share is; `YinxinError` (invalid) if it is none of this set, or not the one that was given out."""
        former = next((one for one in self.former if one.set_id == share.set_id), None)
        if former:
            raise YinxinError(
                Kind.INVALID,
                _("this share was replaced on {day} and opens nothing any more").format(day=former.until.date()),
                subject=_name_of(share),
                remedy=_("destroy it; enter the share of set {set}").format(set=self.set_id),
            )
        if share.set_id != self.set_id:
            raise YinxinError(
                Kind.INVALID,
                _("this share is of another set, not of {set}").format(set=self.set_id),
                subject=_name_of(share),
                remedy=_("enter the share of this key store"),
            )
        known = next((one for one in self.shares if one.number == share.number), None)
        if known is None or not hmac.compare_digest(known.digest, share.digest):
            raise YinxinError(
                Kind.INVALID,
                _("this is not the share that was given out under this number"),
                subject=_name_of(share),
                remedy=_("find out where it comes from, and renew the custody"),
            )
        return known

    def combine(self, shares: Sequence[Share]) -> bytes:
        """The passphrase. `YinxinError` (invalid) for shares as of `entrusted`, doubled ones, and too few of them."""
        given = {self.entrusted(share).number: share for share in shares}
        if len(given) != len(shares):
            raise YinxinError(Kind.INVALID, _("the same share was entered twice"), remedy=_("enter another one"))
        if len(given) < self.needed:
            raise YinxinError(
                Kind.INVALID,
                _("{needed} shares are needed, and there are {count}").format(needed=self.needed, count=len(given)),
                remedy=_("ask further custodians: {names}").format(names=self._names_but(given)),
            )
        chosen = [(number, share.value) for number, share in sorted(given.items())][: self.needed]
        passphrase = _passphrase(Shamir.combine(chosen, ssss=True))
        if SM3.of(passphrase).hex() != self.check:
            raise YinxinError(
                Kind.INVALID,
                _("together, these shares do not give the passphrase"),
                subject=CUSTODY,
                remedy=_("the file beside the keys was altered; restore it from a backup"),
            )
        return passphrase

    def _names_but(self, given: dict[int, Share]) -> str:
        return ", ".join(f"{one.number} {one.custodian}" for one in self.shares if one.number not in given)

    def document(self) -> bytes:
        """Canonical JSON."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    def write(self, folder: Path) -> None:
        """Beside the keys in this folder."""
        files.write(folder / CUSTODY, self.document() + b"\n")


def is_entrusted(folder: Path) -> bool:
    """Whether the key store in this folder is in the hands of custodians."""
    return (folder / CUSTODY).exists()


def read_custody(folder: Path) -> Custody:
    """Who keeps the key store in this folder; `YinxinError` if nobody does, or the file is damaged."""
    path = folder / CUSTODY
    if not path.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("this key store is not in the hands of custodians"),
            subject=str(folder),
            remedy=_("hand it over with: yinxin ca custody renew"),
        )
    try:
        return Custody.model_validate_json(files.read(path))
    except ValidationError as error:
        raise YinxinError(
            Kind.INVALID, _("damaged"), subject=str(path), remedy=_("restore it from a backup")
        ) from error


def entrust(
    custodians: Sequence[str],
    needed: int,
    at: AwareDatetime,
    *,
    sealed_to: Sequence[str | None] | None = None,
    former: Sequence[FormerSet] = (),
) -> tuple[Custody, bytes, list[Share]]:
    """A new passphrase split among these people: what to write beside the keys, the passphrase, the shares in order.

    `sealed_to`: of each custodian the SM3 of the certificate to which the share will be encrypted.
    """
    total = len(custodians)
    if not 2 <= needed <= total <= MOST:
        raise YinxinError(
            Kind.INVALID,
            _("of {total} shares {needed} cannot be needed").format(total=total, needed=needed),
            remedy=_("at least 2 are needed, and there are at most {most}").format(most=MOST),
        )
    secret, set_id = secrets.token_bytes(VALUE_OCTETS), secrets.token_hex(SET_OCTETS)
    parts = Shamir.split(needed, total, secret, ssss=True)
    shares = [Share(set_id, needed, total, number, value) for number, value in parts]
    recipients = sealed_to or [None] * total
    entries = tuple(
        Entrusted(number=share.number, custodian=name, digest=share.digest, sealed_to=recipient)
        for share, name, recipient in zip(shares, custodians, recipients, strict=True)
    )
    passphrase = _passphrase(secret)
    custody = Custody(
        set_id=set_id,
        needed=needed,
        shares=entries,
        made_at=at,
        check=SM3.of(passphrase).hex(),
        former=tuple(former),
    )
    return custody, passphrase, shares


def _passphrase(secret: bytes) -> bytes:
    return secret.hex().encode()


def _name_of(share: Share) -> str:
    return _("share {number} of set {set}").format(number=share.number, set=share.set_id)

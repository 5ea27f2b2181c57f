"""A key store passes into the hands of custodians, or from one set of shares to the next, in two steps.

`renew` writes the keys anew beside the old ones and gives out the new shares; `confirm` takes enough of the new shares,
which shows that they arrived, and puts the new keys in place. Until then the old shares count, afterwards only the new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ca.authorities import list_authorities
from ca.ceremony.sheets import Opens, share_sheet
from core import files
from core.algorithms import SM3
from core.audit import Event
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.i18n import _
from core.keys.custodians import collect
from core.keys.custody import Custody, FormerSet, entrust, is_entrusted, read_custody
from core.keys.handover import prepare, prepared_for, put_in_place
from core.keys.key_file import open_kept_key
from core.keys.sealed import seal
from core.keys.shares import Share
from core.memory import require_memory


@dataclass(frozen=True)
class Custodian:
    """Who is to have a share."""

    name: str
    certificate: bytes | None = None
    """DER, to which it is encrypted; None: on a sheet."""


@dataclass(frozen=True)
class Folders:
    """Where shares go."""

    sheets: Path | None
    """In memory (see `core.memory`)."""
    sealed: Path | None


def folder_of(home: Home, store: Authority) -> Path:
    """The key store's folder."""
    return home.path / "keys" / store


def key_names(folder: Path) -> list[str]:
    """The keys in a key store."""
    return sorted(file.stem for file in folder.glob("*.pem"))


def open_every_key(home: Home, store: Authority) -> list[str]:
    """The names of the keys, each of which was opened. `YinxinError` if one does not open."""
    keys, names = home.key_store(store), key_names(folder_of(home, store))
    for name in names:
        keys.signer(name)
    return names


def renew(
    home: Home, store: Authority, custodians: Sequence[Custodian], needed: int, folders: Folders, *, actor: str
) -> Custody:
    """Prepare a new set of shares and write them; the present passphrase is sought as ever, and stays in force.

    `YinxinError` if it cannot be had, a share cannot be encrypted to its certificate, or a share has no place to go to.
    """
    folder = folder_of(home, store)
    _require_places(custodians, folders)
    before = home.passphrase(store)
    former = _former(home, folder)
    recipients = [SM3.of(one.certificate).hex() if one.certificate else None for one in custodians]
    custody, after, shares = entrust(
        [one.name for one in custodians], needed, home.clock.now(), sealed_to=recipients, former=former
    )
    sealed = [
        seal(share.text.encode(), one.certificate) if one.certificate else b""
        for share, one in _pairs(shares, custodians)
    ]
    prepare(folder, before, custody, after)
    opens = _opens(home, store)
    for (share, one), octets in zip(_pairs(shares, custodians), sealed, strict=True):
        if one.certificate is not None and folders.sealed:
            files.write(folders.sealed / f"share-{share.number}.pem", octets)
        elif folders.sheets:
            sheet = share_sheet(share, custody, home.configuration.centre.organization, opens)
            files.write(folders.sheets / f"share-{share.number}.pdf", sheet, mode=0o600)
    details = {"set": custody.set_id, "needed": needed, "custodians": [one.name for one in custodians]}
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event("core.custody.renew", actor, f"keys/{store}", details))
    return custody


def confirm(home: Home, store: Authority, *, actor: str) -> Custody:
    """Put the prepared set in force, with enough of its shares. `YinxinError` if none is prepared or they are wrong."""
    folder = folder_of(home, store)
    prepared = prepared_for(folder)
    if prepared is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no new shares were prepared"),
            subject=f"keys/{store}",
            remedy=_("begin with: yinxin ca custody renew"),
        )
    custody = read_custody(prepared)
    if key_names(prepared) != key_names(folder):
        raise YinxinError(
            Kind.CONFLICT,
            _("other keys are in the key store now than when the shares were prepared"),
            subject=f"keys/{store}",
            remedy=_("begin anew with: yinxin ca custody renew"),
        )
    shares = collect(custody, _("the new set {set}").format(set=custody.set_id), f"YINXIN_{store.upper()}_SHARES")
    passphrase = custody.combine(shares)
    for name in key_names(prepared):
        open_kept_key(prepared / f"{name}.pem", passphrase)
    details = {"set": custody.set_id, "shares": [share.number for share in shares]}
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event("core.custody.confirm", actor, f"keys/{store}", details))
    # Afterwards: folders that changed places cannot be rolled back with an entry that failed.
    put_in_place(folder, custody)
    home.passphrase_file(store).unlink(missing_ok=True)
    return custody


def _pairs(shares: Sequence[Share], custodians: Sequence[Custodian]) -> list[tuple[Share, Custodian]]:
    return list(zip(shares, custodians, strict=True))


def _former(home: Home, folder: Path) -> tuple[FormerSet, ...]:
    if not is_entrusted(folder):
        return ()
    present = read_custody(folder)
    return (*present.former, FormerSet(set_id=present.set_id, until=home.clock.now()))


def _require_places(custodians: Sequence[Custodian], folders: Folders) -> None:
    on_paper = any(one.certificate is None for one in custodians)
    encrypted = any(one.certificate is not None for one in custodians)
    for option, is_needed, place in (("--sheets", on_paper, folders.sheets), ("--out", encrypted, folders.sealed)):
        if is_needed and place is None:
            raise YinxinError(
                Kind.INVALID,
                _("there is no folder for the shares"),
                remedy=_("name it with {option}").format(option=option),
            )
        if place is not None and place.exists():
            raise YinxinError(
                Kind.CONFLICT,
                _("there is something here already"),
                subject=str(place),
                remedy=_("choose another folder; nothing was changed"),
            )
    if on_paper and folders.sheets:
        require_memory(folders.sheets)


def _opens(home: Home, store: Authority) -> list[Opens]:
    """What stands on the sheets: the authorities whose keys these are."""
    if store != "ca":
        return []
    names = key_names(folder_of(home, store))
    own = [one for one in list_authorities(home.storage) if one.name in names and one.certificate]
    return [Opens(one.name, one.certificate or b"") for one in own]

"""A key store goes from one passphrase to another: whole, or not at all, wherever the machine stops.

The keys are written anew in a folder beside the old one. When the new shares are in their custodians' hands, the two
change places; what is interrupted between the two renamings is finished by whoever looks for the keys next (`settle`).
"""

import shutil
from pathlib import Path

from core import files
from core.errors import YinxinError
from core.home import CUSTODY
from core.keys.custody import Custody
from core.keys.encryption import decrypt_private_key, encrypt_private_key

_NEW, _OLD = "new-", "old-"


def prepare(folder: Path, before: bytes, custody: Custody, after: bytes) -> Path:
    """The folder with the same keys under the new passphrase, and `custody.json`; the old one is as it was.

    `YinxinError` if the passphrase before does not open a key.
    """
    settle(folder)
    if leftover := prepared_for(folder):
        shutil.rmtree(leftover)  # of an attempt that was given up: its shares never opened anything
    prepared = _beside(folder, _NEW, custody)
    prepared.mkdir(mode=0o700)
    try:
        for file in sorted(folder.iterdir()):
            if file.suffix == ".pem":
                try:
                    key = decrypt_private_key(file.read_bytes(), before)
                except YinxinError as error:
                    error.subject = error.subject or str(file)
                    raise
                files.write(prepared / file.name, encrypt_private_key(key, after), mode=0o600)
            elif file.is_file() and file.name != CUSTODY:
                files.write(prepared / file.name, file.read_bytes(), mode=0o600)
        custody.write(prepared)
    except BaseException:
        shutil.rmtree(prepared)
        raise
    return prepared


def prepared_for(folder: Path) -> Path | None:
    """The folder that waits to take this one's place."""
    return next(folder.parent.glob(f".{folder.name}.{_NEW}*"), None)


def put_in_place(folder: Path, custody: Custody) -> None:
    """From now on the new passphrase opens the keys, and the old one opens nothing."""
    folder.rename(_beside(folder, _OLD, custody))
    settle(folder)


def settle(folder: Path) -> None:
    """Finish what was interrupted when folders changed places, and remove the keys under the old passphrase."""
    old = list(folder.parent.glob(f".{folder.name}.{_OLD}*"))
    for one in old:
        successor = one.with_name(one.name.replace(f".{_OLD}", f".{_NEW}", 1))
        if successor.exists() and not folder.exists():
            successor.rename(folder)
            files.flush_folder(folder.parent)
        if folder.exists():
            shutil.rmtree(one)


def _beside(folder: Path, what: str, custody: Custody) -> Path:
    return folder.with_name(f".{folder.name}.{what}{custody.set_id}")

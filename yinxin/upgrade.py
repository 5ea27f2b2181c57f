"""What an installation of an earlier version lacks beside the newest schema: keys and profiles that came since."""

import os

from ca.activation import activate
from ca.profiles import load_profile, load_profiles
from core import files
from core.home import IDENTITIES, Home
from core.keys import passphrase
from ra import reindexing
from yinxin import installation
from yinxin.installation import default_configuration


def make_lookup_key(home: Home) -> bool:
    """Make the key for finding identity numbers, if there is none; whether it did."""
    if IDENTITIES in home.key_store("ra"):
        return False
    # Before there is a key: what is interrupted here is begun again.
    reindexing.forget(home.context)
    if not home.passphrase_file("ra").exists() and "YINXIN_RA_PASSPHRASE" not in os.environ:
        passphrase.create_file(home.passphrase_file("ra"))
    home.key_store("ra").create_decrypter(IDENTITIES)
    return True


def begin_audit_log(home: Home) -> None:
    """Make the audit key and begin to order entries, as far as that is not done."""
    if not home.passphrase_file("audit").exists() and "YINXIN_AUDIT_PASSPHRASE" not in os.environ:
        passphrase.create_file(home.passphrase_file("audit"))
    installation.begin_audit_log(home)


def adopt_profiles(home: Home, *, actor: str) -> list[str]:
    """Put those of this version to use that the home has no file of; their names. What is there stays as it is."""
    shipped = sorted((default_configuration() / "profiles").glob("*.toml"))
    missing = [file for file in shipped if not (home.profiles / file.name).exists()]
    activate(home.context, map(load_profile, missing), actor=actor)
    # Afterwards: what is interrupted is done again.
    for file in missing:
        files.write(home.profiles / file.name, file.read_bytes())
    return [file.stem for file in missing]


def differing_profiles(home: Home) -> list[str]:
    """The names of those that are not as this version has them: older, or the administrator's own."""
    shipped = {profile.name: profile.digest for profile in load_profiles(default_configuration() / "profiles")}
    return [one.name for one in load_profiles(home.profiles) if one.digest != shipped.get(one.name, one.digest)]

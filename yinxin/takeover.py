"""An imported authority is put to use: its root trusted, its chain handed out, its first list of ours, its responder.

Each step sees whether it is done; whatever is interrupted is finished by the same import once more.
"""

from ca import crl
from ca.authorities import Authority, chain_of
from ca.cli_subordinate import trusted_in
from ca.issuance import CertificateAuthority
from core import files
from core.certificates import armour
from core.home import Home
from yinxin.delegation import delegate


def put_to_use(home: Home, ca: CertificateAuthority, authority: Authority, *, actor: str) -> bool:
    """Do what is left; whether the responder got a certificate, for which it must be started again."""
    chain = chain_of(home.storage, authority.name)
    root = chain[-1]
    if root not in trusted_in(home):
        files.write(
            home.trust / f"{authority.name if len(chain) == 1 else f'{authority.name}-root'}.pem", armour([root])
        )
    files.write(home.certificates("ca") / f"{authority.name}.pem", armour(chain))
    if not list(crl.lists_in_force(home.context, authority)):
        terms = crl.terms_of(home.configuration.ca, authority)
        crl.publish(home.context, ca.keys, authority.name, terms, actor=actor)
    return delegate(home, ca, authority, actor=actor) if (home.path / "keys" / "ocsp").exists() else False

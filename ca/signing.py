"""The one place where a CA key is used. It signs what the linter's token permits, and checks its own signature."""

from ca.authorities import Authority
from ca.certificate import assemble
from ca.lint import LintedTbs, redeem
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.keys.verification import InvalidSignature, verify


class AuthorityKey:
    """The key of one authority, which signs nothing but linted bytes."""

    def __init__(self, authority: Authority, keys: KeyStore) -> None:
        self._authority = authority
        self._signer = keys.signer(authority.name)
        if self._signer.public_key_info != authority.public_key_info:
            raise YinxinError(
                Kind.CONFLICT,
                _("the key in the key store is not that of the authority's certificate"),
                subject=authority.name,
                remedy=_("restore the authority's own key file"),
            )

    def sign(self, token: LintedTbs) -> bytes:
        """Certificate or CertificateList DER. `YinxinError` if the token permits nothing or the signature is wrong."""
        tbs = redeem(token, self._authority.public_key_info)
        signature = self._signer.sign(tbs)
        try:
            # A fault in memory or in a device must not leave the house.
            verify(self._authority.public_key_info, self._authority.algorithm, signature, tbs)
        except InvalidSignature:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the signature that was made does not verify"),
                subject=self._authority.name,
                remedy=_("check the machine and the key store; nothing was released"),
            ) from None
        return assemble(tbs, self._authority.algorithm, signature)

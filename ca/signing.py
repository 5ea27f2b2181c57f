"""The one place where a CA key is used. It signs what the linter's token permits, and checks its own signature."""

import hashlib
from collections.abc import Iterable

from ca.authorities import Authority, require_key_here
from ca.certificate import assemble
from ca.lint import LintedTbs, redeem
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import DigestSigner
from core.keys.store import KeyStore
from core.keys.verification import InvalidSignature, message_digest, verify, verify_digest


class AuthorityKey:
    """The key of one authority, which signs nothing but linted bytes."""

    def __init__(self, authority: Authority, keys: KeyStore) -> None:
        require_key_here(authority)
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
        """Certificate DER. `YinxinError` if the token permits nothing or the signature is wrong."""
        tbs = redeem(token, self._authority.public_key_info)
        signature = self._signer.sign(tbs)
        try:
            # A fault in memory or in a device must not leave the house.
            verify(self._authority.public_key_info, self._authority.algorithm, signature, tbs)
        except InvalidSignature:
            raise self._faulty() from None
        return assemble(tbs, self._authority.algorithm, signature)

    def sign_list(self, token: LintedTbs, chunks: Iterable[bytes]) -> bytes:
        """The signature over a TBSCertList that comes piece by piece; `YinxinError` as for `sign`."""
        passed = redeem(token, self._authority.public_key_info, of_list=True)
        fingerprint = hashlib.sha256()
        digest = message_digest(self._authority.public_key_info, self._authority.algorithm)
        # Some tokens hash by themselves: they are given the list whole, which is then in memory.
        whole = None if isinstance(self._signer, DigestSigner) else bytearray()
        for chunk in chunks:
            fingerprint.update(chunk)
            digest.update(chunk)
            if whole is not None:
                whole += chunk
        if fingerprint.digest() != passed:
            raise YinxinError(Kind.FORBIDDEN, _("the linter passed other bytes, or for another issuer or purpose"))
        value = digest.digest()
        if isinstance(self._signer, DigestSigner):
            signature = self._signer.sign_digest(value)
        else:
            signature = self._signer.sign(bytes(whole or b""))
        try:
            verify_digest(self._authority.public_key_info, self._authority.algorithm, signature, value)
        except InvalidSignature:
            raise self._faulty() from None
        return signature

    def _faulty(self) -> YinxinError:
        return YinxinError(
            Kind.UNAVAILABLE,
            _("the signature that was made does not verify"),
            subject=self._authority.name,
            remedy=_("check the machine and the key store; nothing was released"),
        )

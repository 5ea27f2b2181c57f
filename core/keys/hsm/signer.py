"""A private key in a token, in use: a `Signer`, as a key in a file is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from core.algorithms import Algorithm
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.mechanisms import Recipe
from core.keys.hsm.pool import Access, Place, pool_of
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.verification import InvalidSignature, message_digest, verify, verify_digest


@dataclass(frozen=True, repr=False)
class TokenKey:
    """A `Signer` whose token hashes by itself. Threads and forked processes may share it."""

    uri: Pkcs11Uri
    access: Access
    algorithm: Algorithm
    public_key_info: bytes
    recipe: Recipe
    in_token: ClassVar[bool] = True
    """See `core.keys.signer.is_quick`."""

    def sign(self, data: bytes) -> bytes:
        """The signature over the data; `YinxinError` as of `Pool.use`, and if the token holds another key."""
        return self._sign(data, lambda signature: verify(self.public_key_info, self.algorithm, signature, data))

    def _sign(self, given: bytes, check: Callable[[bytes], None]) -> bytes:
        prepared = self.recipe.prepare(given)

        def work(place: Place) -> bytes:
            key, known = place.key(self.uri, self.public_key_info)
            value = key.sign(
                prepared, mechanism=self.recipe.mechanism, mechanism_param=self.recipe.parameter, buffer_size=512
            )
            signature = self.recipe.encode(value)
            if not known:
                self._require(check, signature, place)
            return signature

        return pool_of(self.access).use(work)

    def _require(self, check: Callable[[bytes], None], signature: bytes, place: Place) -> None:
        """A key that was just found by its name proves that it is the one whose public key we know."""
        try:
            check(signature)
        except InvalidSignature:
            del place.keys[self.uri, self.public_key_info]
            raise YinxinError(
                Kind.CONFLICT,
                _("the token holds another key of this name, or signs otherwise than it is configured"),
                subject=str(self.uri),
                remedy=_("nothing was released; look into the token: yinxin keys token"),
            ) from None


class TokenDigestKey(TokenKey):
    """A `DigestSigner` whose token takes digests."""

    def sign(self, data: bytes) -> bytes:
        """The signature over the data, hashed here. Errors as of `TokenKey.sign`."""
        digest = message_digest(self.public_key_info, self.algorithm)
        digest.update(data)
        return self.sign_digest(digest.digest())

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over the data of this digest."""
        return self._sign(
            digest, lambda signature: verify_digest(self.public_key_info, self.algorithm, signature, digest)
        )


def token_key(
    uri: Pkcs11Uri, access: Access, algorithm: Algorithm, public_key_info: bytes, recipe: Recipe
) -> TokenKey | TokenDigestKey:
    """The key, ready to sign; the token is first asked when it does."""
    kind = TokenDigestKey if recipe.takes_digest else TokenKey
    return kind(uri, access, algorithm, public_key_info, recipe)

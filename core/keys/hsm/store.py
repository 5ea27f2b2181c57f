"""The keys of a key store that are in tokens: described by `NAME.toml` in its folder, beside the key files."""

from collections.abc import Callable
from pathlib import Path

from core.algorithms import Algorithm, KeyKind
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm import token
from core.keys.hsm.description import Description
from core.keys.hsm.mechanisms import recipe
from core.keys.hsm.pool import Access
from core.keys.hsm.settings import Tokens
from core.keys.hsm.signer import TokenKey, token_key
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.private_key import algorithms_of, kind_of
from core.keys.proof import prove


class TokenKeys:
    """Makes, adopts, opens and removes them."""

    def __init__(self, folder: Path, tokens: Callable[[], Tokens]) -> None:
        self._folder = folder
        self._tokens = tokens

    def create(self, path: Path, kind: KeyKind, place: Pkcs11Uri, algorithm: Algorithm | None = None) -> TokenKey:
        """A new key in the token, signing by this algorithm, or its kind's default; what describes it, at the path."""
        algorithm = algorithm or kind.default_algorithm
        recipe(algorithm, self._tokens().sm2)  # before a key is made
        access = self._access(place)
        uri, public_key_info = token.make(access, f"{self._folder.name}-{path.stem}", kind, self._tokens().sm2)
        try:
            _require_algorithm(algorithm, public_key_info)
            Description(uri, algorithm, public_key_info).write(path)
        except BaseException:
            token.remove(access, uri)
            raise
        return self.open(path)

    def adopt(
        self, path: Path, uri: Pkcs11Uri, algorithm: Algorithm | None = None, public_key_info: bytes | None = None
    ) -> TokenKey:
        """Describe a key that is in a token already. `public_key_info`: where the token has no public half.

        `YinxinError` if the URI fits no key or several, or if the key proves not to belong to the public half.
        """
        found = self.list(uri)
        if len(found) != 1:
            raise YinxinError(
                Kind.INVALID if found else Kind.NOT_FOUND,
                _("{count} private keys in the token fit the PKCS#11 URI, and it must be one").format(count=len(found)),
                subject=str(uri),
                remedy=_("see: yinxin keys token"),
            )
        public_key_info = public_key_info or found[0].public_key_info
        if public_key_info is None:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("the token has no public key beside this private key"),
                subject=str(uri),
                remedy=_("name its certificate: --certificate FILE"),
            )
        algorithm = algorithm or kind_of(public_key_info).default_algorithm
        _require_algorithm(algorithm, public_key_info)
        description = Description(found[0].uri, algorithm, public_key_info)
        prove(self._key(description), str(uri))
        description.write(path)
        return self._key(description)

    def open(self, path: Path) -> TokenKey:
        """The key that is described at the path; its token is first asked when it signs."""
        return self._key(Description.read(path))

    def remove(self, path: Path) -> None:
        """Destroy the key in its token, and its description."""
        if path.exists():
            uri = Description.read(path).uri
            token.remove(self._access(uri), uri)
            path.unlink(missing_ok=True)

    def list(self, uri: Pkcs11Uri) -> "list[token.TokenObject]":
        """The private keys in a token that the URI fits."""
        return token.keys_in(self._access(uri), self._tokens().sm2)

    def kept(self, path: Path) -> bool:
        """Whether the token would not let the key that is described at the path out."""
        return all(one.kept for one in self.list(Description.read(path).uri))

    def _access(self, uri: Pkcs11Uri) -> Access:
        return Access(uri, lambda: self._tokens().pin(uri))

    def _key(self, description: Description) -> TokenKey:
        way = recipe(description.algorithm, self._tokens().sm2)
        uri = description.uri
        return token_key(uri, self._access(uri), description.algorithm, description.public_key_info, way)


def _require_algorithm(algorithm: Algorithm, public_key_info: bytes) -> None:
    if algorithm not in algorithms_of(public_key_info):
        raise YinxinError(
            Kind.INVALID,
            _("the key does not sign by {algorithm}").format(algorithm=algorithm.name),
            remedy=_("one of: {names}").format(names=", ".join(one.name for one in algorithms_of(public_key_info))),
        )

"""`keys/AUTHORITY/NAME.toml`: that the key NAME is in a token, which it is, by what it signs, and its public half."""

import stat
import tomllib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core import files
from core.algorithms import ALGORITHMS, Algorithm
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.private_key import algorithms_of

_FIELDS = {"uri", "algorithm", "public_key"}


@dataclass(frozen=True)
class Description:
    """A key in a token, as the key store knows it."""

    uri: Pkcs11Uri
    algorithm: Algorithm
    public_key_info: bytes
    """SPKI, DER: what signatures are checked by, and known without asking the token."""

    def write(self, path: Path) -> None:
        """Into a new file; `YinxinError` (conflict) if it exists."""
        lines = [
            "# This private key is in a token (PKCS#11); see docs/operations.md.",
            f'uri = "{self.uri}"',
            f'algorithm = "{self.algorithm.name}"',
            f'public_key = "{b64encode(self.public_key_info).decode()}"',
        ]
        files.write(path, "\n".join(lines).encode() + b"\n", mode=0o640, replace=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file. `YinxinError` names it, and what is wrong in it."""
        data = files.read(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o022:
            # It names a library, which will run in this process.
            raise YinxinError(
                Kind.FORBIDDEN,
                _("others can change which PKCS#11 module this key has"),
                subject=str(path),
                remedy=_("chmod go-w {path}").format(path=path),
            )
        try:
            given = tomllib.loads(data.decode())
            if set(given) != _FIELDS or not all(isinstance(value, str) for value in given.values()):
                raise ValueError(_("it has the settings uri, algorithm and public_key"))
            uri, algorithm = Pkcs11Uri.parse(given["uri"]), ALGORITHMS.get(given["algorithm"])
            public_key_info = b64decode(given["public_key"], validate=True)
            if algorithm is None or algorithm not in algorithms_of(public_key_info):
                raise ValueError(_("the key does not sign by {algorithm}").format(algorithm=given["algorithm"]))
            uri.module  # noqa: B018 - a key without a module is no key
        except (YinxinError, ValueError) as error:
            what = error.what if isinstance(error, YinxinError) else str(error)
            raise YinxinError(
                Kind.INVALID,
                _("the description of a key in a token cannot be read: {reason}").format(reason=what),
                subject=str(path),
                remedy=_("correct it, or describe the key anew: yinxin keys adopt"),
            ) from error
        return cls(uri, algorithm, public_key_info)

"""Making a code with a registered seal: within its bounds, recorded as a use, and only then handed out."""

from collections.abc import Collection
from hashlib import sha256

import rfc8785

from core.context import Context
from core.keys.store import KeyStore
from seals.codes.statement import Fields, normal, sign_code
from seals.contracts import People
from seals.register.bounds import Use
from seals.register.uses import Sealed, record, usable
from seals.use import in_use

LEVEL = "code"
"""In the book of uses, in the place of a level."""


def new_code(
    context: Context,
    keys: KeyStore,
    people: People,
    name: str,
    number: str,
    fields: Fields,
    *,
    show: Collection[str] = (),
    use: Use,
) -> str:
    """The text of the code; `YinxinError` if the seal may not be used so, or the code would not fit paper."""
    document = sha256(rfc8785.dumps({"number": number, "fields": normal(fields)})).hexdigest()
    registered = usable(context, people, name, use, document)
    seal = in_use(registered, keys)
    text = sign_code(number, fields, name, seal.signer, seal.certificate, context.clock.now(), show)
    sealed = Sealed(document, sha256(text.encode()).hexdigest(), LEVEL, 1, number[:512])
    record(context, people, name, use, sealed, digest=registered.digest)
    return text

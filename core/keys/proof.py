"""That a private key signs, and belongs to its public half: shown by a signature over what nobody has signed yet."""

import secrets

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify


def prove(key: Signer, subject: str) -> None:
    """Return if the key signs well; `YinxinError` (conflict) if its signature is not good."""
    data = b"yinxin keys test " + secrets.token_bytes(16)
    try:
        verify(key.public_key_info, key.algorithm, key.sign(data), data)
    except InvalidSignature:
        raise YinxinError(
            Kind.CONFLICT,
            _("the signature that was made does not verify"),
            subject=subject,
            remedy=_("the key and its public half do not belong together, or it signs otherwise than is configured"),
        ) from None

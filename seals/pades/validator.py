"""The one signature check of the house in the shape that pyHanko asks for."""

from functools import partial

from asn1crypto import algos, keys
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import AlgorithmNotSupported
from pyhanko_certvalidator.revinfo import validate_ocsp
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    SignatureValidationContext,
    SignatureValidator,
)

from core.algorithms import DIGESTS, Algorithm, algorithm_by_identifier
from core.cms import algorithm_of
from core.errors import YinxinError
from core.keys.verification import InvalidSignature, verify


class RegistryValidator(SignatureValidator):
    """Checks what the registry of algorithms knows, through `core.keys.verification`; refuses the rest."""

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Return if the signature is good, else raise `InvalidSignature`."""
        if context.prehashed:
            # CMS without signed attributes: SM2 hashes Z before the message, so that a digest does not suffice.
            raise AlgorithmNotSupported("a signature over a bare digest")
        algorithm = known_algorithm(signature_algorithm, context.contextual_md_algorithm)
        if algorithm is None:
            raise AlgorithmNotSupported(signature_algorithm["algorithm"].dotted)
        verify(public_key_info.dump(), algorithm, signature, signed_data)


def known_algorithm(identifier: algos.SignedDigestAlgorithm, digest_name: str | None) -> Algorithm | None:
    """The algorithm of a signature, if the registry has it; in CMS the digest is named beside it."""
    try:
        if digest_name is not None and digest_name in DIGESTS:
            return algorithm_of(identifier.dump(), DIGESTS[digest_name])
        return algorithm_by_identifier(identifier.dump())
    except (YinxinError, InvalidSignature):
        return None


# A responder whose certificate says that nobody need ask about it (id-pkix-ocsp-nocheck) is judged in a context of its
# own, which would know the algorithms of pyHanko only.
validate_ocsp.ValidationContext = partial(ValidationContext, signature_validator=RegistryValidator())  # type: ignore[assignment, attr-defined]

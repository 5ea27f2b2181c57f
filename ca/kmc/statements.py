"""Officers' statements (`core.statements`) about recoveries and destructions, kept, and who the officers are.

The officers' certificates are files of the centre, `certificates/kmc/officers/NAME.pem`, so that whoever can write to
the database still cannot become one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from asn1crypto import x509

from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.key_file import open_key_file
from core.keys.signer import Signer
from core.statements import Name, SignedWords, sign_statement, verify_statement


class Act(StrEnum):
    """What an officer can state."""

    REQUEST = "request"
    APPROVE = "approve"
    REJECT = "reject"
    DELIVER = "deliver"
    DESTROY = "destroy"


class Statement(SignedWords):
    """What is signed.

    The subject is the number of a recovery, the digest that of its canonical request: of exactly which key goes to
    whom, and why. Of a destruction it is the key's number, and the digest that of what the centre vouched for.
    """

    act: Act
    officer: Name


@dataclass(frozen=True, repr=False)
class OfficerSession:
    """An officer at work: name, certificate, and the key that signs every act."""

    name: str
    certificate: bytes
    signer: Signer

    def sign(self, statement: Statement) -> bytes:
        """SignedData."""
        return sign_statement(statement, self.signer, self.certificate).message


@dataclass(frozen=True)
class Officers:
    """Who may decide about recoveries: certificates (DER) by name."""

    certificates: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> "Officers":
        """The officers of a folder of PEM files; none if there is no such folder."""
        files = sorted(folder.glob("*.pem")) if folder.is_dir() else []
        return cls({file.stem: read_certificates(file)[0] for file in files})

    def certificate_of(self, name: str) -> bytes:
        """An officer's certificate; `YinxinError` (forbidden) if there is no such officer."""
        try:
            return self.certificates[name]
        except KeyError:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("no such officer of the key-management centre"),
                subject=name,
                remedy=_("the officers' certificates are certificates/kmc/officers/NAME.pem"),
            ) from None

    def key_of(self, name: str) -> bytes:
        """The public key (SPKI DER): two names with one key are one person."""
        key: bytes = x509.Certificate.load(self.certificate_of(name)).public_key.dump()
        return key

    def open_session(self, name: str, key_file: Path, pin: bytes) -> OfficerSession:
        """Open the officer's key file with the PIN; `YinxinError` if it is another's key."""
        signer = open_key_file(key_file, pin)
        if signer.public_key_info != self.key_of(name):
            raise YinxinError(
                Kind.FORBIDDEN,
                _("this is not the key of officer {officer}").format(officer=name),
                subject=str(key_file),
            )
        return OfficerSession(name, self.certificate_of(name), signer)

    def verify(self, message: bytes) -> Statement:
        """The statement in a signed message, by the officer whom it names and within the certificate's validity.

        `YinxinError` (invalid or forbidden) else.
        """
        signed = verify_statement(message, Statement)
        statement = signed.statement
        if signed.certificate != self.certificate_of(statement.officer):
            raise YinxinError(
                Kind.FORBIDDEN,
                _("the statement is not signed with the certificate of officer {officer}").format(
                    officer=statement.officer
                ),
                subject=statement.subject,
            )
        require_valid(signed.certificate, statement.at, subject=statement.officer)
        return statement


def require_valid(certificate: bytes, at: datetime, *, subject: str) -> None:
    """Return if the certificate's validity covers the moment; else `YinxinError`."""
    validity = x509.Certificate.load(certificate)["tbs_certificate"]["validity"]
    if not validity["not_before"].native <= at <= validity["not_after"].native:
        raise YinxinError(Kind.FORBIDDEN, _("the certificate does not hold at that moment"), subject=subject)

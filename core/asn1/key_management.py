"""The messages between a certificate authority and a key-management centre (GM/T 0014), IMPLICIT TAGS.

The types of userName, dsCode and extendInfo are not known from the standard's text: octets are read and written.
"""

from asn1crypto import core, keys, x509

from core.asn1.enveloped_key import AlgorithmIdentifier, SignedAndEnvelopedData

VERSION = 1
APPLY, RESTORE, REVOKE, ERROR = 0, 1, 2, 3
"""Tags of the alternatives of Request and Respond."""


class EntityName(core.Sequence):
    """EntName: a certificate by the name, the key's digest and the serial number in it."""

    _fields = [
        ("hash_algorithm", AlgorithmIdentifier),
        ("name", x509.GeneralName),
        ("public_key_hash", core.OctetString),
        ("serial_number", core.Integer),
    ]


class AppUserInfo(core.Sequence):
    """Whom a key is for."""

    _fields = [
        ("user_cert_no", core.Integer),
        ("user_public_key", keys.PublicKeyInfo),
        ("not_before", core.GeneralizedTime),
        ("not_after", core.GeneralizedTime),
        ("user_name", core.OctetString, {"implicit": 0, "optional": True}),
        ("ds_code", core.OctetString, {"implicit": 1, "optional": True}),
        ("extend_info", core.OctetString, {"implicit": 2, "optional": True}),
    ]


class ApplyKeyReq(core.Sequence):
    """Asks for a new key pair."""

    _fields = [
        ("app_key_type", AlgorithmIdentifier),
        ("app_key_length", core.Integer),
        ("asymmetric_algorithm", AlgorithmIdentifier),
        ("symmetric_algorithm", AlgorithmIdentifier),
        ("hash_algorithm", AlgorithmIdentifier),
        ("user", AppUserInfo),
    ]


class RestoreKeyReq(core.Sequence):
    """Asks for a key back."""

    _fields = [
        ("asymmetric_algorithm", AlgorithmIdentifier),
        ("symmetric_algorithm", AlgorithmIdentifier),
        ("hash_algorithm", AlgorithmIdentifier),
        ("user_cert_no", core.Integer),
        ("user_public_key", keys.PublicKeyInfo),
    ]


class RevokeKey(core.Sequence):
    """RevokeKeyReq and RevokeKeyRespond."""

    _fields = [("user_cert_no", core.Integer)]


class Request(core.Choice):
    """Request."""

    _alternatives = [
        ("apply", ApplyKeyReq, {"implicit": APPLY}),
        ("restore", RestoreKeyReq, {"implicit": RESTORE}),
        ("revoke", RevokeKey, {"implicit": REVOKE}),
    ]


class Requests(core.SequenceOf):
    """requestList."""

    _child_spec = Request


class KsRequest(core.Sequence):
    """KSRequest."""

    _fields = [
        ("version", core.Integer),
        ("ca_name", EntityName),
        ("requests", Requests),
        ("request_time", core.GeneralizedTime),
        ("task_number", core.Integer),
    ]


class RetKeyRespond(core.Sequence):
    """A key pair, the private half enveloped."""

    _fields = [
        ("user_cert_no", core.Integer),
        ("public_key", keys.PublicKeyInfo),
        ("private_key", SignedAndEnvelopedData),
    ]


class ErrorPkgRespond(core.Sequence):
    """Why not."""

    _fields = [("number", core.Integer), ("description", core.UTF8String, {"implicit": 0, "optional": True})]


class Respond(core.Choice):
    """Respond."""

    _alternatives = [
        ("apply", RetKeyRespond, {"implicit": APPLY}),
        ("restore", RetKeyRespond, {"implicit": RESTORE}),
        ("revoke", RevokeKey, {"implicit": REVOKE}),
        ("error", ErrorPkgRespond, {"implicit": ERROR}),
    ]


class Responds(core.SequenceOf):
    """respondList."""

    _child_spec = Respond


class KsRespond(core.Sequence):
    """KSRespond."""

    _fields = [
        ("version", core.Integer),
        ("km_name", EntityName),
        ("responds", Responds),
        ("respond_time", core.GeneralizedTime),
        ("task_number", core.Integer),
    ]


class SignedMessage(core.Sequence):
    """CARequest and KMRespond: what is signed, the algorithm, the signature."""

    _fields = [
        ("content", core.Any),
        ("algorithm", AlgorithmIdentifier),
        ("signature", core.OctetString),
    ]

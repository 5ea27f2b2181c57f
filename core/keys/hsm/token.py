"""What lies in a token: private keys are made, found, listed and removed. Their octets are never asked for."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pkcs11 import Attribute, ObjectClass, PrivateKey, PublicKey, Session
from pkcs11 import exceptions as refused
from pkcs11.exceptions import PKCS11Error

from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.mechanisms import attribute_mapper, making, public_key_info
from core.keys.hsm.pool import Access, Place, pool_of
from core.keys.hsm.settings import Sm2Mechanisms
from core.keys.hsm.uri import Pkcs11Uri

_KEPT = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


@dataclass(frozen=True)
class TokenObject:
    """A private key in a token."""

    uri: Pkcs11Uri
    public_key_info: bytes | None
    """SPKI, DER; None where the token has no public key beside it, or one that is not used here."""
    kept: bool
    """Sensitive and not extractable: it cannot be taken out."""
    born: bool | None
    """Made in the token and never to be had outside it; None where the token does not say."""


def make(access: Access, label: str, kind: KeyKind, sm2: Sm2Mechanisms | None) -> tuple[Pkcs11Uri, bytes]:
    """A key pair of this kind, made in the token: its URI, and SubjectPublicKeyInfo (DER).

    `YinxinError` as of `Pool.use`; unsupported, and nothing is left, if the token would let the key out.
    """
    key_type, bits, arguments = making(kind, sm2)
    identifier = secrets.token_bytes(16)

    def work(place: Place) -> tuple[Pkcs11Uri, bytes]:
        session = place.session.token.open(rw=True, attribute_mapper=attribute_mapper())
        try:
            pair = _generate(session, key_type, bits, {**arguments, "id": identifier, "label": label, "store": True})
            try:
                _require_kept(pair[1])
                return replace(access.uri.of_token, object=label, id=identifier, type="private"), public_key_info(
                    pair[0], sm2
                )
            except BaseException:
                for one in pair:
                    one.destroy()
                raise
        finally:
            session.close()

    return pool_of(access).use(work)


def _generate(session: Session, key_type: Any, bits: int | None, arguments: Any) -> tuple[PublicKey, PrivateKey]:
    if bits is None and "mechanism" not in arguments:
        public = arguments.pop("public_template")
        domain = session.create_domain_parameters(key_type, public, local=True)
        return domain.generate_keypair(**arguments)
    return session.generate_keypair(key_type, bits, **arguments)


def _require_kept(key: PrivateKey) -> None:
    if _flags(key, _KEPT) != _KEPT:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the token would let the private key out: it makes keys that are not sensitive, or are extractable"),
            remedy=_("change its policy; nothing was kept"),
        )


def keys_in(access: Access, sm2: Sm2Mechanisms | None) -> list[TokenObject]:
    """The private keys that the URI fits (all of the token, if it names none), in the token's order."""

    def work(place: Place) -> list[TokenObject]:
        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        wanted |= {Attribute.LABEL: access.uri.object} if access.uri.object is not None else {}
        wanted |= {Attribute.ID: access.uri.id} if access.uri.id is not None else {}
        return [_describe(key, access, place, sm2) for key in list(place.session.get_objects(wanted))]

    return pool_of(access).use(work)


def _describe(key: Any, access: Access, place: Place, sm2: Sm2Mechanisms | None) -> TokenObject:
    uri = replace(access.uri.of_token, object=key.label or None, id=key.id or None, type="private")
    said = _flags(key, (Attribute.LOCAL, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE))
    born = all(said.values()) if len(said) == 3 else None
    return TokenObject(uri, _public_half(uri, place.session, sm2), _flags(key, _KEPT) == _KEPT, born)


def _flags(key: Any, names: Any) -> Mapping[Attribute, bool]:
    found = {}
    for name in names:
        try:
            found[name] = key[name]
        except (refused.AttributeTypeInvalid, refused.AttributeSensitive, refused.FunctionFailed):
            continue
    return found


def _public_half(uri: Pkcs11Uri, session: Session, sm2: Sm2Mechanisms | None) -> bytes | None:
    for public in list(session.get_objects(_both(uri) | {Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
        try:
            return public_key_info(public, sm2)  # type: ignore[arg-type]
        except (ValueError, PKCS11Error):
            continue
    return None


def _both(uri: Pkcs11Uri) -> dict[Attribute, Any]:
    """What the two halves of a pair have in common: the identifier, or where there is none, the label."""
    return {Attribute.ID: uri.id} if uri.id else {Attribute.LABEL: uri.object}


def remove(access: Access, uri: Pkcs11Uri) -> None:
    """Destroy a private key and its public half; they may be gone already. `YinxinError` as of `Pool.use`."""

    def work(place: Place) -> None:
        session = place.session.token.open(rw=True, attribute_mapper=attribute_mapper())
        try:
            for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                for one in list(session.get_objects(_both(uri) | {Attribute.CLASS: kind})):
                    one.destroy()
        finally:
            session.close()

    pool_of(access).use(work)

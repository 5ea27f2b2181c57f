"""PKCS#11 URIs: the examples of RFC 7512, round trips, and whatever else may stand in a configuration."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Kind, YinxinError
from core.keys.hsm.uri import Pkcs11Uri

MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 7512 3, as far as it concerns private keys; what is not used here is refused below.
        ("pkcs11:", Pkcs11Uri()),
        (
            "pkcs11:object=my-pubkey;type=public",
            Pkcs11Uri(object="my-pubkey", type="public"),
        ),
        (
            "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
            Pkcs11Uri(object="my-key", type="private", pin_source="file:/etc/token"),
        ),
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
            "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=",
            None,
        ),
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
            "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91",
            Pkcs11Uri(
                token="The Software PKCS#11 Softtoken",
                manufacturer="Snake Oil, Inc.",
                model="1.0",
                object="my-certificate",
                type="cert",
                id=bytes.fromhex("69953e5cf4bdec91"),
            ),
        ),
        ("pkcs11:slot-id=327?module-path=/mnt/libp11.so", Pkcs11Uri(slot_id=327, module_path="/mnt/libp11.so")),
        ("pkcs11:token=My%20token%25%20created%20by%20Joe", Pkcs11Uri(token="My token% created by Joe")),
        ("pkcs11:token=%E5%8D%B0%E4%BF%A1", Pkcs11Uri(token="印信")),
        ("pkcs11:id=a%00b", Pkcs11Uri(id=b"a\x00b")),
        ("pkcs11:object=a&b=c", Pkcs11Uri(object="a&b=c")),  # RFC 7512 2.3: "&" stands for itself in a path
    ],
)
def test_examples(text: str, expected: Pkcs11Uri | None) -> None:
    if expected is None:
        with pytest.raises(YinxinError):
            Pkcs11Uri.parse(text)
        return
    assert Pkcs11Uri.parse(text) == expected
    assert Pkcs11Uri.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with pkcs11:"),
        ("PKCS11:token=a", "begins with pkcs11:"),
        ("file:/etc/key", "begins with pkcs11:"),
        ("pkcs11:token=a;token=b", "there twice"),
        ("pkcs11:;token=a", "not used"),
        ("pkcs11:token=a;", "not used"),
        ("pkcs11:token", "not used"),
        ("pkcs11:Token=a", "not used"),
        ("pkcs11:x-vendor=a", "not used"),
        ("pkcs11:library-version=3", "not used"),
        ("pkcs11:module-path=/a", "not used"),  # belongs into the query
        ("pkcs11:token=a?token=b", "not used"),
        ("pkcs11:?module-name=softhsm", "not used"),
        ("pkcs11:token=a b", "percent-encoded"),
        ("pkcs11:token=印信", "percent-encoded"),
        ("pkcs11:token=a/b", "percent-encoded"),
        ("pkcs11:token=%4", "percent-encoded"),
        ("pkcs11:token=%4g", "percent-encoded"),
        ("pkcs11:token=%FF", "not UTF-8"),
        ("pkcs11:token=", "empty"),
        ("pkcs11:token=%0A", "control"),
        ("pkcs11:type=privat", "one of"),
        ("pkcs11:slot-id=x", "number"),
        ("pkcs11:slot-id=-1", "number"),
        ("pkcs11:?module-path=softhsm.so", "absolute"),
        ("pkcs11:?pin-source=%7Ccat%20/etc/pin", "is a file"),  # RFC 7512 2.4: a command
        ("pkcs11:?pin-source=http://example/pin", "is a file"),
        ("pkcs11:?pin-source=file://host/pin", "is a file"),
        ("pkcs11:?pin-source=pin", "is a file"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        Pkcs11Uri.parse(text)
    assert caught.value.kind is Kind.INVALID
    assert "module-path=" in caught.value.remedy


@pytest.mark.parametrize("text", ["pkcs11:token=a?pin-value=1234", "pkcs11:pin-value=1234", "pkcs11:?pin-value=1234"])
def test_a_pin_in_a_uri_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(YinxinError, match="PIN does not belong") as caught:
        Pkcs11Uri.parse(text)
    assert "1234" not in str(caught.value)
    assert "pin-source" in caught.value.remedy


@pytest.mark.parametrize("source", ["file:/run/pin", "file:///run/pin", "/run/pin"])
def test_where_a_pin_lies(source: str) -> None:
    assert Pkcs11Uri.parse(f"pkcs11:?pin-source={source}").pin_file == Path("/run/pin")


def test_a_uri_without_a_module_says_so() -> None:
    with pytest.raises(YinxinError, match="names no module"):
        Pkcs11Uri.parse("pkcs11:token=a").module  # noqa: B018


text = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
uris = st.builds(
    Pkcs11Uri,
    token=st.none() | text,
    manufacturer=st.none() | text,
    serial=st.none() | text,
    model=st.none() | text,
    slot_id=st.none() | st.integers(0, 2**63 - 1),
    object=st.none() | text,
    id=st.none() | st.binary(max_size=20),
    type=st.sampled_from([None, "private", "public"]),
    module_path=st.none() | text.map(lambda name: f"/{name}"),
    pin_source=st.none() | text.map(lambda name: f"file:/x{name}"),
)


@given(uris)
def test_what_is_written_is_read(uri: Pkcs11Uri) -> None:
    written = str(uri)
    assert written.isascii()
    assert written.isprintable()
    assert Pkcs11Uri.parse(written) == uri
    assert str(Pkcs11Uri.parse(written)) == written


@given(st.text(max_size=60) | st.text(":;&?=%/pkcs1tokenid", max_size=60).map(lambda rest: f"pkcs11:{rest}"))
def test_whatever_is_given_is_a_uri_or_an_error_in_words(given: str) -> None:
    try:
        uri = Pkcs11Uri.parse(given)
    except YinxinError as error:
        assert error.kind is Kind.INVALID
    else:
        assert Pkcs11Uri.parse(str(uri)) == uri

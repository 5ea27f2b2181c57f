"""Who a certificate is for: the check characters of the Chinese numbers, and how they are certified."""

import pytest
from asn1crypto import core as asn1
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.asn1.names import attributes_of
from core.errors import YinxinError
from core.subject import IDENTITY_OIDS, Identity, Subject, check_credit_code, check_resident_id

# GB 11643-1999 prints the first two as its examples.
RESIDENT_IDS = ["11010519491231002X", "440524188001010014"]
# Of the form met in public registers.
CREDIT_CODES = ["91350100M000100Y43", "91110000802100433B"]
DIGITS, CREDIT_ALPHABET = "0123456789", "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.mark.parametrize("number", RESIDENT_IDS)
def test_true_resident_numbers(number: str) -> None:
    assert check_resident_id(number) == number


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_true_credit_codes(code: str) -> None:
    assert check_credit_code(code) == code


@pytest.mark.parametrize("number", RESIDENT_IDS)
@pytest.mark.parametrize("place", range(18))
def test_one_wrong_digit_in_a_resident_number_is_noticed(number: str, place: int) -> None:
    for digit in DIGITS + "X":
        if digit != number[place]:
            with pytest.raises(ValueError, match="resident identity number"):
                check_resident_id(number[:place] + digit + number[place + 1 :])


@pytest.mark.parametrize("code", CREDIT_CODES)
@pytest.mark.parametrize("place", range(18))
def test_one_wrong_character_in_a_credit_code_is_noticed(code: str, place: int) -> None:
    for character in CREDIT_ALPHABET + "IOSVZ":
        if character != code[place]:
            with pytest.raises(ValueError, match="unified social credit code"):
                check_credit_code(code[:place] + character + code[place + 1 :])


@pytest.mark.parametrize("number", RESIDENT_IDS)
@pytest.mark.parametrize("place", range(17))
def test_two_neighbours_exchanged_in_a_resident_number_are_noticed(number: str, place: int) -> None:
    if number[place] == number[place + 1]:
        return
    exchanged = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    with pytest.raises(ValueError, match="resident identity number"):
        check_resident_id(exchanged)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1",
        "110105491231002",
        "11010519491231002x",
        " 11010519491231002X",
        "11010519491231002X ",
        "1" * 19,
        "１１０１０５１９４９１２３１００２Ｘ",
        "1101051949123100²X",
        "-1010519491231002X",
    ],
)
def test_what_has_not_the_form_of_a_resident_number(number: str) -> None:
    with pytest.raises(ValueError, match="resident identity number"):
        check_resident_id(number)


@pytest.mark.parametrize("code", ["", "91350100m000100y43", "91350100M000100Y4", "91350100M000100Y43 ", "９" * 18])
def test_what_has_not_the_form_of_a_credit_code(code: str) -> None:
    with pytest.raises(ValueError, match="unified social credit code"):
        check_credit_code(code)


@given(st.text(DIGITS, min_size=17, max_size=17))
def test_each_resident_number_has_one_check_character(digits: str) -> None:
    assert sum(fits(check_resident_id, digits + last) for last in DIGITS + "X") == 1


@given(st.text(CREDIT_ALPHABET, min_size=17, max_size=17))
def test_each_credit_code_has_one_check_character(characters: str) -> None:
    assert sum(fits(check_credit_code, characters + last) for last in CREDIT_ALPHABET) == 1


def fits(check: object, text: str) -> bool:
    try:
        check(text)  # type: ignore[operator]
    except ValueError:
        return False
    return True


def test_numbers_become_extension_values() -> None:
    identity = Identity(resident_id=RESIDENT_IDS[0], credit_code=CREDIT_CODES[0], taxation_number="TAX-1")
    values = identity.extensions()
    assert set(values) == {"resident_id", "credit_code", "taxation_number"} < set(IDENTITY_OIDS)
    assert asn1.PrintableString.load(values["resident_id"], explicit=0).native == RESIDENT_IDS[0]
    assert asn1.PrintableString.load(values["credit_code"], strict=True).native == CREDIT_CODES[0]
    assert asn1.PrintableString.load(values["taxation_number"], strict=True).native == "TAX-1"
    passport = Identity(passport="E12345678").extensions()["passport"]
    assert asn1.PrintableString.load(passport, explicit=2).native == "E12345678"
    assert Identity().extensions() == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"resident_id": "110105194912310021"},
        {"credit_code": "91350100M000100Y44"},
        {"passport": "护照"},
        {"passport": ""},
        {"passport": "E1\n"},
        {"taxation_number": "x" * 65},
        {"insurance_number": "a\x00"},
        {"military_id": "1"},
    ],
)
def test_numbers_that_could_not_be_certified_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Identity.model_validate(fields)


def test_a_subject_becomes_a_name_in_the_customary_order() -> None:
    subject = Subject(common_name="张三", organizational_unit="信息科", locality="宝鸡市", organization="办公室")
    assert attributes_of(subject.name()) == subject.attributes()
    assert [label for label, _ in subject.attributes()] == ["C", "L", "O", "OU", "CN"]
    assert Subject.of_service("中心", "OCSP").attributes() == [("C", "CN"), ("O", "中心"), ("CN", "OCSP")]


@pytest.mark.parametrize("country", ["", "C", "CHN", "cn", "中国", "CN\n", "C1"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    with pytest.raises(ValidationError):
        Subject(common_name="x", country=country)


@pytest.mark.parametrize("field", ["province", "locality", "organization", "organizational_unit", "common_name"])
@pytest.mark.parametrize("value", ["", " ", "x" * 129, "a\u202eb", "a\nb"])
def test_a_value_that_is_no_name_is_refused(field: str, value: str) -> None:
    subject = Subject.model_validate({"common_name": "x", field: value})
    with pytest.raises(YinxinError):
        subject.name()


def test_unknown_fields_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError):
        Subject.model_validate({"common_name": "x", "title": "y"})
    with pytest.raises(ValidationError):
        Subject(common_name="x").common_name = "y"

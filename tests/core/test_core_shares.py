"""Shares on paper: read as they are, told when they are mistyped, and never taken for another."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import SM3
from core.errors import YinxinError
from core.keys.shares import GROUP, GROUPS, Share, parse_share

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@st.composite
def any_share(draw: st.DrawFn) -> Share:
    needed = draw(st.integers(2, 15))
    total = draw(st.integers(needed, 15))
    number = draw(st.integers(1, total))
    return Share(
        draw(st.binary(min_size=4, max_size=4)).hex(), needed, total, number, draw(st.binary(min_size=16, max_size=16))
    )


A_SHARE = Share("00c0ffee", 3, 5, 2, bytes(range(16)))


@settings(max_examples=40)
@given(any_share())
def test_what_was_written_is_read(share: Share) -> None:
    assert parse_share(share.text) == share
    assert len(share.groups) == GROUPS and {len(group) for group in share.groups} == {GROUP}


@settings(max_examples=40)
@given(any_share(), st.sampled_from(["", " ", "-", "\t", "\n  "]), st.booleans())
def test_spaces_dashes_and_small_letters_do_not_matter(share: Share, between: str, small: bool) -> None:
    text = between.join(share.groups)
    assert parse_share(text.lower() if small else text) == share


def test_digits_that_are_not_used_stand_for_letters() -> None:
    text = A_SHARE.text
    assert "O" in text or "I" in text or "B" in text
    assert parse_share(text.replace("O", "0").replace("I", "1").replace("B", "8")) == A_SHARE


def test_every_single_slip_is_told() -> None:
    """All 50 places with all 31 other characters: none is taken for a share."""
    plain = "".join(A_SHARE.groups)
    for place, other in itertools.product(range(len(plain)), ALPHABET):
        if other == plain[place]:
            continue
        with pytest.raises(YinxinError, match=f"mistyped in group {place // GROUP + 1}( |$)"):
            parse_share(plain[:place] + other + plain[place + 1 :])


def test_groups_in_another_order_are_told() -> None:
    for one, other in itertools.combinations(range(GROUPS), 2):
        groups = A_SHARE.groups
        groups[one], groups[other] = groups[other], groups[one]
        with pytest.raises(YinxinError):
            parse_share(" ".join(groups))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "these are 0"),
        (A_SHARE.text[:-1], "these are 49"),
        (A_SHARE.text + "A", "these are 51"),
        (A_SHARE.text.replace("-", "/"), "letters A-Z"),
        ("密" * 50, "letters A-Z"),
        ("9" * 50, "letters A-Z"),
    ],
)
def test_what_is_no_share_is_told(text: str, words: str) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        parse_share(text)
    assert A_SHARE.groups[0] not in str(caught.value)


@settings(max_examples=40)
@given(st.text(max_size=80))
def test_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(YinxinError):
        parse_share(text)


@pytest.mark.parametrize(("needed", "total", "number"), [(1, 5, 1), (6, 5, 1), (3, 5, 0), (3, 5, 6), (0, 0, 0)])
def test_numbers_that_contradict_each_other(needed: int, total: int, number: int) -> None:
    with pytest.raises(YinxinError, match="contradict"):
        parse_share(Share("00000000", needed, total, number, bytes(16)).text)


def test_a_digest_names_the_share_and_is_of_all_of_it() -> None:
    assert A_SHARE.digest == SM3.of(bytes.fromhex("0100c0ffee3502") + bytes(range(16))).hex()

from asn1crypto import core as asn1
from hypothesis import example, given
from hypothesis import strategies as st

from core.asn1 import der


@example(-128)
@example(-129)
@example(127)
@example(128)
@given(st.integers(-(2**200), 2**200))
def test_integers_are_as_short_as_der_asks(value: int) -> None:
    assert der.integer(value) == asn1.Integer(value).dump()

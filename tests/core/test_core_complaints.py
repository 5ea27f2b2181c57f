"""What pydantic says is said in the reader's words, and never repeats the input."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.complaints import complaint
from core.i18n import speaking
from core.subject import Identity

SECRET = "610302199001011237"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=3)] = ""
    count: Annotated[int, Field(ge=1, le=9)] = 1
    kind: Literal["a", "b"] = "a"


class Outer(BaseModel):
    inner: Inner


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "inner: is missing"),
        ({"inner": {"other": SECRET}}, "inner.other: unknown field"),
        ({"inner": {"name": SECRET}}, "inner.name: at most 3 characters"),
        ({"inner": {"name": 5}}, "inner.name: must be text"),
        ({"inner": {"count": SECRET}}, "inner.count: must be 9 or less"),
        ({"inner": {"count": "x"}}, "inner.count: must be a whole number"),
        ({"inner": {"kind": SECRET}}, "inner.kind: must be one of: 'a' or 'b'"),
        ({"inner": SECRET}, "inner: Input should be a valid dictionary or instance of Inner"),
    ],
)
def test_every_complaint_names_the_field_and_not_the_input(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate(given)
    assert str(complaint(raised.value)) == said


def test_our_own_rules_speak_without_a_preface_and_chinese_to_chinese() -> None:
    with pytest.raises(ValidationError) as raised:
        Identity.model_validate({"resident_id": SECRET})
    found = complaint(raised.value)
    assert found.field == "resident_id"
    assert not found.what.startswith("Value error")
    assert SECRET not in str(found)
    with pytest.raises(ValidationError) as raised, speaking("zh_CN"):
        Outer.model_validate({})
    with speaking("zh_CN"):
        assert complaint(raised.value).what == "缺少此项"

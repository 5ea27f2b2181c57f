"""What the command takes is what tables show, in every language."""

import pytest

from core.i18n import speaking
from core.output import Output
from core.words import WORDS, in_words


def test_chinese_readers_see_both_and_others_the_word() -> None:
    for word in WORDS:
        with speaking("en"):
            assert in_words(word) == word
        with speaking("zh_CN"):
            said = in_words(word)
            assert said.endswith(f" {word}") and said != f" {word}"
    with speaking("zh_CN"):
        assert in_words("张三") == "张三"


def test_only_fields_of_ours_are_translated(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "make", "state": "held", "roles": ["enter", "review"]}
    headings = {name: name for name in row}
    with speaking("zh_CN"):
        Output().table([row], headings)
        Output().details(row, headings)
        Output(json=True).table([row], headings)
    table, *_more = capsys.readouterr().out.split("[\n")
    assert table.count("make") == 2 and "制作" not in table
    assert table.count("已挂起 held") == table.count("录入 enter, 审核员 review") == 2
    assert "已挂起" not in _more[0]


def test_the_lists_of_words_hold_every_state_reason_and_role() -> None:
    from ca.state import Move, Reason, State
    from ra.appointments import PersonState
    from ra.moves import MOVES
    from ra.moves import State as RequestState
    from ra.roles import Role
    from seals.register.kinds import SealKind
    from seals.register.life import State as SealState
    from seals.register.statements import Act

    for kind in (State, Reason, PersonState, RequestState, Role, Move, MOVES, SealState, Act, SealKind):
        assert {str(one) for one in kind} <= WORDS

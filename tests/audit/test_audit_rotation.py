"""A key that succeeds another: whoever has the first follows, and nobody else's key is taken for one of ours."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from audit import bundle as bundles
from audit.bundle import SignedNote
from audit.chain import Chain, verify_chain
from audit.findings import Gravity, is_broken
from audit.notes import open_checkpoint, read_checkpoint, sign_checkpoint
from audit.proofs import prove_continuation, prove_entry, verify_proof
from audit.sequencer import key_in_force, key_notes
from audit.succession import Succession
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.keys.private_key import generate
from core.keys.signer import Signer
from core.sm2.fallback import GmsslEngine
from tests.audit.conftest import Books
from tests.audit.test_audit_chain import Contents

SECOND, THIRD, STRANGER = (generate(kind) for kind in (KeyKind.SM2, KeyKind.P256, KeyKind.P256))


@dataclass
class Rotated:
    """A log of three keys, with the checkpoints of each."""

    contents: Contents
    notes: list[bytes]
    books: Books


def rotated(books: Books, file: Path, *, vouched: bool = True) -> Rotated:
    books.act(3)
    books.notary.checkpoint()
    for successor in (SECOND, THIRD):
        books.act(2)
        books.notary.sequence()
        # Nobody vouches for the third where nobody can.
        assert books.notary.sign(successor, vouched=vouched or successor is SECOND)
        books.act(4)
        books.notary.checkpoint()
    with bundles.opened(books.exported(file)) as bundle:
        contents = Contents(list(bundle.entries()), list(bundle.checkpoints()))
    return Rotated(contents, [one.note for one in contents.notes], books)


@pytest.fixture
def whole(books: Books, tmp_path: Path) -> Rotated:
    return rotated(books, tmp_path / "audit.zip")


def verified(contents: Contents, *keys: Signer, outside: Sequence[bytes] = ()) -> Chain:
    notes = [one.note for one in contents.notes]
    succession = Succession([one.public_key_info for one in keys], [*notes, *outside])
    return verify_chain(contents, succession, [succession.open(one) for one in outside])


def test_the_first_key_alone_leads_to_all(each_books: Books, tmp_path: Path, signer: Signer) -> None:
    whole = rotated(each_books, tmp_path / "audit.zip")
    chain = verified(whole.contents, signer)
    assert chain.findings == [] and [one.size for one in chain.checkpoints] == [4, 6, 10, 12, 16]
    seams = [one for one in whole.notes if read_checkpoint(one).next_key]
    assert [read_checkpoint(one).next_key for one in seams] == [SECOND.public_key_info, THIRD.public_key_info]
    for seam, keys in zip(seams, ((signer, SECOND), (SECOND, THIRD)), strict=True):
        assert all(open_checkpoint(seam, key.public_key_info) for key in keys)
    with whole.books.context.storage.reading() as connection:
        assert key_in_force(connection) == THIRD.public_key_info and key_notes(connection) == seams


def test_both_signatures_over_the_seam_hold_elsewhere(whole: Rotated, signer: Signer) -> None:
    text, _blank, lines = whole.notes[1].rpartition(b"\n\n")
    for line, key in zip(lines.decode().splitlines(), (signer, SECOND), strict=True):
        signature = base64.b64decode(line.split(" ")[2])[4:]
        assert GmsslEngine().verify(key.public_key_info[-65:], signature, text + b"\n")
        assert not GmsslEngine().verify(key.public_key_info[-65:], signature, text)


def test_a_later_key_alone_covers_what_was_before(whole: Rotated) -> None:
    chain = verified(whole.contents, SECOND)
    assert [one.size for one in chain.checkpoints] == [6, 10, 12, 16] and not is_broken(chain.findings)
    (remark,) = chain.findings
    assert "1 checkpoints are of an earlier key" in remark.what
    lines = [whole.contents.lines[0].replace(b"a", b"b"), *whole.contents.lines[1:]]
    assert is_broken(verified(Contents(lines, whole.contents.notes), SECOND).findings)


def test_strangers_succeed_nobody(whole: Rotated, signer: Signer) -> None:
    assert is_broken(verified(whole.contents, STRANGER).findings)
    last = open_checkpoint(whole.notes[-1], THIRD.public_key_info)
    named = replace(last, next_key=STRANGER.public_key_info)
    for forged in (
        sign_checkpoint(named, STRANGER),  # nobody vouches
        sign_checkpoint(named, SECOND, STRANGER),  # a former key does, which counts no more
        sign_checkpoint(last, SECOND),  # a former key goes on
        sign_checkpoint(last, STRANGER),
        sign_checkpoint(replace(named, next_key=b"no key"), STRANGER),
    ):
        notes = [*whole.contents.notes[:-1], SignedNote(forged, None)]
        assert is_broken(verified(Contents(whole.contents.lines, notes), signer).findings), forged


def test_a_new_key_that_has_not_signed_is_none(whole: Rotated, signer: Signer) -> None:
    last = open_checkpoint(whole.notes[-1], THIRD.public_key_info)
    named = replace(last, next_key=STRANGER.public_key_info)
    keys = Succession([signer.public_key_info], [*whole.notes[:-1], sign_checkpoint(named, THIRD)])
    assert [one.key for one in keys.reigns] == [one.public_key_info for one in (signer, SECOND, THIRD)]


def test_a_stolen_key_cannot_undo_its_succession(whole: Rotated, signer: Signer) -> None:
    """With the first key, another history: a checkpoint of the second that was copied outside gives it away."""
    begin = open_checkpoint(whole.notes[0], signer.public_key_info)
    forged = sign_checkpoint(replace(begin, size=16, root=b"\0" * 32), signer)
    notes = [whole.contents.notes[0], SignedNote(forged, None)]
    assert is_broken(verified(Contents(whole.contents.lines, notes), signer, outside=[whole.notes[1]]).findings)
    # The end was cut off, and with it the succession.
    short = Contents(whole.contents.lines[:4], whole.contents.notes[:1])
    assert verified(short, signer).findings == []
    (finding,) = verified(short, signer, outside=whole.notes[1:]).findings
    assert "cut off" in finding.what


def test_without_the_former_key_the_new_one_must_be_known(books: Books, tmp_path: Path, signer: Signer) -> None:
    whole = rotated(books, tmp_path / "audit.zip", vouched=False)
    findings = verified(whole.contents, signer).findings
    assert is_broken(findings) and any("did not vouch" in one.what for one in findings)
    (remark,) = verified(whole.contents, signer, THIRD).findings
    assert remark.gravity is Gravity.REMARK and remark.position == 12
    (remark,) = verified(whole.contents, THIRD).findings
    assert "earlier key" in remark.what


def test_proofs_bring_the_succession_along(whole: Rotated, signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    file.write_bytes(prove_entry(whole.books.context, 2))
    assert verify_proof(file, [signer.public_key_info]).position == 1
    former = open_checkpoint(whole.notes[0], signer.public_key_info)
    file.write_bytes(prove_continuation(whole.books.context, former, whole.notes[0]))
    assert verify_proof(file, [signer.public_key_info]).former == former
    with pytest.raises(YinxinError, match="not signed by this audit key"):
        verify_proof(file, [STRANGER.public_key_info])


def test_another_process_goes_on_with_the_new_key(books: Books, signer: Signer) -> None:
    other = replace(books.notary, open_key=lambda key: {SECOND.public_key_info: SECOND}[key])
    books.act()
    books.notary.sequence()
    assert books.notary.sign(SECOND)
    books.act()
    made = other.checkpoint()
    assert open_checkpoint(made.note, SECOND.public_key_info) == made.checkpoint
    with pytest.raises(YinxinError):
        open_checkpoint(made.note, signer.public_key_info)


@pytest.mark.parametrize("end", ["next-key \n", "next-key ?\n", "next-key AAA\n", "other AAAA\n", "next-key AAAA\n\n"])
def test_a_line_that_names_no_key_is_not_read(books: Books, end: str) -> None:
    text, _blank, lines = books.notary.checkpoint().note.rpartition(b"\n\n")
    with pytest.raises(YinxinError, match="not a checkpoint"):
        read_checkpoint(text + b"\n" + end.encode() + b"\n" + lines)

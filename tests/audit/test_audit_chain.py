"""Whoever changes an exported log is found out: every kind of change at random places, thousands of times."""

import base64
import functools
import json
import random
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit import bundle as bundles
from audit import export
from audit import succession as successions
from audit.bundle import Bundle, SignedNote
from audit.chain import Chain, verify_chain
from audit.findings import is_broken
from audit.merkle import leaf_hash, root_of
from audit.notes import Checkpoint, open_checkpoint, sign_checkpoint
from audit.succession import Succession
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.keys.private_key import generate
from core.keys.signer import Signer
from tests.audit.conftest import Books

ROUNDS = 450


@dataclass
class Contents(Bundle):
    """What is in an export, in memory, so that it is quickly altered."""

    lines: Sequence[bytes]
    notes: Sequence[SignedNote]

    def entries(self) -> Iterable[bytes]:  # type: ignore[override]
        return iter(self.lines)

    def checkpoints(self) -> Iterable[SignedNote]:  # type: ignore[override]
        return iter(self.notes)


@pytest.fixture
def whole(books: Books, tmp_path: Path) -> Contents:
    for count in (3, 1, 20, 2, 30):
        books.act(count)
        books.notary.checkpoint()
    with bundles.opened(books.exported(tmp_path / "audit.zip")) as bundle:
        return Contents(list(bundle.entries()), list(bundle.checkpoints()))


def verified(contents: Contents, signer: Signer, known: Sequence[Checkpoint] = ()) -> Chain:
    return verify_chain(contents, Succession([signer.public_key_info]), known)


def test_the_whole_log_is_whole(whole: Contents, signer: Signer) -> None:
    seen: list[bytes] = []
    chain = verify_chain(whole, Succession([signer.public_key_info]), each=lambda _position, entry: seen.append(entry))
    assert chain.findings == [] and seen == whole.lines
    assert [one.size for one in chain.checkpoints] == [4, 5, 25, 27, 57] and chain.entries == 57
    assert chain.last is not None
    assert chain.last.root == root_of(chain.last.digest, [leaf_hash(chain.last.digest, one) for one in whole.lines])


def change(draw: random.Random, lines: list[bytes]) -> None:
    place = draw.randrange(len(lines))
    octets = bytearray(lines[place])
    octets[draw.randrange(len(octets))] ^= draw.randrange(1, 256)
    lines[place] = bytes(octets)


def change_one_value(draw: random.Random, lines: list[bytes]) -> None:
    place = draw.randrange(1, len(lines))
    entry = json.loads(lines[place])
    entry["actor"] = draw.choice(["李四", "张三 ", ""])
    lines[place] = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def remove(draw: random.Random, lines: list[bytes]) -> None:
    del lines[draw.randrange(len(lines))]


def add(draw: random.Random, lines: list[bytes]) -> None:
    lines.insert(draw.randrange(len(lines) + 1), draw.choice([*lines, b"{}", b"", draw.randbytes(65)]))


def swap(draw: random.Random, lines: list[bytes]) -> None:
    one, other = draw.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]


def cut(draw: random.Random, lines: list[bytes]) -> None:
    del lines[draw.randrange(len(lines)) :]


def cut_the_beginning(draw: random.Random, lines: list[bytes]) -> None:
    del lines[: draw.randrange(1, len(lines))]


def replace_by_another(draw: random.Random, lines: list[bytes]) -> None:
    lines[draw.randrange(len(lines))] = b"".join(draw.sample(lines, 2))


def join(draw: random.Random, lines: list[bytes]) -> None:
    place = draw.randrange(len(lines) - 1)
    lines[place : place + 2] = [lines[place] + lines[place + 1]]


MUTATIONS: Sequence[Callable[[random.Random, list[bytes]], None]] = (
    change,
    change_one_value,
    remove,
    add,
    swap,
    cut,
    cut_the_beginning,
    replace_by_another,
    join,
)


def test_any_alteration_of_the_entries_is_found(
    whole: Contents, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each signature is checked once, so that thousands of alterations can be tried.
    monkeypatch.setattr(successions, "open_checkpoint", functools.cache(open_checkpoint))
    draw, tried = random.Random(20261101), 0
    for turn in range(ROUNDS * len(MUTATIONS)):
        lines = list(whole.lines)
        MUTATIONS[turn % len(MUTATIONS)](draw, lines)
        if lines != whole.lines:
            tried += 1
            assert is_broken(verified(Contents(lines, whole.notes), signer).findings)
    assert tried > ROUNDS * len(MUTATIONS) * 0.95


def test_the_place_of_a_change_is_told(whole: Contents, signer: Signer) -> None:
    lines = list(whole.lines)
    lines[10] = lines[10].replace(b"R", b"Q")
    (finding,) = verified(Contents(lines, whole.notes), signer).findings
    assert finding.position == 5 and "from 5 to 24" in finding.what


def test_alterations_of_checkpoints_are_found(whole: Contents, signer: Signer) -> None:
    draw = random.Random(7)
    for turn in range(300):
        notes = list(whole.notes)
        place = draw.randrange(len(notes))
        if turn % 3 == 0:
            octets = bytearray(notes[place].note)
            octets[draw.randrange(len(octets))] ^= draw.randrange(1, 256)
            notes[place] = SignedNote(bytes(octets), None)
        elif turn % 3 == 1:
            notes.insert(place, notes[place])
        else:
            one, other = draw.sample(range(len(notes)), 2)
            notes[one], notes[other] = notes[other], notes[one]
        assert is_broken(verified(Contents(whole.lines, notes), signer).findings)


def test_a_tail_cut_off_with_its_checkpoints_is_found_from_outside(whole: Contents, signer: Signer) -> None:
    outside = open_checkpoint(whole.notes[-1].note, signer.public_key_info)
    for place, note in enumerate(whole.notes[:-1], 1):
        size = open_checkpoint(note.note, signer.public_key_info).size
        shorter = Contents(whole.lines[:size], whole.notes[:place])
        assert verified(shorter, signer).findings == []  # nothing in the file itself tells
        (finding,) = verified(shorter, signer, [outside]).findings
        assert "cut off" in finding.what and finding.position == size


def test_another_history_by_the_same_key_is_found_from_outside(whole: Contents, signer: Signer) -> None:
    """Whoever has the audit key can write another log; a checkpoint that was copied before gives them away."""
    outside = open_checkpoint(whole.notes[2].note, signer.public_key_info)
    lines = [*whole.lines[:10], b'{"forged":1}', *whole.lines[11:]]
    forged = []
    for one in whole.notes:
        checkpoint = open_checkpoint(one.note, signer.public_key_info)
        root = root_of(checkpoint.digest, [leaf_hash(checkpoint.digest, line) for line in lines[: checkpoint.size]])
        again = Checkpoint(checkpoint.origin, checkpoint.size, root, checkpoint.digest, checkpoint.at)
        forged.append(SignedNote(sign_checkpoint(again, signer), None))
    assert verified(Contents(lines, forged), signer).findings == []
    assert is_broken(verified(Contents(lines, forged), signer, [outside]).findings)


def test_another_key_or_another_log(whole: Contents, signer: Signer) -> None:
    assert is_broken(verified(whole, generate(KeyKind.SM2)).findings)
    own = open_checkpoint(whole.notes[0].note, signer.public_key_info)
    other = Checkpoint("audit.example/other", own.size, own.root, own.digest, own.at)
    assert is_broken(verified(whole, signer, [other]).findings)
    notes = [*whole.notes[:-1], SignedNote(sign_checkpoint(other, signer), None)]
    assert is_broken(verified(Contents(whole.lines, notes), signer).findings)


def test_a_clock_that_was_set_back_is_a_remark(whole: Contents, signer: Signer) -> None:
    late = open_checkpoint(whole.notes[0].note, signer.public_key_info)
    late = Checkpoint(late.origin, late.size, late.root, late.digest, late.at.replace(year=2030))
    notes = [SignedNote(sign_checkpoint(late, signer), None), *whole.notes[1:]]
    chain = verified(Contents(whole.lines, notes), signer)
    assert [one.rule for one in chain.findings] == ["clock"] and not is_broken(chain.findings)


def rewritten(source: Path, target: Path, **members: bytes | None) -> Path:
    """The file with other members."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as altered:
        for name in archive.namelist():
            content = members.get(name.partition(".")[0], archive.read(name))
            if content is not None:
                altered.writestr(name, content)
    return target


@pytest.mark.parametrize(
    "members",
    [
        {"manifest": None},
        {"manifest": b"{}"},
        {"manifest": b"["},
        {"entries": None},
        {"entries": b"no end"},
        {"checkpoints": None},
        {"checkpoints": b"{}\n"},
        {"checkpoints": b'{"note": 1, "token": null}\n'},
        {"checkpoints": b'{"note": "x", "token": "?"}\n'},
        {"checkpoints": b"[" * 100_000 + b"\n"},
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(
    books: Books, tmp_path: Path, members: dict[str, bytes | None]
) -> None:
    books.act()
    books.notary.checkpoint()
    altered = rewritten(books.exported(tmp_path / "audit.zip"), tmp_path / "altered.zip", **members)
    with pytest.raises(YinxinError, match="not a readable export"), bundles.opened(altered) as bundle:
        verify_chain(bundle, Succession([books.notary.signer.public_key_info]))


def test_a_damaged_file_is_refused_or_found(books: Books, tmp_path: Path) -> None:
    books.act(50)
    books.notary.checkpoint()
    octets = books.exported(tmp_path / "audit.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "audit.zip") as archive:
        end = archive.getinfo("audit-log.pub").header_offset
    draw, file = random.Random(3), tmp_path / "damaged.zip"
    for _turn in range(60):
        damaged = bytearray(octets)
        damaged[draw.randrange(len(octets))] ^= draw.randrange(1, 256)
        file.write_bytes(damaged[: draw.choice([len(damaged), draw.randrange(len(damaged))])])
        try:
            with bundles.opened(file) as bundle:
                findings = verify_chain(bundle, Succession([books.notary.signer.public_key_info])).findings
                same = list(bundle.entries())
        except YinxinError:
            continue
        assert is_broken(findings) or len(same) == 51
    assert end


def test_what_is_in_the_file(books: Books, tmp_path: Path) -> None:
    """By other means than ours, as the format says."""
    books.act(2)
    books.notary.stamp = lambda octets: b"token of " + octets[:4]
    books.notary.checkpoint()
    octets = [b"\x00\xff", b"certificate"]
    key = books.notary.signer.public_key_info
    export.export(books.context, tmp_path / "a.zip", key, {"x": lambda _c: iter(octets)})
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("entries.jsonl").splitlines()
        (checkpoint,) = map(json.loads, archive.read("checkpoints.jsonl").splitlines())
        found = [base64.b64decode(line) for line in archive.read("objects/x.base64").splitlines()]
    assert manifest["schema"] == "yinxin-audit-export/1" and manifest["size"] == 3
    assert json.loads(lines[2])["subject"] == "R1"
    assert base64.b64decode(checkpoint["token"]).startswith(b"token of ")
    assert checkpoint["note"].splitlines()[1] == "3" and found == octets


def test_an_entry_missing_in_the_database_stops_the_export(books: Books, tmp_path: Path) -> None:
    books.act(5)
    books.notary.checkpoint()
    with books.context.storage.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM audit_entries WHERE id = 3")
    with pytest.raises(YinxinError, match="missing between 0 and 6"):
        books.exported(tmp_path / "audit.zip")
    assert not (tmp_path / "audit.zip").exists()


def test_an_entry_changed_in_the_database_is_found(books: Books, tmp_path: Path) -> None:
    books.act(5)
    books.notary.checkpoint()
    with books.context.storage.transaction() as connection:
        connection.exec_driver_sql(
            "UPDATE audit_entries SET entry = CAST(replace(entry, 'R1', 'R9') AS BLOB) WHERE id = 3"
        )
    with bundles.opened(books.exported(tmp_path / "audit.zip")) as bundle:
        assert is_broken(verify_chain(bundle, Succession([books.notary.signer.public_key_info])).findings)

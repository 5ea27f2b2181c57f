"""RFC 9162 2.1: roots and proofs, by known answers, by the definition, and by proofs that were tampered with."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_by_inclusion,
    root_of,
)
from core.algorithms import SHA256, SM3, Digest

ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
"""The entries that implementations of RFC 6962 are tested with."""
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def by_definition(digest: Digest, entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word by word."""
    if not entries:
        return digest.of(b"")
    if len(entries) == 1:
        return digest.of(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return digest.of(b"\x01" + by_definition(digest, entries[:k]) + by_definition(digest, entries[k:]))


def nodes_of(digest: Digest, leaves: Sequence[bytes]):  # type: ignore[no-untyped-def]
    return lambda level, number: root_of(digest, leaves[number << level : (number + 1) << level])


@pytest.mark.parametrize("size", ROOTS)
def test_roots_that_everybody_knows(size: int) -> None:
    leaves = [leaf_hash(SHA256, entry) for entry in ENTRIES[:size]]
    assert root_of(SHA256, leaves).hex() == ROOTS[size]


@pytest.mark.parametrize("digest", [SHA256, SM3])
def test_every_size_is_as_the_rfc_defines_it(digest: Digest) -> None:
    frontier = Frontier(digest)
    entries = [str(number).encode() for number in range(70)]
    for size, entry in enumerate(entries):
        assert frontier.root() == by_definition(digest, entries[:size])
        frontier.append(leaf_hash(digest, entry))


def test_leaves_and_nodes_are_told_apart() -> None:
    left, right = bytes(32), bytes(32)
    assert node_hash(SM3, left, right) != leaf_hash(SM3, left + right)
    assert node_hash(SHA256, left, right) == hashlib.sha256(b"\x01" + left + right).digest()


def test_every_proof_of_small_trees() -> None:
    leaves = [leaf_hash(SM3, bytes([number])) for number in range(35)]
    for size in range(1, 36):
        root = root_of(SM3, leaves[:size])
        for position in range(size):
            proof = inclusion_proof(SM3, position, size, nodes_of(SM3, leaves))
            assert root_by_inclusion(SM3, leaves[position], position, size, proof) == root
            for other in range(size):
                if other != position:
                    assert root_by_inclusion(SM3, leaves[position], other, size, proof) != root
        for former in range(1, size + 1):
            proof = consistency_proof(SM3, former, size, nodes_of(SM3, leaves))
            assert is_consistent(SM3, (former, root_of(SM3, leaves[:former])), (size, root), proof)


@given(st.data())
def test_nothing_else_is_proven(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 600))
    position, former = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    leaves = [leaf_hash(SHA256, number.to_bytes(2, "big")) for number in range(size)]
    root, nodes = root_of(SHA256, leaves), nodes_of(SHA256, leaves)
    inclusion = inclusion_proof(SHA256, position, size, nodes)
    assert root_by_inclusion(SHA256, leaves[position], position, size, inclusion) == root
    consistency = consistency_proof(SHA256, former, size, nodes)
    former_root = root_of(SHA256, leaves[:former])
    assert is_consistent(SHA256, (former, former_root), (size, root), consistency)
    for proof in (inclusion, consistency):
        place = data.draw(st.integers(0, len(proof) - 1))
        kind = data.draw(st.sampled_from(["changed", "removed", "added", "swapped"]))
        altered = list(proof)
        if kind == "changed":
            octets = bytearray(altered[place])
            octets[data.draw(st.integers(0, 31))] ^= data.draw(st.integers(1, 255))
            altered[place] = bytes(octets)
        elif kind == "removed":
            del altered[place]
        elif kind == "added":
            altered.insert(place, data.draw(st.binary(min_size=32, max_size=32)))
        elif len(proof) > 1:
            altered = altered[1:] + altered[:1]
        if altered == proof:
            continue
        if proof is inclusion:
            assert root_by_inclusion(SHA256, leaves[position], position, size, altered) != root
        else:
            assert not is_consistent(SHA256, (former, former_root), (size, root), altered)
    wrong = bytes(32)
    assert not is_consistent(SHA256, (former, wrong), (size, root), consistency)
    assert not is_consistent(SHA256, (former, former_root), (size, wrong), consistency)
    assert not is_consistent(SHA256, (size, root), (former, former_root), consistency)


def test_proofs_of_nothing() -> None:
    assert root_by_inclusion(SM3, bytes(32), 0, 0, []) is None
    assert root_by_inclusion(SM3, bytes(32), -1, 1, []) is None
    assert not is_consistent(SM3, (0, SM3.of(b"")), (1, bytes(32)), [])
    for position, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError):
            inclusion_proof(SM3, position, size, lambda _level, _number: b"")
    for former in (0, 4, -1):
        with pytest.raises(ValueError):
            consistency_proof(SM3, former, 3, lambda _level, _number: b"")

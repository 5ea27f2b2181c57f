"""The Merkle tree of RFC 9162 2.1 with any digest: hashes, roots, proofs and their verification. Pure."""

from collections.abc import Callable, Sequence

from core.algorithms import Digest

LEAF, NODE = b"\x00", b"\x01"
"""RFC 9162 2.1.1: nobody can take an inner node for an entry."""

Nodes = Callable[[int, int], bytes]
"""The hash of the complete subtree of that level and number: 1 << level entries, from number << level on."""


def leaf_hash(digest: Digest, entry: bytes) -> bytes:
    """Of an entry."""
    return digest.of(LEAF + entry)


def node_hash(digest: Digest, left: bytes, right: bytes) -> bytes:
    """Of two subtrees side by side."""
    return digest.of(NODE + left + right)


class Frontier:
    """The complete subtrees that a tree of this size is made of, the largest first; all that it takes to go on."""

    def __init__(self, digest: Digest, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.digest, self.size, self._hashes = digest, size, list(hashes)

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next entry."""
        complete = self.size
        while complete & 1:
            leaf = node_hash(self.digest, self._hashes.pop(), leaf)
            complete >>= 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Of the tree as it is now."""
        if not self._hashes:
            return self.digest.of(b"")
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(self.digest, left, root)
        return root


def root_of(digest: Digest, leaves: Sequence[bytes]) -> bytes:
    """Of the tree with these leaf hashes."""
    frontier = Frontier(digest)
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def range_root(digest: Digest, begin: int, end: int, nodes: Nodes) -> bytes:
    """Of the entries from `begin` to before `end`, where that is a subtree of the RFC's tree or the tree itself."""
    if begin == end:
        return digest.of(b"")
    level = (end - begin).bit_length() - 1
    if end - begin == 1 << level:
        return nodes(level, begin >> level)
    middle = begin + (1 << level)
    return node_hash(digest, range_root(digest, begin, middle, nodes), range_root(digest, middle, end, nodes))


def inclusion_proof(digest: Digest, position: int, size: int, nodes: Nodes) -> list[bytes]:
    """That the entry at this position is in the tree of this size (RFC 9162 2.1.3.1)."""
    if not 0 <= position < size:
        raise ValueError("no such entry in this tree")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if position < middle:
            proof.append(range_root(digest, middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(digest, begin, middle, nodes))
            begin = middle
    return proof[::-1]


def consistency_proof(digest: Digest, former: int, size: int, nodes: Nodes) -> list[bytes]:
    """That the tree of `former` entries is the beginning of the tree of this size (RFC 9162 2.1.4.1)."""
    if not 0 < former <= size:
        raise ValueError("no such former tree")
    proof: list[bytes] = []
    begin, end, whole = 0, size, True
    while former != end:
        middle = begin + _split(end - begin)
        if former <= middle:
            proof.append(range_root(digest, middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(digest, begin, middle, nodes))
            begin, whole = middle, False
    if not whole:
        proof.append(range_root(digest, begin, end, nodes))
    return proof[::-1]


def root_by_inclusion(digest: Digest, leaf: bytes, position: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162 2.1.3.2); None if it is none for this place."""
    if not 0 <= position < size:
        return None
    place, last, root = position, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node_hash(digest, hash_, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(digest, root, hash_)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(digest: Digest, former: tuple[int, bytes], latter: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that one tree (size, root) is the beginning of another (RFC 9162 2.1.4.2)."""
    (former_size, former_root), (size, root) = former, latter
    if not 0 < former_size <= size:
        return False
    if former_size == size:
        return not proof and former_root == root
    path = list(proof)
    if former_size & (former_size - 1) == 0:
        path.insert(0, former_root)
    if not path:
        return False
    place, last = former_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    of_former = of_latter = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            of_former, of_latter = node_hash(digest, hash_, of_former), node_hash(digest, hash_, of_latter)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            of_latter = node_hash(digest, of_latter, hash_)
        place, last = place >> 1, last >> 1
    return last == 0 and (of_former, of_latter) == (former_root, root)


def _split(size: int) -> int:
    """The largest power of two smaller than the size: where the RFC divides a tree."""
    return 1 << (size - 1).bit_length() - 1

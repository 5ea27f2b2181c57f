"""Hash trees (RFC 4998 4.2, 4.3): many values under one time stamp, each with the short way from it to the root."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.algorithms import Digest

HashLists = tuple[tuple[bytes, ...], ...]
"""A reducedHashtree: the list with the leaf first. Empty: the leaf is the root."""


@dataclass(frozen=True)
class HashTree:
    """What is stamped, and how each leaf leads there."""

    root: bytes
    ways: Mapping[bytes, HashLists]


def grow(digest: Digest, leaves: Iterable[bytes]) -> HashTree:
    """The binary tree over these values; at least one. Equal values are one leaf."""
    ways: dict[bytes, list[tuple[bytes, ...]]] = {leaf: [] for leaf in sorted(set(leaves))}
    level = [(leaf, [leaf]) for leaf in ways]
    while len(level) > 1:
        level = [_father(digest, level[at : at + 2], ways) for at in range(0, len(level), 2)]
    ((root, _all),) = level
    return HashTree(root, {leaf: tuple(way) for leaf, way in ways.items()})


def _father(
    digest: Digest, children: list[tuple[bytes, list[bytes]]], ways: dict[bytes, list[tuple[bytes, ...]]]
) -> tuple[bytes, list[bytes]]:
    if len(children) == 1:
        return children[0]
    (left, below_left), (right, below_right) = children
    for own, other, below in ((left, right, below_left), (right, left, below_right)):
        for leaf in below:
            # Only the first list holds the node itself: fathers are computed, not kept (4.2).
            ways[leaf].append((other,) if ways[leaf] else tuple(sorted((own, other))))
    return _hash(digest, (left, right)), below_left + below_right


def leads_to(digest: Digest, leaf: bytes, lists: HashLists, root: bytes) -> bool:
    """Whether the leaf is in the first list, and the lists lead to this root."""
    if not lists:
        return leaf == root
    if leaf not in lists[0]:
        return False
    if _climb(digest, _hash(digest, lists[0]), lists[1:]) == root:
        return True
    # 4.3 hashes a list even of one value; Bouncy Castle takes the one value as the node.
    return len(lists[0]) == 1 and _climb(digest, leaf, lists[1:]) == root


def _climb(digest: Digest, node: bytes, lists: HashLists) -> bytes:
    for values in lists:
        node = _hash(digest, (*values, node))
    return node


def _hash(digest: Digest, values: Sequence[bytes]) -> bytes:
    """In binary ascending order (4.2)."""
    return digest.of(b"".join(sorted(values)))

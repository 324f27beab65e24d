"""Merkle trees of RFC 9162 (section 2.1): what a signed root says about every entry of a log, provable in few hashes.

All hashes are 32 bytes of SHA-256. A list of leaf hashes stands for the tree; nothing is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry. Leaves and nodes begin with different bytes, so that neither can pass for the other."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over the leaf hashes; SHA-256 of nothing for an empty one."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    subtrees: list[tuple[int, bytes]] = []  # (leaves, root), each larger than all to its right
    for leaf in leaves:
        size, top = 1, leaf
        while subtrees and subtrees[-1][0] == size:
            size, top = size * 2, node_hash(subtrees.pop()[1], top)
        subtrees.append((size, top))
    top = subtrees.pop()[1]
    while subtrees:
        top = node_hash(subtrees.pop()[1], top)
    return top


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Hashes that lead from the leaf at `index` (from 0) to the root. Raises IndexError outside the tree."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"a tree of {len(leaves)} entries has no entry {index}")
    if len(leaves) == 1:
        return []
    half = _split(len(leaves))
    if index < half:
        return [*inclusion_proof(leaves[:half], index), root(leaves[half:])]
    return [*inclusion_proof(leaves[half:], index - half), root(leaves[:half])]


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """Hashes that show the tree of the first `size` leaves to be a beginning of this one. IndexError outside it."""
    if not 0 <= size <= len(leaves):
        raise IndexError(f"a tree of {len(leaves)} entries has none of {size} at its beginning")
    return _consistency(leaves, size, True) if size else []


def _consistency(leaves: Sequence[bytes], size: int, is_whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_whole else [root(leaves)]
    half = _split(len(leaves))
    if size <= half:
        return [*_consistency(leaves[:half], size, is_whole), root(leaves[half:])]
    return [*_consistency(leaves[half:], size - half, False), root(leaves[:half])]


def _split(size: int) -> int:
    """Largest power of two that is smaller than `size` (2 or more)."""
    return 1 << ((size - 1).bit_length() - 1)


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], top: bytes) -> bool:
    """Whether the proof shows the leaf at `index` of the tree of that size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found == top


def is_consistent(size: int, top: bytes, later_size: int, later_top: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows the tree of `size` and `top` to be a beginning of the later one (RFC 9162, 2.1.4.2)."""
    if not 0 <= size <= later_size:
        return False
    if size == later_size:
        return not proof and top == later_top
    if size == 0:
        return not proof and top == root(())
    path = [top, *proof] if size & (size - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = size - 1, later_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    earlier = later = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            earlier, later = node_hash(other, earlier), node_hash(other, later)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            later = node_hash(later, other)
        at, last = at >> 1, last >> 1
    return last == 0 and earlier == top and later == later_top

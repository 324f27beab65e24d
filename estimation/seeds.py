"""Seeds that follow from what is estimated, so that the same inputs give the same numbers everywhere."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(*parts: object) -> int:
    """A 64-bit seed from the text of `parts`; the same parts give the same seed on every machine and run."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def generator(*parts: object) -> np.random.Generator:
    """A generator of its own for one part of an estimate: adding a region leaves the draws of the others alone."""
    return np.random.Generator(np.random.PCG64(seed_for(*parts)))

"""A detached signature of a file that leaves the house: a signed note of its name, length and SHA-256.

The note has a checkpoint's form (governance/signed_note.py), so that one public key and one reader serve both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from governance.signed_note import BadNote, Checkpoint, Signer, Verifier, open_note, sign


def sign_file(content: bytes, name: str, signer: Signer) -> str:
    """The note that vouches for `content` under a name of one line."""
    return sign(Checkpoint(name, len(content), hashlib.sha256(content).digest()), signer)


def check_file(content: bytes, note: str, verifiers: Sequence[Verifier]) -> str:
    """The name under which every one of `verifiers` signed this very content. Raises BadNote otherwise."""
    told = open_note(note, verifiers)
    if (told.size, told.root) != (len(content), hashlib.sha256(content).digest()):
        raise BadNote(f"the file is not the one that was signed as {told.origin}: it was changed")
    return told.origin

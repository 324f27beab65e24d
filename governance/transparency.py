"""A chained log that somebody outside can hold to its word: signed checkpoints, and proofs against them.

The chain shows every change to who has the whole log and an earlier head. A checkpoint is that head, signed: who keeps
one, and the public key, notices a log that was cut, forked or written anew, also by who holds the machine. Proofs show
one entry, or a later checkpoint, to belong to it without the rest of the log.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from governance.chained_log import BrokenLog, ChainedLog
from governance.merkle import consistency_proof, inclusion_proof, is_consistent, is_included, leaf_hash, root
from governance.signed_note import BadNote, Checkpoint, Signer, Verifier, cosign, open_note, sign
from ingestion.lake.sync import write_synced

PROOF = "c2sp.org/tlog-proof@v1"


def checkpoint_path(log: ChainedLog) -> Path:
    """Where the newest checkpoint of a log lies: beside it."""
    return log.path.with_suffix(".checkpoint")


def leaves(log: ChainedLog) -> list[bytes]:
    """Leaf hash of every entry (its line without the line end), oldest first."""
    return [leaf_hash(line) for line in log.lines()]


def key_path(log: ChainedLog) -> Path:
    """Where the public key lies for whoever wants to take it with them."""
    return log.path.with_suffix(".vkey")


def make_checkpoint(log: ChainedLog, signer: Signer) -> str:
    """Sign what the log holds now and keep it beside the log, as is the public key; returns the signed note.

    The log's origin is the signer's name.
    Nothing new in the log gives the note that is there, with all its cosignatures. Raises BrokenLog where the chain is
    broken or the log does not continue its last checkpoint: such a log is never signed.
    """
    log.verify()
    hashes = leaves(log)
    path = checkpoint_path(log)
    if path.exists():
        note = path.read_text(encoding="utf-8")
        try:
            last = open_note(note, [signer.verifier])
        except BadNote as error:
            raise BrokenLog(f"{path}: {error}; keep a copy of it and tell the data protection officer") from None
        if last.origin != signer.name or last.size > len(hashes) or root(hashes[: last.size]) != last.root:
            raise BrokenLog(
                f"{log.path}: does not continue its checkpoint of {last.size} entries; keep a copy of both and tell "
                "the data protection officer"
            )
        if last.size == len(hashes):
            return note
    note = sign(Checkpoint(signer.name, len(hashes), root(hashes)), signer)
    write_synced(key_path(log), f"{signer.verifier}\n".encode())
    write_synced(path, note.encode())
    return note


def audit(
    lines: Iterable[bytes], note: str, verifiers: Sequence[Verifier], *, earlier: Sequence[str] = ()
) -> Checkpoint:
    """Hold a log to a checkpoint, and to every `earlier` one (notes), with public keys alone; returns the checkpoint.

    `lines` are the log's entries without line ends; those after the checkpoint are not spoken for. Raises BadNote
    where a note is not signed by all of `verifiers`, BrokenLog where the log is not what a note says.
    """
    hashes = [leaf_hash(line) for line in lines]
    newest = open_note(note, verifiers)
    for known in (newest, *(open_note(text, verifiers) for text in earlier)):
        if known.origin != newest.origin:
            raise BrokenLog(f"a checkpoint is of another log: {known.origin}, not {newest.origin}")
        if known.size > newest.size:
            raise BrokenLog(f"the checkpoint of {newest.size} entries is older than one that is known ({known.size})")
        if known.size > len(hashes):
            raise BrokenLog(f"the log holds {len(hashes)} entries, a checkpoint {known.size}: its end was cut off")
        if root(hashes[: known.size]) != known.root:
            raise BrokenLog(f"the first {known.size} entries are not those that were signed: edited, or another branch")
    return newest


def prove_entry(log: ChainedLog, note: str, index: int, verifiers: Sequence[Verifier]) -> str:
    """Proof that the entry at `index` (from 0) stands in the log of that checkpoint, as text to hand on."""
    size = open_note(note, verifiers).size
    proof = inclusion_proof(leaves(log)[:size], index)
    return "\n".join([PROOF, f"index {index}", *(base64.b64encode(step).decode() for step in proof), "", note])


def check_entry(entry: bytes, proof: str, verifiers: Sequence[Verifier]) -> int:
    """Check a proof of `prove_entry` for an entry (its line without the line end); returns its index.

    Raises BadNote where the proof is none, its checkpoint is not signed by all, or the entry is not the one proven.
    """
    head, _, note = proof.partition("\n\n")
    first, *rest = head.split("\n")
    try:
        if first != PROOF or not rest[0].startswith("index "):
            raise ValueError(first)
        index = int(rest[0].removeprefix("index "))
        steps = [base64.b64decode(line, validate=True) for line in rest[1:]]
    except (ValueError, IndexError, binascii.Error):
        raise BadNote(f"no proof: {PROOF}, index, hashes, an empty line, the checkpoint") from None
    checkpoint = open_note(note, verifiers)
    if not is_included(leaf_hash(entry), index, checkpoint.size, steps, checkpoint.root):
        raise BadNote(f"the entry is not number {index} of that log")
    return index


def prove_growth(log: ChainedLog, earlier: Checkpoint, later: Checkpoint) -> list[bytes]:
    """Hashes that show the later checkpoint to continue the earlier one."""
    return consistency_proof(leaves(log)[: later.size], earlier.size)


@dataclass(frozen=True)
class Witness:
    """A second key, held by oversight. It cosigns a checkpoint only where it continues the last that it cosigned."""

    signer: Signer
    log_key: Verifier

    def cosign(self, note: str, at: int, *, last: str | None = None, growth: Sequence[bytes] = ()) -> str:
        """The note with the witness's line; `at` is unix seconds. `last` is the note it cosigned before, if any.

        Needs no log, only `growth` from `prove_growth`. Raises BadNote for a note that the log did not sign, BrokenLog
        for one that does not continue `last`.
        """
        now = open_note(note, [self.log_key])
        if last is not None:
            before = open_note(last, [self.log_key, self.signer.verifier])
            if before.origin != now.origin or not is_consistent(before.size, before.root, now.size, now.root, growth):
                raise BrokenLog(f"{now.size} entries are not shown to continue the {before.size} before: not cosigned")
        return cosign(note, self.signer, at)

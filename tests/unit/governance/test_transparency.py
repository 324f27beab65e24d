"""Whatever is done to a log, by whomever, is noticed by who holds the public key and one checkpoint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.chained_log import BrokenLog, ChainedLog
from governance.merkle import consistency_proof, inclusion_proof, is_consistent, is_included, leaf_hash, node_hash, root
from governance.signed_note import COSIGNATURE, BadNote, Checkpoint, Signer, Verifier, cosign, open_note, sign
from governance.transparency import (
    Witness,
    audit,
    check_entry,
    checkpoint_path,
    key_path,
    make_checkpoint,
    prove_entry,
    prove_growth,
)

# Entries and roots of the reference tests of certificate transparency (RFC 6962).
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
# The example of the Go package that the note format comes from.
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

SIGNER = Signer("telaga.testville/access", b"\x07" * 32)
OTHER = Signer("telaga.testville/access", b"\x08" * 32)
WITNESS = Signer("dpr.testville", b"\x09" * 32, COSIGNATURE)
KEYS = [SIGNER.verifier]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert root([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


def tree(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
@settings(max_examples=150, deadline=None, database=None)
def test_an_inclusion_proof_shows_its_own_entry_and_no_other(size_and_index: tuple[int, int]) -> None:
    size, index = size_and_index
    leaves = tree(size)
    proof, top = inclusion_proof(leaves, index), root(leaves)
    assert is_included(leaves[index], index, size, proof, top)
    assert not is_included(leaf_hash(b"another"), index, size, proof, top)
    assert not is_included(leaves[index], index, size, [*proof, top], top)
    assert not is_included(leaves[index], index, size, proof[:-1], top) or not proof
    for other in {(index + 1) % size, (index - 1) % size} - {index}:
        assert not is_included(leaves[index], other, size, proof, top)


@given(st.integers(0, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size))))
@settings(max_examples=150, deadline=None, database=None)
def test_a_consistency_proof_shows_a_beginning_and_nothing_else(sizes: tuple[int, int]) -> None:
    size, earlier = sizes
    leaves = tree(size)
    proof, tops = consistency_proof(leaves, earlier), (root(leaves[:earlier]), root(leaves))
    assert is_consistent(earlier, tops[0], size, tops[1], proof)
    forged = root([leaf_hash(b"forged"), *leaves[1:earlier]])
    assert not is_consistent(earlier, forged, size, tops[1], proof)
    if 0 < earlier < size:
        assert not is_consistent(earlier, tops[0], size, root([*leaves[:-1], leaf_hash(b"forged")]), proof)
        assert not is_consistent(earlier, tops[0], size, tops[1], proof[:-1])
        assert not is_consistent(earlier, tops[0], size, tops[1], [*proof, tops[0]])
    assert not is_consistent(size + 1, tops[1], size, tops[1], [])


def test_a_node_cannot_pass_for_an_entry() -> None:
    leaves = tree(2)
    assert root([leaf_hash(leaves[0] + leaves[1])]) != root(leaves) == node_hash(*leaves)


def test_outside_a_tree_there_is_nothing_to_prove() -> None:
    for call in (lambda: inclusion_proof(tree(3), 3), lambda: consistency_proof(tree(3), 4)):
        with pytest.raises(IndexError):
            call()


def test_a_note_signed_elsewhere_is_read_and_one_changed_letter_is_not() -> None:
    verifier = Verifier.parse(NOTE_KEY)
    assert str(verifier) == NOTE_KEY
    with pytest.raises(BadNote, match="no checkpoint"):  # the signature holds: the text is none of ours
        open_note(NOTE, [verifier])
    with pytest.raises(BadNote, match="was changed"):
        open_note(NOTE.replace("problem is", "problem was"), [verifier])


def test_a_checkpoint_goes_there_and_back() -> None:
    made = Checkpoint("telaga.testville/access", 12, b"\x01" * 32)
    note = sign(made, SIGNER)
    assert open_note(note, KEYS) == made
    assert open_note(note, [Verifier.parse(str(SIGNER.verifier))]) == made
    assert note.startswith("telaga.testville/access\n12\n" + base64.b64encode(b"\x01" * 32).decode() + "\n\n— ")


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n12\n", "\n13\n"),
        lambda note: note.replace("access\n12", "other\n12"),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note[:-10] + "\n",
        lambda note: note.replace("\n12\n", "\n012\n"),
        lambda note: "",
    ],
    ids=["size", "origin", "no signature", "cut", "spelling", "nothing"],
)
def test_a_changed_checkpoint_is_refused(change: Callable[[str], str]) -> None:
    note = sign(Checkpoint("telaga.testville/access", 12, b"\x01" * 32), SIGNER)
    with pytest.raises(BadNote):
        open_note(change(note), KEYS)


def test_a_checkpoint_of_another_key_or_of_none_is_refused() -> None:
    note = sign(Checkpoint("telaga.testville/access", 12, b"\x01" * 32), OTHER)
    with pytest.raises(BadNote, match="no signature of"):
        open_note(note, KEYS)
    with pytest.raises(BadNote, match="without a key"):
        open_note(note, [])


def test_a_key_copied_wrongly_is_refused() -> None:
    line = str(SIGNER.verifier)
    for wrong in (line.replace("testville", "testvile"), line[:-6], "key", line.replace("+", "-")):
        with pytest.raises(BadNote):
            Verifier.parse(wrong)


def test_a_private_key_stands_in_no_representation() -> None:
    assert "\\x07" not in repr(SIGNER) and (b"\x07" * 4).hex() not in repr(SIGNER)


@pytest.fixture
def log(tmp_path: Path) -> ChainedLog:
    made = ChainedLog(tmp_path / "access.jsonl")
    fill(made, 6)
    return made


def fill(log: ChainedLog, entries: int, event: str = "read") -> None:
    for number in range(entries):
        log.append({"event": event, "number": number})


def test_a_log_that_grows_keeps_faith_with_every_checkpoint(log: ChainedLog) -> None:
    notes = [make_checkpoint(log, SIGNER)]
    for _ in range(3):
        fill(log, 5)
        notes.append(make_checkpoint(log, SIGNER))
    found = audit(log.lines(), notes[-1], KEYS, earlier=notes[:-1])
    assert (found.origin, found.size) == ("telaga.testville/access", 21)
    assert Verifier.parse(key_path(log).read_text()) == SIGNER.verifier


def test_nothing_new_signs_nothing_new(log: ChainedLog) -> None:
    note = cosign(make_checkpoint(log, SIGNER), WITNESS, 1_780_000_000)
    checkpoint_path(log).write_text(note)
    assert make_checkpoint(log, SIGNER) == note


def rebuilt(log: ChainedLog, numbers: list[int]) -> list[bytes]:
    """A log written anew by somebody who holds the machine: its chain is whole, only its content is not the old one."""
    other = ChainedLog(log.path.with_name("forged.jsonl"))
    for number in numbers:
        other.append({"event": "read", "number": number})
    assert other.verify().entries == len(numbers)
    return list(other.lines())


@pytest.mark.parametrize(
    "numbers",
    [[0, 1, 9, 3, 4, 5], [0, 1, 3, 4, 5], [0, 2, 1, 3, 4, 5], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7], []],
    ids=["edited", "dropped", "reordered", "truncated", "forked", "emptied"],
)
def test_a_log_written_anew_with_a_whole_chain_is_detected_by_the_public_key_alone(
    log: ChainedLog, numbers: list[int]
) -> None:
    note = make_checkpoint(log, SIGNER)
    forged = rebuilt(log, numbers)
    with pytest.raises(BrokenLog):
        audit(forged, note, KEYS)
    log.path.write_bytes(b"".join(line + b"\n" for line in forged))
    with pytest.raises(BrokenLog, match="does not continue its checkpoint"):
        make_checkpoint(log, SIGNER)


def test_a_forger_who_also_has_the_signing_key_is_caught_by_a_checkpoint_kept_elsewhere(log: ChainedLog) -> None:
    kept = make_checkpoint(log, SIGNER)
    forged = rebuilt(log, [0, 1, 9, 3, 4, 5, 6])
    signed_anew = sign(Checkpoint(SIGNER.name, 7, root([leaf_hash(line) for line in forged])), SIGNER)
    assert audit(forged, signed_anew, KEYS).size == 7
    with pytest.raises(BrokenLog, match="another branch"):
        audit(forged, signed_anew, KEYS, earlier=[kept])
    with pytest.raises(BrokenLog, match="older than one that is known"):
        audit(log.lines(), kept, KEYS, earlier=[signed_anew])


def test_a_changed_checkpoint_beside_the_log_is_never_signed_over(log: ChainedLog) -> None:
    make_checkpoint(log, SIGNER)
    path = checkpoint_path(log)
    path.write_text(path.read_text().replace("\n6\n", "\n5\n"))
    with pytest.raises(BrokenLog, match="was changed"):
        make_checkpoint(log, SIGNER)


def test_a_broken_chain_is_never_signed(log: ChainedLog) -> None:
    log.path.write_bytes(log.path.read_bytes().replace(b'"number":2', b'"number":7'))
    with pytest.raises(BrokenLog, match="line 3"):
        make_checkpoint(log, SIGNER)
    assert not checkpoint_path(log).exists()


def test_one_entry_is_proven_without_the_rest_of_the_log(log: ChainedLog) -> None:
    note = make_checkpoint(log, SIGNER)
    entries = list(log.lines())
    fill(log, 3)  # later entries change nothing
    for index, entry in enumerate(entries):
        proof = prove_entry(log, note, index, KEYS)
        assert check_entry(entry, proof, KEYS) == index
        with pytest.raises(BadNote, match="not number"):
            check_entry(entries[index - 1], proof, KEYS)
        with pytest.raises(BadNote):
            check_entry(entry, proof.replace(f"index {index}", f"index {(index + 1) % 6}"), KEYS)
    with pytest.raises(IndexError):
        prove_entry(log, note, 6, KEYS)
    for text in ("", note, "c2sp.org/tlog-proof@v1\nindex x\n\n" + note):
        with pytest.raises(BadNote, match="no proof"):
            check_entry(entries[0], text, KEYS)


def test_a_witness_cosigns_growth_and_refuses_another_branch(log: ChainedLog) -> None:
    witness = Witness(WITNESS, SIGNER.verifier)
    both = [SIGNER.verifier, WITNESS.verifier]
    first = witness.cosign(make_checkpoint(log, SIGNER), 1_780_000_000)
    fill(log, 5)
    second = make_checkpoint(log, SIGNER)
    growth = prove_growth(log, open_note(first, both), open_note(second, KEYS))
    cosigned = witness.cosign(second, 1_780_000_100, last=first, growth=growth)
    assert audit(log.lines(), cosigned, both, earlier=[first]).size == 11

    with pytest.raises(BadNote, match=r"no signature of dpr\.testville"):
        open_note(second, both)
    with pytest.raises(BrokenLog, match="not cosigned"):
        witness.cosign(second, 1_780_000_100, last=first, growth=growth[:-1])
    forged = [leaf_hash(line) for line in rebuilt(log, [0, 1, 9, 3, 4, 5, 6, 7])]
    branch = sign(Checkpoint(SIGNER.name, 8, root(forged)), SIGNER)
    with pytest.raises(BrokenLog, match="not cosigned"):
        witness.cosign(branch, 1_780_000_100, last=first, growth=consistency_proof(forged, 6))
    with pytest.raises(BadNote):
        witness.cosign(sign(Checkpoint(SIGNER.name, 8, root(forged)), OTHER), 1_780_000_100)


def test_the_time_of_a_cosignature_is_signed_as_well(log: ChainedLog) -> None:
    note = cosign(make_checkpoint(log, SIGNER), WITNESS, 1_780_000_000)
    head, line = note[: note.rindex("— ")], note[note.rindex("— ") :]
    _, name, encoded = line.split()
    raw = bytearray(base64.b64decode(encoded))
    raw[11] ^= 1  # the last byte of the time, after 4 of the key's id
    with pytest.raises(BadNote, match="was changed"):
        open_note(f"{head}— {name} {base64.b64encode(raw).decode()}\n", [WITNESS.verifier])

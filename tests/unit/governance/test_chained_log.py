"""Whatever is done to a log by somebody who cannot rewrite all of it is noticed."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from governance.access_log import AccessLog
from governance.chained_log import GENESIS, BrokenLog, ChainedLog, Head


@pytest.fixture
def log(tmp_path: Path) -> ChainedLog:
    made = ChainedLog(tmp_path / "log.jsonl")
    for number in range(5):
        made.append({"event": "read", "number": number})
    return made


def lines(log: ChainedLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def rewrite(log: ChainedLog, new: list[bytes]) -> None:
    log.path.write_bytes(b"".join(new))


def test_an_untouched_log_verifies_to_its_head(log: ChainedLog) -> None:
    head = log.verify()
    assert head == log.head()
    assert head.entries == 5
    assert [entry["number"] for entry in log.entries()] == [0, 1, 2, 3, 4]
    assert log.verify(head) == head


def test_an_empty_log_has_the_head_of_nothing(tmp_path: Path) -> None:
    log = ChainedLog(tmp_path / "none.jsonl")
    assert log.verify() == log.head() == Head(0, GENESIS)
    assert list(log.entries()) == []


def test_an_edited_entry_is_detected_at_its_line(log: ChainedLog) -> None:
    found = lines(log)
    found[2] = found[2].replace(b'"number":2', b'"number":7')
    rewrite(log, found)
    with pytest.raises(BrokenLog, match="line 3"):
        log.verify()


def test_an_edited_entry_with_a_digest_that_fits_is_detected_at_the_next(log: ChainedLog) -> None:
    other = ChainedLog(log.path.with_name("other.jsonl"))
    for number in (0, 1, 7):
        other.append({"event": "read", "number": number})
    found = lines(log)
    found[2] = lines(other)[2]
    rewrite(log, found)
    with pytest.raises(BrokenLog, match="line"):
        log.verify()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"number":2', b'"number":9,"number":2'),
        (b'"number":2', b'"number": 2'),
        (b'"event":"read"', b'"event":"re\\u0061d"'),
    ],
    ids=["a name twice", "a space", "an escape"],
)
def test_an_entry_spelled_otherwise_is_detected_though_it_reads_the_same(
    log: ChainedLog, old: bytes, new: bytes
) -> None:
    found = lines(log)
    assert old in found[2]
    before = json.loads(found[2])
    found[2] = found[2].replace(old, new)
    assert json.loads(found[2]) == before
    rewrite(log, found)
    with pytest.raises(BrokenLog, match="line 3"):
        log.verify()


def test_a_dropped_entry_is_detected(log: ChainedLog) -> None:
    found = lines(log)
    rewrite(log, found[:1] + found[2:])
    with pytest.raises(BrokenLog, match="line 2"):
        log.verify()


def test_a_first_entry_dropped_is_detected(log: ChainedLog) -> None:
    rewrite(log, lines(log)[1:])
    with pytest.raises(BrokenLog, match="line 1"):
        log.verify()


def test_reordered_entries_are_detected(log: ChainedLog) -> None:
    found = lines(log)
    rewrite(log, [found[0], found[2], found[1], *found[3:]])
    with pytest.raises(BrokenLog, match="line 2"):
        log.verify()


def test_an_entry_told_twice_is_detected(log: ChainedLog) -> None:
    found = lines(log)
    rewrite(log, [*found, found[-1]])
    with pytest.raises(BrokenLog, match="line 6"):
        log.verify()


def test_a_cut_end_is_seen_by_who_kept_an_earlier_head_and_by_nobody_else(log: ChainedLog) -> None:
    known = log.head()
    rewrite(log, lines(log)[:3])
    assert log.verify().entries == 3
    with pytest.raises(BrokenLog, match="entry 5"):
        log.verify(known)


def test_a_fork_is_seen_by_who_kept_a_head_of_the_other_branch(log: ChainedLog) -> None:
    before = lines(log)
    log.append({"event": "read", "number": 5})
    known = log.head()
    rewrite(log, before)
    log.append({"event": "read", "number": 6})
    log.append({"event": "read", "number": 7})
    assert log.verify().entries == 7
    with pytest.raises(BrokenLog, match="entry 6"):
        log.verify(known)


def test_a_log_that_grew_continues_from_a_known_head(log: ChainedLog) -> None:
    known = log.head()
    log.append({"event": "read", "number": 5})
    assert log.verify(known).entries == 6


def test_a_head_of_no_entry_is_only_the_one_of_nothing(log: ChainedLog) -> None:
    assert log.verify(Head(0, GENESIS)).entries == 5
    with pytest.raises(BrokenLog):
        log.verify(Head(0, "a" * 64))


def test_a_half_written_line_is_no_entry_and_the_next_append_takes_its_place(log: ChainedLog) -> None:
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"event":"re')
    assert log.verify().entries == 5
    log.append({"event": "read", "number": 5})
    assert log.verify().entries == 6
    assert log.path.read_bytes().startswith(whole)


def test_nothing_is_appended_to_what_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"something else\n")
    with pytest.raises(BrokenLog, match="last line"):
        ChainedLog(path).append({"event": "read"})
    assert path.read_bytes() == b"something else\n"


def test_the_logs_own_names_cannot_be_given(log: ChainedLog) -> None:
    with pytest.raises(ValueError, match="digest"):
        log.append({"digest": "x"})


def test_a_line_longer_than_what_is_read_back_at_once_is_found(log: ChainedLog) -> None:
    log.append({"event": "read", "note": "x" * 200_000})
    log.append({"event": "read", "note": "y" * 70_000})
    assert log.verify() == log.head()
    assert log.head().entries == 7


def _append(path: Path, writer: int) -> None:
    for number in range(25):
        ChainedLog(path).append({"writer": writer, "number": number})


def test_several_processes_append_to_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(path, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = ChainedLog(path)
    assert log.verify().entries == 100
    for writer in range(4):
        assert [entry["number"] for entry in log.entries() if entry["writer"] == writer] == list(range(25))


def test_the_access_log_takes_only_its_own_actions_and_names(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl")
    log.record(actor="govern_data", action="erase", subject="minimised/police_record", purpose="retention")
    with pytest.raises(ValueError, match="one of"):
        log.record(actor="a", action="peek", subject="s", purpose="p")
    for missing in ("actor", "subject", "purpose"):
        stated = {"actor": "a", "subject": "s", "purpose": "p", missing: " "}
        with pytest.raises(ValueError, match=missing):
            log.record(action="read", **stated)
    assert log.verify().entries == 1
    assert [(entry["actor"], entry["action"]) for entry in log.entries()] == [("govern_data", "erase")]
